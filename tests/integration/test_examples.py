"""The examples do what README says of them, against a server that they start themselves."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import ROOT, run_command, shared_path


class Examples(SynchronousTestCase):
    def output_of(self, name: str, *arguments: str) -> str:
        """What an example prints over both wires; its own verdict must be good."""
        command = [sys.executable, str(ROOT / "examples" / name), "--spawn", *arguments]
        done = run_command(command, seconds=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_digits(self) -> None:
        if find_spec("sklearn") is None:
            raise SkipTest("needs scikit-learn")
        found = re.findall(r"^(\w+): .* accuracy ([\d.]+)$", self.output_of("digits.py"), re.M)
        self.assertEqual([wire for wire, _ in found], ["REST", "gRPC"])
        for _, accuracy in found:
            self.assertGreaterEqual(float(accuracy), 0.97)

    def test_package_search(self) -> None:
        folder = shared_path("data", "debian-packages")
        output = self.output_of("package_search.py", str(folder))
        self.assertIn("stored 60000 packages", output)
        self.assertEqual(
            re.findall(r"^(\w+): recall@10 ([\d.]+);", output, re.M),
            [("REST", "1.0000"), ("gRPC", "1.0000")],
        )
        games = output.partition("games only")[2].partition("\n\n")[0]
        self.assertEqual(games.count("(games, "), 3, games)
