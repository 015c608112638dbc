"""Limits of the system that are reached: how they are told, and how often."""

from __future__ import annotations

import errno
import resource
from typing import cast
from unittest.mock import patch

import lmdb
from grpc import StatusCode
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted import limit_log
from vexfs_twisted.engine.errors import UnusableDataFolder
from vexfs_twisted.file_limit import raise_limit
from vexfs_twisted.limit_log import explained
from vexfs_twisted.middleware import INTERNAL, outcome_of
from vexfs_twisted.model import system_limits as limits
from vexfs_twisted.model.errors import Exhausted, NotFound
from vexfs_twisted.model.system_limits import exhausted
from vexfs_twisted.rest.responses.response import error_response
from vexfs_twisted.rpc.errors import status_of
from vexfs_twisted.throttle import Throttle


def no_descriptor() -> OSError:
    return OSError(errno.EMFILE, "Too many open files")


def wrapped() -> Exception:
    """What a store that does not open raises."""
    error = UnusableDataFolder(__file__, "the tables do not open")  # type: ignore[arg-type]
    error.__cause__ = lmdb_error(errno.EMFILE)
    return error


def lmdb_error(number: int) -> Exception:
    """An error of LMDB with a number of the system."""
    error = lmdb.Error("no")
    setattr(error, "code", number)  # noqa: B010
    return error


class Explained(SynchronousTestCase):
    """Which limit was reached."""

    def setUp(self) -> None:
        self.patch(limit_log, "_seldom", Throttle(60))

    def test_whatever_the_error_is(self) -> None:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        for error in (no_descriptor(), lmdb_error(errno.EMFILE), wrapped()):
            found = exhausted(error)
            assert found is not None
            expected = (
                f"Service unavailable: the limit of open files is reached (ulimit -n: {most})"
            )
            self.assertEqual(found.message, expected)

    def test_the_limits_of_the_system(self) -> None:
        found = exhausted(OSError(errno.ENFILE, ""))
        assert found is not None
        self.assertIn("fs.file-max", found.message)

    def test_maps(self) -> None:
        for error in (OSError(errno.ENOMEM, ""), lmdb_error(errno.ENOMEM)):
            self.assertIsNone(exhausted(error))
            with patch.object(limits, "map_limit", return_value=100):
                found = exhausted(error)
            assert found is not None
            self.assertIn("vm.max_map_count: 100", found.message)

    def test_other_errors_are_what_they_are(self) -> None:
        for error in (OSError(errno.ENOSPC, ""), NotFound("x"), ZeroDivisionError(), OSError("x")):
            self.assertIs(explained(error), error)

    def test_both_wires_say_unavailable(self) -> None:
        for error in (no_descriptor(), wrapped()):
            answer = error_response(error, 0.0)
            self.assertEqual(answer.status, 503)
            self.assertIn((b"Retry-After", b"1"), answer.headers)
            self.assertIn(b"ulimit -n", answer.body)
            status = status_of(error, "m")
            self.assertEqual(status.code, StatusCode.UNAVAILABLE)
            self.assertIn("ulimit -n", status.details)
            self.assertEqual(outcome_of(error), Exhausted.code)
        self.assertEqual(outcome_of(OSError(errno.ENOSPC, "")), INTERNAL)

    def test_the_log_says_so_once(self) -> None:
        events: list[LogEvent] = []
        observer = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for _ in range(100):
            error_response(no_descriptor(), 0.0)
            status_of(wrapped(), "m")
        self.assertEqual([event["vexfs_event"] for event in events], ["calls fail"])


class SeldomTests(SynchronousTestCase):
    def test_each_thing_once_in_a_while(self) -> None:
        now = [0.0]
        seldom = Throttle(60, lambda: now[0])
        told = []
        for now[0] in range(0, 200, 10):
            told += [(now[0], thing) for thing in "ab" if seldom.is_time(thing)]
        expected = [(second, thing) for second in (0, 60, 120, 180) for thing in "ab"]
        self.assertEqual(told, expected)

    def test_no_end_of_different_things(self) -> None:
        seldom = Throttle(60, lambda: 0.0)
        self.assertTrue(all(seldom.is_time(number) for number in range(10_000)))
        self.assertLess(len(seldom._told), 1000)


class RaisedLimit(SynchronousTestCase):
    def test_the_hard_limit_is_what_there_is(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, soft), hard))
        self.assertEqual(raise_limit(), hard)
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (hard, hard))

    def test_a_system_that_does_not_let_us(self) -> None:
        with patch.object(resource, "setrlimit", side_effect=ValueError):
            self.assertEqual(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
