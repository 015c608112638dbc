"""Turns the last line of a trial run into `N passed, N failed, N skipped`, alone on its line.

`trial_summary.py REPORT` reads what trial printed. Its exit status is 1 when no closing line is
there or no test was run, since a run that tested nothing must not pass.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CLOSING = re.compile(r"^(?:PASSED|FAILED)(?: \((?P<counts>.*)\))?$", re.MULTILINE)


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
    passed, failed, skipped = summary(Path(arguments[0]).read_text(errors="replace"))
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
