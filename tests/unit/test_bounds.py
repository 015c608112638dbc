"""The table of bounds has all there are and tests that are; bounds that no other test has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from unittest.mock import Mock

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.bounds import BOUNDS, INTERNAL, NO_LIMITS
from tests.suites.values import must
from tests.support import ROOT
from vexfs_twisted.config import settings
from vexfs_twisted.config_loader import load_config
from vexfs_twisted.model.collection import CollectionConfig
from vexfs_twisted.model.collection_params import StrictModeConfig
from vexfs_twisted.model.errors import BadRequest
from vexfs_twisted.model.filters import FieldCondition, MatchValue
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.strict_mode import StrictCollection
from vexfs_twisted.operations import issues as issues_module
from vexfs_twisted.operations.issues import Issues
from vexfs_twisted.operations.strict_mode import service as strict_mode_module
from vexfs_twisted.operations.strict_mode.service import StrictMode
from vexfs_twisted.rest.bodies.file_upload import FileUpload
from vexfs_twisted.rest.bodies.streaming_body import BodyHead
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rpc.settings import RpcSettings
from vexfs_twisted.settings import ConfigError
from vexfs_twisted.streaming.settings import StreamSettings

REACHED = (
    "rest rpc grpc_web streaming storage operations security telemetry model embedding processes"
    " middleware.py threadpool.py throttle.py"
)
"""Where what clients send is bounded."""

_STARTS = ("MAX", "MOST", "LONGEST")
_GIVEN = {
    "RestSettings": {"max_body_bytes", "max_connections", "max_client_connections"},
    "RpcSettings": {"max_message_size"},
    "StreamSettings": {"max_streams"},
}
"""Members that settings of the server have."""


def whole_numbers() -> dict[str, Any]:
    """The settings that are whole numbers, and what parses them."""
    found = {}
    for _, setting, _ in settings():
        try:
            setting.parse(-1)
        except ValueError as error:
            if "is not a whole number" in str(error):
                found[setting.key] = setting.parse
    return found


def constants() -> Iterator[str]:
    """The constants that are named like bounds, as `module:NAME`."""
    package = ROOT / "vexfs_twisted"
    for start in REACHED.split():
        path = package / start
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if "generated" in file.parts:
                continue
            module = ".".join(file.relative_to(package).with_suffix("").parts)
            for statement in ast.parse(file.read_text()).body:
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                    name = statement.targets[0].id
                    if name.lstrip("_").split("_")[0] in _STARTS:
                        yield f"{module}:{name}"


class Table(SynchronousTestCase):
    def test_no_bound_is_there_twice(self) -> None:
        places = [bound.where for bound in BOUNDS]
        self.assertEqual(sorted(set(places)), sorted(places))

    def test_every_limit_among_the_settings_is_there(self) -> None:
        places = {bound.where for bound in BOUNDS} | NO_LIMITS.keys()
        self.assertEqual(sorted(whole_numbers().keys() - places), [])

    def test_every_constant_that_is_named_like_a_bound_is_there(self) -> None:
        found = set(constants())
        places = {bound.where for bound in BOUNDS if ":" in bound.where}
        known = {place for place in places if "Settings." not in place} | INTERNAL.keys()
        self.assertEqual(sorted(found - known), [])
        self.assertEqual(sorted(known - found), [])

    def test_every_limit_of_a_protocol_is_there(self) -> None:
        places = {bound.where.partition(":")[2] for bound in BOUNDS}
        for kind in (RestSettings, RpcSettings, StreamSettings):
            for field in attrs.fields(kind):
                if field.name.startswith("max_") and field.name not in _GIVEN[kind.__name__]:
                    self.assertIn(f"{kind.__name__}.{field.name}", places)

    def test_every_test_is_there(self) -> None:
        for bound in BOUNDS:
            for named in (bound.rest, bound.grpc):
                if named.startswith("- "):
                    continue
                module, case, test = f"tests.{named}".rsplit(".", 2)
                self.assertTrue(hasattr(getattr(import_module(module), case), test), named)


class Settings(SynchronousTestCase):
    def test_numbers_out_of_range_are_refused(self) -> None:
        """By the key, before anything is started."""
        for key in whole_numbers():
            for value in ("-1", "1.5", "many", str(10**30)):
                variable = f"QDRANT__{key.upper().replace('.', '__')}"
                try:
                    load_config({}, {variable: value})
                except ConfigError as error:
                    self.assertIn(f"{variable}: ", str(error))
                    self.assertIn("is not a whole number", str(error))
                else:
                    # Some have no upper bound.
                    self.assertEqual(value, str(10**30), key)

    def test_so_many_processes(self) -> None:
        load_config({"processes": "16"}, {})
        for value in ("0", "17"):
            error = self.assertRaises(ConfigError, load_config, {"processes": value}, {})
            self.assertEqual(
                str(error), f"--processes: '{value}' is not a whole number from 1 to 16"
            )


class Uploads(SynchronousTestCase):
    """Forms of more than a form with a file has."""

    def setUp(self) -> None:
        self.file = Mock()

    def receive(self, form: bytes) -> object:
        upload = FileUpload("snapshot", lambda _: None)
        head = BodyHead(None, b"multipart/form-data; boundary=b", {}, lambda: self.file)
        consumer = upload.consumer(head, 1 << 30)
        return consumer.finish([form], lambda file: file)

    def part(self, name: str, headers: str = "") -> bytes:
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n{headers}'
        return f"{head}\r\ndata\r\n".encode()

    def refused(self, form: bytes) -> None:
        error = self.assertRaises(BadRequest, self.receive, form)
        self.assertIn("Multipart error", str(error))

    def test_parts(self) -> None:
        parts = [self.part(f"p{number}") for number in range(15)]
        form = b"".join([self.part("snapshot"), *parts, b"--b--\r\n"])
        self.assertIs(self.receive(form), self.file)
        self.refused(b"".join([self.part("snapshot"), *parts, self.part("more"), b"--b--\r\n"]))

    def test_heads_of_parts(self) -> None:
        header = f"X-Header: {'x' * (1 << 20)}\r\n"
        self.refused(self.part("snapshot", header) + b"--b--\r\n")
        self.refused(b"x" * (2 << 20))


class Kept(SynchronousTestCase):
    def test_issues(self) -> None:
        self.patch(issues_module, "MOST_ISSUES", 3)
        issues = Issues()
        for number in range(10):
            condition = FieldCondition(PayloadPath.parse(f"f{number}"), MatchValue("a"))
            issues.slow_read("c", {}, [must(condition)])
        kept = [issue.field for issue in issues.open(lambda _: {})]
        self.assertEqual(kept, ["f7", "f8", "f9"])

    def test_rates_of_collections(self) -> None:
        self.patch(strict_mode_module, "_MAX_COLLECTIONS", 3)
        strict = StrictMode(Mock(), lambda: 0.0)
        limits = StrictModeConfig(enabled=True, read_rate_limit=1)
        for number in range(10):
            collection = StrictCollection(
                f"{number}", limits, CollectionConfig(), {}, {}, 0, lambda: 0
            )
            strict.charge_read(Count(), collection, None)
        self.assertEqual(list(strict._states), ["7", "8", "9"])
