"""The `vexfs-qdrant` command."""

from __future__ import annotations

import sys

from .collector import without_collector


def main() -> None:
    """Run the daemon in the foreground, or a subcommand.

    Those are `probe`, `adopt`, `verify`, `repair`, `snapshot`, `restore`, `import` and `export`.

    A daemon of several processes starts the others by `reader`, which takes an order.

    Only what is run is imported: most of a start is the import of the engine, which a usage error
    does not need.
    """
    match sys.argv[1:]:
        case ["adopt", *arguments]:
            from .adopt_command import run_adopt

            sys.exit(run_adopt(arguments))
        case ["import", *arguments]:
            from .migration_command import run_import

            sys.exit(run_import(arguments))
        case ["export", *arguments]:
            from .migration_command import run_export

            sys.exit(run_export(arguments))
        case ["probe", *arguments]:
            from .probe_command import run_probe

            sys.exit(run_probe(arguments))
        case ["restore", *arguments]:
            from .snapshot_commands import run_restore

            sys.exit(run_restore(arguments))
        case ["snapshot", *arguments]:
            from .snapshot_commands import run_snapshot

            sys.exit(run_snapshot(arguments))
        case ["verify", *arguments]:
            from .verify_command import run_verify

            sys.exit(run_verify(arguments))
        case ["repair", *arguments]:
            from .repair_command import run_repair

            sys.exit(run_repair(arguments))
        case ["reader"]:
            from .tap import run_reader

            sys.exit(run_reader())
        case arguments:
            with without_collector():
                from .tap import run_daemon

            sys.exit(run_daemon(arguments))
