"""The `vexfs-device` command: a VexFS v2 device in user space, in the foreground."""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
from pathlib import Path

from twisted.logger import globalLogBeginner

from vexfs_twisted import __version__, logs
from vexfs_twisted.engine.errors import EngineStartError
from vexfs_twisted.service_manager import notify_manager

from .budget import Budget
from .directory import Directory
from .ioctls import Ioctls
from .mount import MountError, binding, checked_mountpoint, serve
from .operations import FileOperations

_MEGABYTE = 1 << 20

log = logs.get_logger("vexfs.userspace")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vexfs-device",
        description="A VexFS v2 device in user space: every file in MOUNTPOINT is a vector file. "
        "Runs in the foreground until SIGTERM, SIGINT or an unmount.",
    )
    parser.add_argument("mountpoint", metavar="MOUNTPOINT", type=Path, help="an empty directory")
    parser.add_argument(
        "--data", required=True, metavar="DIR", type=Path, help="where the vectors are kept"
    )
    parser.add_argument(
        "--allow-other",
        action="store_true",
        help="let other users in, as far as the modes of the files do",
    )
    parser.add_argument(
        "--max-request-mb",
        type=int,
        default=1024,
        metavar="N",
        help="megabytes of vectors that inserts under way may hold together (default: 1024)",
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info"
    )
    parser.add_argument("--log-format", choices=("text", "json"), default="text")
    parser.add_argument("--version", action="version", version=f"vexfs-device {__version__}")
    return parser


def main() -> None:
    """Run the command; the exit status is 0 after a clean stop, 1 if it could not start."""
    options = _options().parse_args()
    logs.begin(options.log_level)
    # The binding logs refusals with tracebacks; the operations log them in one line.
    logging.getLogger("fuse").setLevel(logging.WARNING)
    observer = logs.stream_observer(sys.stdout, options.log_format, options.log_level)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    try:
        _run(options)
    except (MountError, EngineStartError) as error:
        log.error("cannot start", reason=str(error))
        sys.exit(1)
    log.info("stopped")


def _run(options: argparse.Namespace) -> None:
    binding()
    root = checked_mountpoint(options.mountpoint, options.data)
    _raise_descriptor_limit()
    # libfuse changes the working directory to / when it mounts.
    directory = Directory(options.data.absolute())
    directory.open()
    try:
        calls = Ioctls(Budget(options.max_request_mb * _MEGABYTE))

        def tell() -> None:
            log.info(
                "mounted",
                mountpoint=str(options.mountpoint),
                data=str(options.data),
                files=len(directory.names()),
            )
            notify_manager("READY=1", os.environ)

        operations = FileOperations(directory, calls, root, tell)
        serve(operations, options.mountpoint, allow_other=options.allow_other)
        notify_manager("STOPPING=1", os.environ)
    finally:
        directory.close()


def _raise_descriptor_limit() -> None:
    """Raise the soft limit of descriptors to the hard one: each vector file has several."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
