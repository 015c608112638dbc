"""The `vexfs-qdrant` command."""

from __future__ import annotations

import sys

from .tap import run


def main() -> None:
    """Run the daemon in the foreground."""
    sys.exit(run(sys.argv[1:]))
