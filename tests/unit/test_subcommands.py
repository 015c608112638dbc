"""Options of subcommands, wherever they stand."""

from __future__ import annotations

from itertools import permutations

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.migration_command import ImportOptions
from vexfs_twisted.subcommands import SubcommandOptions


class Example(SubcommandOptions):
    optParameters = [["size", None, None, "a number"]]  # noqa: RUF012
    optFlags = [["all", None, "everything"]]  # noqa: RUF012
    words: tuple[str, ...] = ()

    def parseArgs(self, *words: str) -> None:
        self.words = words


class Placement(SynchronousTestCase):
    def parsed(self, *arguments: str) -> Example:
        options = Example()
        options.parseOptions(arguments)
        return options

    def test_options_may_stand_anywhere(self) -> None:
        for parts in permutations((["--size", "3"], ["--all"], ["path"])):
            options = self.parsed(*(word for part in parts for word in part))
            self.assertEqual((options["size"], options["all"], options.words), ("3", 1, ("path",)))
        self.assertEqual(self.parsed("path", "--size=", "other").words, ("path", "other"))
        self.assertEqual(self.parsed("path", "--si=--all")["size"], "--all")

    def test_what_follows_two_dashes_is_no_option(self) -> None:
        options = self.parsed("--all", "--", "--size", "-x")
        self.assertEqual((options["size"], options.words), (None, ("--size", "-x")))

    def test_unknown_options_and_missing_values_are_usage_errors(self) -> None:
        for arguments in (["path", "--none"], ["path", "--size"], ["path", "--all=1"], ["-x"]):
            self.assertRaises(UsageError, self.parsed, *arguments)

    def test_the_address_of_a_copy_may_come_first(self) -> None:
        options = ImportOptions()
        options.parseOptions(["http://a:6334", "--collection", "b", "--rename", "b=c"])
        self.assertEqual((options.url, options.names), ("http://a:6334", ["b"]))
