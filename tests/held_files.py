"""What this process holds of files, by its descriptors and its maps."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path


def open_below(path: Path) -> list[str]:
    """The files below a directory, there still or removed, that a descriptor is open for."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue
        if target.startswith(f"{path}/"):
            found.append(target)
    return found


def mapped_below(path: Path) -> list[str]:
    """The files below a directory, there still or removed, that are mapped; once for each map."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    named = [line.split(maxsplit=5)[5] for line in lines if f" {path}/" in line]
    return [name for name in named if name.startswith(f"{path}/")]


def without_collector(add_cleanup: Callable[[Callable[[], None]], object]) -> None:
    """Have no garbage collected until the end of the test, after what there is by now."""
    gc.collect()
    gc.disable()
    add_cleanup(gc.enable)
