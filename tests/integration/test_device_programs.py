"""A C program that knows only our header, on the userspace device, in two processes at once."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.device_support import shared_device
from tests.support import ROOT, run_command
from vexfs_twisted import device
from vexfs_twisted.device.kernel import open_device

INCLUDE = Path(device.__file__).parent / "include"
SOURCE = ROOT / "tests" / "programs" / "share_vectors.c"

VECTORS = 2000
DIMENSIONS = 24


class Programs(SynchronousTestCase):
    def setUp(self) -> None:
        self.served = shared_device()
        self.program = self.compiled()
        client = open_device(str(self.served.mount))
        for name in client.list_files():
            client.delete(name)

    def compiled(self) -> str:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SkipTest("needs a C compiler")
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        program = f"{folder}/share_vectors"
        flags = ["-std=c11", "-D_DEFAULT_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"]
        command = [compiler, *flags, f"-I{INCLUDE}", "-o", program, str(SOURCE), "-lm"]
        built = run_command(command)
        self.assertEqual(built.returncode, 0, built.stderr)
        return program

    def start(self, name: str, first: int, dimensions: int = DIMENSIONS) -> subprocess.Popen[str]:
        arguments = [str(self.served.mount / name), str(first), str(VECTORS), str(dimensions)]
        process = subprocess.Popen(
            [self.program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def ended(self, process: subprocess.Popen[str]) -> int:
        """The count that the program printed. It must have ended well."""
        output, errors = process.communicate(timeout=120)
        self.assertEqual((process.returncode, errors), (0, ""), self.served.log_text())
        return int(output)

    def test_two_processes_on_one_file(self) -> None:
        processes = [self.start("shared", first) for first in (10, 10**12)]
        counts = [self.ended(process) for process in processes]
        self.assertEqual(max(counts), 2 * VECTORS)
        client = open_device(str(self.served.mount))
        self.addCleanup(client.close)
        meta = client.open("shared").meta()
        self.assertEqual((meta.vector_count, meta.dimensions), (2 * VECTORS, DIMENSIONS))

    def test_two_processes_on_files_of_their_own(self) -> None:
        processes = [self.start("one", 0), self.start("other", 0, dimensions=7)]
        self.assertEqual([self.ended(process) for process in processes], [VECTORS, VECTORS])
