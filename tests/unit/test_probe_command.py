"""The command `vexfs-qdrant probe`: its words and its exit status."""

from __future__ import annotations

import errno
import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.suites.device import Fault, MemoryDevice
from tests.suites.made_up import MadeUpDevice
from tests.support import SCRIPTS, run_command
from vexfs_twisted.device.kernel import open_device
from vexfs_twisted.device.throughput import measure
from vexfs_twisted.interfaces import IVectorDevice
from vexfs_twisted.model.device import DeviceDenied
from vexfs_twisted.probe_command import run_probe


class _Keeps(MemoryDevice):
    """A device that deletes the file of the probe, and not that of the figures."""

    def delete(self, name: str) -> None:
        if "figures" in name:
            raise DeviceDenied(f"deleting {name}: Operation not permitted (EPERM)", errno.EPERM)
        super().delete(name)


class Command(SynchronousTestCase):
    def ask(self, device: IVectorDevice | None, *arguments: str) -> tuple[int, str, str]:
        """The exit status, what went to standard output, and what to standard error."""
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            status = run_probe(arguments, open_device if device is None else lambda _: device)
        return status, output.getvalue(), errors.getvalue()

    def test_a_sound_device(self) -> None:
        device = MemoryDevice()
        status, output, errors = self.ask(device, "--no-figures", "PATH")
        self.assertEqual((status, errors), (0, ""))
        lines = output.splitlines()
        self.assertEqual(lines[:2], ["device     (memory) (memory)", "verdict    sound"])
        self.assertEqual(len(lines), 3)

    def test_figures_of_a_sound_device(self) -> None:
        status, output, _ = self.ask(MemoryDevice(), "PATH")
        self.assertEqual(status, 0)
        names = [line.split()[0] for line in output.splitlines()]
        self.assertEqual(names[-3:], ["inserts", "searches", "metadata"])

    def test_an_unsound_device_is_not_measured(self) -> None:
        """Each insert may cost the kernel memory that it never gives back."""
        asked, probed = MadeUpDevice(), MadeUpDevice()
        status, output, _ = self.ask(asked, "PATH")
        self.assertEqual(status, 1)
        self.assertEqual(output.splitlines()[-1].split()[0], "calls")
        self.ask(probed, "--no-figures", "PATH")
        self.assertEqual(asked.calls, probed.calls)

    def test_figures_are_shown_where_their_file_cannot_be_deleted(self) -> None:
        status, output, errors = self.ask(_Keeps(), "PATH")
        self.assertEqual((status, errors), (0, ""))
        names = [line.split()[0] for line in output.splitlines()]
        self.assertEqual(names[-4:], ["inserts", "searches", "metadata", "left"])
        self.assertIn("EPERM", output.splitlines()[-1])

    def test_an_unsound_device_is_told_with_all_that_is_wrong(self) -> None:
        status, output, errors = self.ask(MadeUpDevice(), "--no-figures", "PATH")
        self.assertEqual((status, errors), (1, ""))
        self.assertIn("verdict    unsound\n", output)
        for code in ("stores_nothing", "unknown_ids", "constant_scores"):
            self.assertIn(f"finding    {code}: ", output)

    def test_the_limit_of_slowness_is_an_option(self) -> None:
        device = MemoryDevice()
        status, output, _ = self.ask(device, "--no-figures", "--slow=0", "PATH")
        self.assertEqual(status, 1)
        self.assertIn("finding    slow: ", output)

    def test_a_device_that_cannot_be_asked(self) -> None:
        device = MemoryDevice()
        device.inject(Fault.EIO)
        status, output, errors = self.ask(device, "PATH")
        self.assertEqual((status, output), (2, ""))
        self.assertIn("it cannot be asked: ", errors)

    def test_what_is_no_device(self) -> None:
        plain = Path(self.mktemp())
        plain.write_text("text")
        for path in (str(plain), "/dev/null", "/", str(plain) + "-missing"):
            status, output, errors = self.ask(None, path)
            self.assertEqual((status, output), (2, ""))
            self.assertEqual(len(errors.splitlines()), 1)

    def test_wrong_arguments(self) -> None:
        for arguments in ((), ("a", "b"), ("--slow=x", "a"), ("--nope", "a")):
            status, _, errors = self.ask(MemoryDevice(), *arguments)
            self.assertEqual(status, 2, arguments)
            self.assertTrue(errors.startswith("vexfs-qdrant probe: "), errors)
        self.assertIn("'b'", self.ask(MemoryDevice(), "a", "b")[2])
        self.assertIn("PATH", self.ask(MemoryDevice())[2])

    def test_it_is_a_command_of_the_console_script(self) -> None:
        done = run_command([str(SCRIPTS / "vexfs-qdrant"), "probe", "/dev/null"])
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("ENOTTY", done.stderr)
        helped = run_command([str(SCRIPTS / "vexfs-qdrant"), "probe", "--help"])
        self.assertEqual(helped.returncode, 0)
        self.assertIn("PATH", helped.stdout)


class Measured(SynchronousTestCase):
    def test_rates_are_calls_in_the_time_that_the_clock_tells(self) -> None:
        clock = Clock()
        device = MemoryDevice(pause=lambda: clock.advance(0.125))
        device.inject(Fault.SLOW)
        figures = measure(device, clock.seconds, seconds=1.0)
        self.assertEqual((figures.vectors, figures.inserts), (8000, 8000.0))
        self.assertEqual((figures.searches, figures.metadata), (8.0, 8.0))
        device.heal()
        self.assertEqual(device.list_files(), [])
