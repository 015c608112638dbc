"""Errors as HTTP statuses and texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import RestClient
from vexfs_twisted.model.errors import (
    DomainError,
    Forbidden,
    InternalError,
    Place,
    Problem,
    StorageFull,
    TimedOut,
    Unavailable,
    ValidationError,
)
from vexfs_twisted.rest.errors import STATUSES, describe_error


def leaves(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    """The error classes that are raised: those below `kind`."""
    for child in kind.__subclasses__():
        yield child
        yield from leaves(child)


class FailingOperations(RecordedOperations):
    """Fails every list of collections with `error`."""

    def __init__(self, test: SynchronousTestCase, error: Exception) -> None:
        super().__init__(test)
        self.error = error

    def list_collections(self) -> Deferred[list[str]]:
        return fail(self.error)


class Statuses(SynchronousTestCase):
    def test_every_domain_error_has_a_status_and_no_other_code_has(self) -> None:
        self.assertEqual(set(STATUSES), {kind.code for kind in leaves(DomainError)})

    def test_codes_tell_errors_apart(self) -> None:
        # A class without a code of its own is its base class to clients.
        codes = [kind.code for kind in leaves(DomainError) if "code" in vars(kind)]
        self.assertEqual(len(codes), len(set(codes)))

    def test_statuses_and_texts_arrive(self) -> None:
        for error, status, text in (
            (TimedOut("too slow"), 408, "Timeout error: too slow"),
            (Forbidden("no"), 403, "Forbidden: no"),
            (Unavailable("stopping"), 503, "Service unavailable: stopping"),
            (StorageFull("disk"), 507, "Storage is full: disk"),
            (InternalError("incident 1"), 500, "Service internal error: incident 1"),
            (CancelledError(), 503, "Service unavailable: the operation was cancelled"),
        ):
            reply = RestClient(self, FailingOperations(self, error)).ask("GET", "/collections")
            self.assertEqual((reply.status, reply.error), (status, text))

    def test_validation_errors_name_the_part_of_the_request(self) -> None:
        problems = [Problem("a.b", "is wrong"), Problem("c", "too")]
        for place, name in (
            (Place.BODY, "JSON body"),
            (Place.QUERY, "query parameters"),
            (Place.PATH, "path parameters"),
        ):
            self.assertEqual(
                describe_error(ValidationError(problems, place)),
                (422, f"Validation error in {name}: [a.b: is wrong; c: too]"),
            )


class Incidents(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        observe = cast(ILogObserver, self.events.append)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def test_an_unexpected_error_is_logged_with_the_id_that_the_client_is_told(self) -> None:
        client = RestClient(self, FailingOperations(self, KeyError("secret")))
        reply = client.ask("GET", "/collections", headers={"x-request-id": "given"})
        self.assertEqual(reply.status, 500)
        found = "^Service internal error: unexpected error, incident ([0-9a-f]{16})$"
        self.assertRegex(reply.error, found)
        self.assertNotIn("secret", reply.error)
        incident = reply.error.rpartition(" ")[2]
        (logged,) = [e for e in self.events if e.get("vexfs_event") == "unexpected error"]
        self.assertIn(incident, logged["log_format"].format(**logged))
        self.assertEqual(logged["vexfs_fields"]["request_id"], "given")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_a_domain_error_is_not_logged(self) -> None:
        RestClient(self, FailingOperations(self, TimedOut("x"))).ask("GET", "/collections")
        self.assertEqual(self.flushLoggedErrors(), [])
