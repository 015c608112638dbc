"""Programs that run with the library of tests/programs/fail_calls.c, by which system calls fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.server_process import clean_environment
from tests.support import ROOT, run_command

SOURCE = ROOT / "tests" / "programs" / "fail_calls.c"
_FLAGS = ("-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
_SECONDS = 3 * 3600
"""Enough for every call of the workload, each in its turn, on a machine that is busy otherwise."""


def run_preloaded(
    test: SynchronousTestCase, program: str, *arguments: object
) -> subprocess.CompletedProcess[str]:
    """Run a program of tests.programs in a new folder, its first argument, and wait.

    Skips the test, by name, where no C compiler is.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SkipTest("needs a C compiler")
    home = Path(tempfile.mkdtemp(prefix="vexfs-preloaded-"))
    test.addCleanup(shutil.rmtree, home)
    library = home / "fail_calls.so"
    built = run_command([compiler, *_FLAGS, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"])
    test.assertEqual(built.returncode, 0, built.stderr)
    command = [sys.executable, "-m", f"tests.programs.{program}", str(home), *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment() | {"LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
