"""Changes of a data folder that are cut off before any of their steps, by real kills."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT, run_python


class CutOffTests(SynchronousTestCase):
    """Each of them is a program: only a process with one thread may be copied."""

    def steps(self, scenario: str, program: str = "cut_off") -> int:
        """Run a scenario of a program; how many steps its change has."""
        home = Path(tempfile.mkdtemp(prefix="vexfs-cut-off-"))
        self.addCleanup(shutil.rmtree, home)
        arguments = ("-m", f"tests.programs.{program}", scenario, str(home))
        done = run_python(*arguments, cwd=ROOT, seconds=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stdout)

    def test_a_collection_that_is_made(self) -> None:
        self.assertGreater(self.steps("creation"), 20)

    def test_a_collection_that_is_deleted(self) -> None:
        self.assertGreater(self.steps("deletion"), 10)

    def test_aliases_that_change(self) -> None:
        self.assertGreaterEqual(self.steps("aliases"), 4)

    def test_a_catalog_that_is_made_again(self) -> None:
        self.assertGreater(self.steps("rebuilding"), 20)

    def test_a_copy_that_is_taken_in(self) -> None:
        self.assertGreater(self.steps("adoption"), 10)

    def test_a_folder_of_the_first_format(self) -> None:
        self.assertGreater(self.steps("upgrade"), 20)

    def test_vector_files_of_the_device(self) -> None:
        for scenario in ("emptying", "removal", "replacement", "tightening"):
            self.assertGreaterEqual(self.steps(scenario, "cut_off_device"), 4, scenario)
