"""Kills a server at random instants under a mixed load, and checks what is there after each kill.

    python -m benchmarks.torture [CYCLES] [SEED] [OPTIONS OF THE SERVER...]

Four writers send every kind of command over both wires to a daemon, which is killed by SIGKILL at a
random instant, and started again; some of the starts are killed as well. What was sent and what was
acknowledged is known here, outside of the killed process, and written to a file. Then: every
acknowledged command is done, one without an answer is done wholly or not at all, all filters,
counts and facets agree with the points as a scroll shows them, and points find themselves by exact
search. `--processes=2` as an option tests a server of two processes. The exit status is 1 when
anything was wrong; the data folder is kept then.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.run import Figures, Torture
from tests.torture.stored import Wrong

_TOLD_EVERY = 50


def tell(figures: Figures) -> None:
    """Print how far a long run is."""
    if figures.cycles % _TOLD_EVERY == 0:
        print(figures, flush=True)


def main() -> int:
    """Run as many cycles as the command line asks for."""
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = sys.argv[2] if len(sys.argv) > 2 else str(time.time_ns())
    home = Path(tempfile.mkdtemp(prefix="vexfs-torture-"))
    print(f"seed {seed}, in {home}", flush=True)
    torture = Torture(home, seed, *sys.argv[3:])
    try:
        torture.run(cycles, tell)
    except Wrong as error:
        print(f"wrong after {torture.figures}: {error}")
        return 1
    finally:
        torture.close()
    shutil.rmtree(home)
    print(torture.figures)
    for kind, count in sorted(torture.figures.acknowledged.items()):
        print(f"  {count:>8} {kind}")
    print(f"never acknowledged: {sorted(torture.unused_kinds()) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
