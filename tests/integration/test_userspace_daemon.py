"""The process of the userspace device: starts, stops, its end by a kill, and who may call."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess
from unittest import SkipTest

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests import device_calls as calls
from tests.device_calls import RawFile
from tests.device_support import DeviceDied, UserspaceDevice
from tests.support import SCRIPTS, run_command

NOBODY = 65534


class Restarts(SynchronousTestCase):
    def setUp(self) -> None:
        self.device = UserspaceDevice().start()
        self.addCleanup(self.device.close)

    def path(self, name: str) -> Path:
        return self.device.mount / name

    def test_everything_is_there_again(self) -> None:
        data = calls.vectors(500, 8)
        with RawFile(self.path("a")) as file:
            file.set_meta(8, data_offset=7)
            file.insert(data, np.arange(500) + 10)
            told = file.meta()
        RawFile(self.path("nothing set")).__exit__()
        with RawFile(self.path("gone")) as file:
            file.insert(data)
        self.path("gone").unlink()
        with RawFile(self.path("old")) as file:
            file.set_meta(3)
        self.path("old").rename(self.path("new"))
        self.path("new").chmod(0o640)
        for restart in (self.device.stop, self.device.kill):
            restart()
            self.device.start()
            self.assertEqual(sorted(os.listdir(self.device.mount)), ["a", "new", "nothing set"])
            with RawFile(self.path("a"), os.O_RDWR) as file:
                self.assertEqual(file.meta(), told)
                self.assertEqual(file.search(data[3], 1)[0].tolist(), [13])
            self.assertEqual(self.path("a").read_bytes(), data.tobytes())
            self.assertEqual(self.path("new").stat().st_mode & 0o7777, 0o640)
        with RawFile(self.path("a")) as file:
            file.insert(calls.vectors(1, 8, seed=5))
            self.assertEqual(file.search(calls.vectors(1, 8, seed=5)[0], 1)[0].tolist(), [510])

    def test_what_was_answered_is_there_after_a_kill(self) -> None:
        told = self.device.home / "told"
        for _ in range(3):
            with get_context("spawn").Pool(1) as pool:
                arguments = (str(self.path("victim")), str(told), 6)
                running = pool.apply_async(calls.insert_until_it_fails, arguments)
                while not told.exists() or len(told.read_text()) < 12:
                    running.wait(0.05)
                running.wait(0.3)
                self.device.kill()
                running.get(timeout=60)
            self.device.start()
            answered = int(told.read_text())
            with RawFile(self.path("victim"), os.O_RDWR) as file:
                self.assertIn(file.count(), (answered, answered + 10))
                for start in range(0, answered, max(10, answered // 100 * 10)):
                    batch = calls.vectors(10, 6, seed=start)
                    self.assertEqual(file.search(batch[4], 1)[0].tolist(), [start + 4])
            self.path("victim").unlink()
            told.unlink()

    def test_it_stops_while_files_are_open_and_calls_are_under_way(self) -> None:
        told = self.device.home / "told"
        held = RawFile(self.path("held"))
        self.addCleanup(held.__exit__)
        with get_context("spawn").Pool(1) as pool:
            running = pool.apply_async(
                calls.insert_until_it_fails, (str(self.path("busy")), str(told), 6)
            )
            while not told.exists() or len(told.read_text()) < 12:
                running.wait(0.05)
            self.assertEqual(self.device.stop(), 0)
            running.get(timeout=60)
        self.assertFalse(os.path.ismount(self.device.mount))
        error = self.assertRaises(OSError, held.meta)
        self.assertIn(error.errno, (errno.ENOTCONN, errno.EIO, errno.ECONNABORTED))
        self.device.start()
        with RawFile(self.path("busy"), os.O_RDWR) as file:
            self.assertGreaterEqual(file.count(), int(told.read_text()))

    def test_an_unmount_from_outside_ends_it_in_order(self) -> None:
        self.device.unmount()
        self.assertEqual(self.device.wait(), 0)
        self.assertEqual(self.device.log_events()[-1]["event"], "stopped")


class RelativeData(UserspaceDevice):
    """A device whose data folder is named as from the current directory."""

    def command_line(self) -> list[str]:
        return [word.replace(str(self.data), self.data.name) for word in super().command_line()]


class Folders(SynchronousTestCase):
    def test_a_data_folder_may_be_relative(self) -> None:
        device = RelativeData()
        self.addCleanup(device.close)
        self.addCleanup(device.unmount)
        device.start()
        (device.mount / "vectors").touch()
        self.assertEqual([path.name for path in (device.data / "names").iterdir()], ["vectors"])


class Refusals(SynchronousTestCase):
    def setUp(self) -> None:
        self.device = UserspaceDevice()
        self.addCleanup(self.device.close)

    def command(self, *arguments: str) -> CompletedProcess[str]:
        return run_command([str(SCRIPTS / "vexfs-device"), *arguments])

    def cannot_start(self, mount: Path, data: Path) -> str:
        """The reason that it gives for not starting, in one line."""
        done = self.command(str(mount), f"--data={data}")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        (line,) = done.stdout.splitlines()
        return line

    def test_what_another_serves(self) -> None:
        self.device.start()
        other = self.device.home / "other"
        other.mkdir()
        reason = self.cannot_start(other, self.device.data)
        self.assertIn(f"in use by process {self.device.pid}", reason)
        self.assertIn("is a mount already", self.cannot_start(self.device.mount, other))

    def test_a_mount_that_a_server_left_behind(self) -> None:
        process = self.device.start().process
        process.kill()
        process.wait()
        try:
            reason = self.cannot_start(self.device.mount, self.device.data)
            self.assertIn(f"fusermount3 -u {self.device.mount}", reason)
        finally:
            self.device.unmount()

    def test_a_data_folder_of_something_else(self) -> None:
        self.device.data.mkdir()
        (self.device.data / "FORMAT").write_text('{"format": "vexfs-qdrant", "version": 1}')
        error = self.assertRaises(DeviceDied, self.device.start)
        self.assertIn("not a data folder of this software", str(error))

    def test_an_entry_of_another_version_is_named(self) -> None:
        self.device.start()
        RawFile(self.device.mount / "odd").__exit__()
        self.device.stop()
        (self.device.data / "names" / "odd").write_text('{"version": 2}')
        error = self.assertRaises(DeviceDied, self.device.start)
        self.assertIn("names/odd has an unknown format: version 2", str(error))

    def test_what_a_kill_left_half_made_is_removed(self) -> None:
        self.device.start()
        self.device.stop()
        (self.device.data / "drafts" / "half").touch()
        for name in ("half.creating", "half.deleting", "unmarked"):
            (self.device.data / "stores" / name).mkdir()
        self.device.start()
        self.assertEqual(os.listdir(self.device.data / "drafts"), [])
        self.assertEqual(os.listdir(self.device.data / "stores"), ["unmarked"])
        self.assertIn("left alone", self.device.log_text())

    def test_the_command_tells_its_options(self) -> None:
        self.assertIn("--data", self.command("--help").stdout)
        self.assertEqual(self.command("somewhere").returncode, 2)


class FullDisk(SynchronousTestCase):
    """A data folder on a small file system in memory, which takes a privileged user to mount."""

    def setUp(self) -> None:
        self.device = UserspaceDevice()
        self.addCleanup(self.device.close)
        data = self.device.data
        data.mkdir()
        try:
            command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(data)]
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise SkipTest("needs the right to mount a file system") from None
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(data)], check=True)

    def test_what_has_no_room_is_refused_and_nothing_is_lost(self) -> None:
        self.device.start()
        path = self.device.mount / "a"
        data = calls.vectors(100_000, 64)
        stored = 0
        with RawFile(path) as file:
            with self.assertRaises(OSError) as caught:
                for stored in range(0, len(data), 100):
                    file.insert(data[stored : stored + 100])
            self.assertEqual(caught.exception.errno, errno.ENOSPC)
            self.assertEqual((file.count(), len(path.read_bytes())), (stored, stored * 256))
            self.assertEqual(file.search(data[stored - 1], 1)[0].tolist(), [stored - 1])
            # Another file finds no room either, and leaves nothing lying about.
            with self.assertRaises(OSError) as caught, RawFile(self.device.mount / "b") as other:
                other.insert(data)
            self.assertEqual(caught.exception.errno, errno.ENOSPC)
        self.assertEqual(os.listdir(self.device.data / "drafts"), [])
        self.assertEqual(len(os.listdir(self.device.data / "stores")), 1)
        self.device.kill()
        self.device.start()
        self.assertEqual(path.read_bytes(), data[:stored].tobytes())
        path.unlink()
        with RawFile(self.device.mount / "c") as file:
            file.insert(data[:stored])
            self.assertEqual(file.count(), stored)


def as_nobody(work: Callable[[], object]) -> int:
    """Run `work` as a user of no rights in a process of its own; the errno it ended with, or 0."""
    child = os.fork()
    if child == 0:
        status = 255
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            work()
            status = 0
        except OSError as error:
            status = error.errno or 255
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class OtherUsers(SynchronousTestCase):
    def setUp(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("needs to be root, to become others")

    def device(self, *options: str) -> UserspaceDevice:
        device = UserspaceDevice(None, *options)
        self.addCleanup(device.close)
        device.home.chmod(0o755)
        device.mount.chmod(0o1777)
        return device.start()

    def test_are_kept_out(self) -> None:
        device = self.device()
        self.assertEqual(as_nobody(lambda: os.listdir(device.mount)), errno.EACCES)

    def test_may_do_what_modes_allow_when_they_are_let_in(self) -> None:
        device = self.device("--allow-other")
        theirs, ours = device.mount / "theirs", device.mount / "ours"
        data = calls.vectors(20, 4)

        def use() -> None:
            with RawFile(theirs) as file:
                file.insert(data)
                assert file.search(data[7], 1)[0].tolist() == [7]

        self.assertEqual(as_nobody(use), 0)
        self.assertEqual((theirs.stat().st_uid, theirs.stat().st_size), (NOBODY, 320))
        with RawFile(ours) as file:
            file.insert(data)

        def write() -> None:
            RawFile(ours, os.O_RDWR).__exit__()

        def read() -> None:
            with RawFile(ours, os.O_RDONLY) as file:
                assert file.count() == 20
                file.insert(data)

        self.assertEqual(as_nobody(write), errno.EACCES)
        self.assertEqual(as_nobody(read), errno.EBADF)
        self.assertEqual(as_nobody(ours.unlink), errno.EPERM)
        ours.chmod(0o600)
        self.assertEqual(as_nobody(read), errno.EACCES)
