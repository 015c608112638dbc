"""The `vexfs-qdrant` command."""

from __future__ import annotations

import sys

from . import adopt_command, probe_command, tap


def main() -> None:
    """Run the daemon in the foreground, or a subcommand: `probe` or `adopt`."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["adopt"]:
        sys.exit(adopt_command.run_adopt(arguments[1:]))
    if arguments[:1] == ["probe"]:
        sys.exit(probe_command.run_probe(arguments[1:]))
    sys.exit(tap.run_daemon(arguments))
