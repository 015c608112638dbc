from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.protobuf.message import DecodeError
from twisted.internet.defer import CancelledError
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import (
    BadInput,
    DomainError,
    NotFound,
    Problem,
    Standalone,
    StorageFull,
    ValidationError,
)
from vexfs_twisted.rpc.errors import STATUS_CODES, status_of


def concrete_errors(kind: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from concrete_errors(child)


class TableTests(SynchronousTestCase):
    def test_the_table_is_complete(self) -> None:
        self.assertEqual({error.code for error in concrete_errors()}, set(STATUS_CODES))

    def test_no_error_is_a_success(self) -> None:
        self.assertNotIn(grpc.StatusCode.OK, STATUS_CODES.values())


class StatusTests(SynchronousTestCase):
    def test_details_are_the_message(self) -> None:
        status = status_of(NotFound("Collection `x` doesn't exist!"), "m")
        self.assertEqual(status.code, grpc.StatusCode.NOT_FOUND)
        self.assertEqual(status.details, "Not found: Collection `x` doesn't exist!")
        self.assertEqual(status.metadata, ())

    def test_validation_has_its_heading(self) -> None:
        problems = [Problem("limit", "value 0 invalid, must be 1 or larger")]
        status = status_of(ValidationError(problems), "m")
        self.assertEqual(status.code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(
            status.details,
            "Validation error in body: [limit: value 0 invalid, must be 1 or larger]",
        )

    def test_standalone(self) -> None:
        status = status_of(Standalone(), "m")
        self.assertEqual(status.code, grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual(status.details, "Qdrant is running in standalone mode")

    def test_exhausted_says_when_to_try_again(self) -> None:
        status = status_of(StorageFull("no room"), "m")
        self.assertEqual(status.code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        ((key, seconds),) = status.metadata
        self.assertEqual(key, "retry-after")
        self.assertGreater(int(seconds), 0)

    def test_what_does_not_parse(self) -> None:
        status = status_of(DecodeError("Error parsing message"), "m")
        self.assertEqual(status.code, grpc.StatusCode.INTERNAL)
        self.assertEqual(status.details, "failed to decode Protobuf message: Error parsing message")

    def test_cancelled(self) -> None:
        self.assertEqual(status_of(CancelledError(), "m").code, grpc.StatusCode.UNAVAILABLE)

    def test_unexpected_error_is_logged_under_its_incident(self) -> None:
        with capturedLogs() as events:
            status = status_of(ZeroDivisionError("secret"), "qdrant.Points.Get")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(status.code, grpc.StatusCode.INTERNAL)
        self.assertTrue(status.details.startswith("Service internal error: "))
        self.assertNotIn("secret", status.details)
        incident = status.details.rpartition(" ")[2]
        self.assertTrue(any(incident in str(event) for event in events))

    def test_long_details_are_cut_at_a_character(self) -> None:
        status = status_of(BadInput("é" * 5000), "m")
        self.assertLess(len(status.details.encode()), 2100)
        self.assertTrue(status.details.startswith("Wrong input: éé"))
        self.assertTrue(status.details.endswith("é..."))
