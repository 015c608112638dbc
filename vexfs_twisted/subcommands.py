"""Base of the subcommands of `vexfs-qdrant`: help and version."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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


def flags_first(arguments: Sequence[str], *flags: str) -> list[str]:
    """The arguments with these flags, and options with `=`, before all others.

    Twisted takes what follows the first positional argument as positional.
    """
    is_first = [own in flags or (own.startswith("--") and "=" in own) for own in arguments]
    pairs = list(zip(arguments, is_first, strict=True))
    return [own for own, first in pairs if first] + [own for own, first in pairs if not first]
