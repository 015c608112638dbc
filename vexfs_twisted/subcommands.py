"""Base of the subcommands of `vexfs-qdrant`: help, version, and options in any place."""

from __future__ import annotations

import getopt
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from twisted.python.usage import Options, UsageError

from . import __version__


class SubcommandOptions(Options):
    """The command line of a subcommand; its `synopsis` begins with the word Usage."""

    opt_h = Options.opt_help

    def opt_version(self) -> NoReturn:
        """Show the version and exit."""
        sys.stdout.write(f"vexfs-qdrant {__version__}\n")
        sys.exit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse the arguments. Options may stand behind positional ones, up to `--`.

        Twisted takes all that follows the first positional argument as positional.
        """
        given = sys.argv[1:] if options is None else options
        forms: Any = self
        try:
            found, words = getopt.gnu_getopt(list(given), forms.shortOpt, forms.longOpt)
        except getopt.error as error:
            raise UsageError(str(error)) from None
        first: list[str] = []
        for name, value in found:
            takes_value = f"{name.removeprefix('--')}=" in forms.longOpt
            first.append(f"{name}={value}" if takes_value else name)
        super().parseOptions([*first, "--", *words])
