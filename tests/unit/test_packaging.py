"""What an installed copy holds, and that its commands work away from the checkout."""

from __future__ import annotations

import shutil
import sysconfig
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import PurePosixPath

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import ROOT, SCRIPTS, run_command
from vexfs_twisted import __version__


def installed() -> Distribution:
    """The project as pip installed it; a checkout's own metadata does not count."""
    place = sysconfig.get_path("purelib")
    return next(iter(distributions(name="vexfs-qdrant", path=[place])))


def installed_files() -> set[PurePosixPath]:
    """Its files. Skips the calling test where the install is an editable one, which has none."""
    files = {PurePosixPath(file) for file in installed().files or ()}
    if PurePosixPath("vexfs_twisted/__init__.py") not in files:
        raise SkipTest("needs an install that is not editable")
    return files


class Installed(SynchronousTestCase):
    def setUp(self) -> None:
        self.elsewhere = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.elsewhere)

    def test_the_version_is_told_alike_everywhere(self) -> None:
        self.assertEqual(installed().version, __version__)
        for command in ("vexfs-qdrant", "vexfs-device"):
            done = run_command([str(SCRIPTS / command), "--version"], cwd=self.elsewhere)
            self.assertEqual(done.returncode, 0)
            self.assertIn(__version__, done.stdout)

    def test_twistd_lists_the_daemon(self) -> None:
        done = run_command([str(SCRIPTS / "twistd"), "--help"], cwd=self.elsewhere)
        self.assertIn("vexfs-qdrant", done.stdout)

    def test_nothing_of_twisted_but_the_plugin_is_ours(self) -> None:
        ours = {str(file) for file in installed_files() if file.parts[0] == "twisted"}
        compiled = {name for name in ours if "__pycache__" in name}
        self.assertEqual(ours - compiled, {"twisted/plugins/vexfs_qdrant_plugin.py"})

    def test_every_module_stub_and_table_of_the_checkout_is_installed(self) -> None:
        source = ROOT / "vexfs_twisted"
        wanted = {
            PurePosixPath(path.relative_to(ROOT))
            for pattern in ("*.py", "*.pyi", "*.json", "*.h", "py.typed")
            for path in source.rglob(pattern)
        }
        self.assertIn(PurePosixPath("vexfs_twisted/py.typed"), wanted)
        self.assertEqual(wanted - installed_files(), set())

    def test_tests_are_not_installed(self) -> None:
        roots = {file.parts[0] for file in installed_files()}
        self.assertEqual(roots & {"tests", "examples", "tools", "benchmarks"}, set())
