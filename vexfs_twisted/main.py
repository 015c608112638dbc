"""The `vexfs-qdrant` command."""

from __future__ import annotations

import sys

from . import probing, tap


def main() -> None:
    """Run the daemon in the foreground, or the probe of a device."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["probe"]:
        sys.exit(probing.run(arguments[1:]))
    sys.exit(tap.run(arguments))
