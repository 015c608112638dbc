"""Base of the subcommands of `vexfs-qdrant`: help and version."""

from __future__ import annotations

import sys
from typing import NoReturn

from twisted.python.usage import Options

from . import __version__


class SubcommandOptions(Options):
    """The command line of a subcommand; its `synopsis` begins with the word Usage."""

    opt_h = Options.opt_help

    def opt_version(self) -> NoReturn:
        """Show the version and exit."""
        sys.stdout.write(f"vexfs-qdrant {__version__}\n")
        sys.exit(0)
