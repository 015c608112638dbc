"""The command `vexfs-qdrant probe PATH`: verifies a VexFS device and measures its throughput."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum

from twisted.python.usage import UsageError

from .device.kernel import SoleFileDevice, open_device
from .device.probe import SLOW_SECONDS, probe
from .device.throughput import BATCH, DIMENSIONS, NEIGHBOURS, Throughput, measure
from .interfaces import IVectorDevice
from .model.device import DeviceError, ProbeReport
from .subcommands import SubcommandOptions


class ProbeStatus(IntEnum):
    """The exit status of the process."""

    SOUND = 0
    UNSOUND = 1
    CANNOT_BE_ASKED = 2


class ProbeOptions(SubcommandOptions):
    """The command line of the probe."""

    synopsis = "Usage: vexfs-qdrant probe [options] PATH"
    longdesc = (
        "Ask the VexFS device at PATH (the directory of a mount, a vector file or a device node) "
        "for neighbours that are known, in a vector file that is removed afterwards, and tell "
        "what is wrong with its answers. Status 0: sound, 1: unsound, 2: it cannot be asked."
    )
    optParameters = [  # noqa: RUF012  (as usage.Options declares it)
        ["slow", None, SLOW_SECONDS, "seconds that a call may usually take", float],
    ]
    optFlags = [["no-figures", None, "do not measure the calls per second of a sound device"]]  # noqa: RUF012
    path: str

    def parseArgs(self, *words: str) -> None:
        """Store the path, the only positional argument."""
        if not words:
            raise UsageError("PATH is missing, see --help")
        self.path, *more = words
        if more:
            raise UsageError(f"unexpected argument {more[0]!r}, see --help")


def run_probe(
    arguments: Sequence[str], find_device: Callable[[str], IVectorDevice] = open_device
) -> int:
    """Run the command: write the report to standard output and return the exit status."""
    options = ProbeOptions()
    try:
        options.parseOptions(list(arguments))
    except UsageError as error:
        sys.stderr.write(f"vexfs-qdrant probe: {error}\n")
        return ProbeStatus.CANNOT_BE_ASKED
    try:
        device = find_device(options.path)
        try:
            return _ask(device, options)
        finally:
            device.close()
    except DeviceError as error:
        sys.stderr.write(f"vexfs-qdrant probe: it cannot be asked: {error}\n")
        return ProbeStatus.CANNOT_BE_ASKED


def _ask(device: IVectorDevice, options: ProbeOptions) -> ProbeStatus:
    if isinstance(device, SoleFileDevice):
        held = device.held()
        if held:
            # A probe would erase its vectors, which nobody expects of a check.
            text = f"it holds {held} vectors, which a probe would replace; give an empty one"
            sys.stderr.write(f"vexfs-qdrant probe: it cannot be asked: {text}\n")
            return ProbeStatus.CANNOT_BE_ASKED
    report = probe(device, slow=options["slow"])
    _print(report_lines(device, report))
    if report.is_sound and not options["no-figures"]:
        try:
            _print(figure_lines(measure(device)))
        except DeviceError as error:
            _print([f"figures    none: {error}"])
    return ProbeStatus.SOUND if report.is_sound else ProbeStatus.UNSOUND


def report_lines(device: IVectorDevice, report: ProbeReport) -> Iterator[str]:
    """The report as text lines: the calls made, the verdict, and each finding."""
    yield f"device     {report.path} ({device.kind.value})"
    yield f"verdict    {'sound' if report.is_sound else 'unsound'}"
    for finding in report.findings:
        yield f"finding    {finding.code}: {finding.text}"
    yield f"calls      {report.calls}, the slowest {report.slowest * 1000:.3g} ms"


def figure_lines(figures: Throughput) -> Iterator[str]:
    """The measured throughput as text lines."""
    yield f"inserts    {figures.inserts:,.0f} vectors/s, {DIMENSIONS} dimensions, {BATCH} a call"
    yield f"searches   {figures.searches:,.0f} /s, {NEIGHBOURS} of {figures.vectors:,} vectors"
    yield f"metadata   {figures.metadata:,.0f} operations/s"
    if figures.leftover is not None:
        yield f"left over  {figures.leftover}"


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
