"""Turns the last line of a trial run into `N passed, N failed, N skipped`, alone on its line.

`trial_summary.py REPORT` reads what trial printed. Its exit status is 1 when no closing line is
there or no test was run, since a run that tested nothing must not pass. It is 1 as well when a
worker process of `trial -j` failed as it ended: trial prints that below the closing line, and its
own exit status does not show it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CLOSING = re.compile(r"^(?:PASSED|FAILED)(?: \((?P<counts>.*)\))?$", re.MULTILINE)
FAILED_WORKER = re.compile(r"^joining disttrial worker #\d+ failed$", re.MULTILINE)


def summary(report: str) -> tuple[int, int, int]:
    """How many tests passed, failed and were skipped, by the closing line of `report`.

    An expected failure counts as passed, an unexpected success as failed. Without a closing line
    nothing was run.
    """
    closing = CLOSING.findall(report)
    pairs = re.findall(r"(\w+)=(\d+)", closing[-1] if closing else "")
    counts = {name: int(number) for name, number in pairs}
    passed = counts.get("successes", 0) + counts.get("expectedFailures", 0)
    failed = sum(counts.get(name, 0) for name in ("failures", "errors", "unexpectedSuccesses"))
    return passed, failed, counts.get("skips", 0)


def main(arguments: list[str]) -> int:
    """Print the line; the exit status is answered."""
    report = Path(arguments[0]).read_text(errors="replace")
    passed, failed, skipped = summary(report)
    failed_workers = FAILED_WORKER.findall(report)
    for message in failed_workers:
        print(message, file=sys.stderr)
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 0 if passed and not failed_workers else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
