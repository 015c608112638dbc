"""Endpoints that update points: whole, their vectors, their payloads, and in batches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ...model.access import WRITE_POINTS
from ...model.commands import VectorNameCommand
from ...model.updates import Update
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import PLAIN, Shape
from ..codecs.results import update_result_to_json
from ..codecs.shapes import PAYLOAD_UPDATE, UPDATE_BATCH, UPDATE_VECTORS, UPSERT
from ..codecs.updates import (
    read_clear_payload,
    read_delete,
    read_delete_payload,
    read_delete_vectors,
    read_overwrite_payload,
    read_set_payload,
    read_update_batch,
)
from ..codecs.upserts import read_update_vectors, read_upsert
from ..request_context import RequestContext
from ..routing import Handler, Routes

_POINTS = "/collections/<collection>/points"

_UPDATES: tuple[tuple[str, str, Callable[[Any], Update], Shape], ...] = (
    ("PUT", _POINTS, read_upsert, UPSERT),
    ("POST", f"{_POINTS}/delete", read_delete, PLAIN),
    ("PUT", f"{_POINTS}/vectors", read_update_vectors, UPDATE_VECTORS),
    ("POST", f"{_POINTS}/vectors/delete", read_delete_vectors, PLAIN),
    ("POST", f"{_POINTS}/payload", read_set_payload, PAYLOAD_UPDATE),
    ("PUT", f"{_POINTS}/payload", read_overwrite_payload, PAYLOAD_UPDATE),
    ("POST", f"{_POINTS}/payload/delete", read_delete_payload, PLAIN),
    ("POST", f"{_POINTS}/payload/clear", read_clear_payload, PLAIN),
)

routes = Routes()


def applying(make: Callable[[RequestContext], Awaitable[Update | VectorNameCommand]]) -> Handler:
    """The handler that applies the update which `make` reads from a request.

    The parameters of the query string are validated before the body is read.
    """

    async def update(call: RequestContext) -> object:
        how = call.update_parameters
        command = await make(call)
        result = await call.operations.update(call.collection, command, how.wait, how.timeout)
        return update_result_to_json(result)

    return update


def _update(read: Callable[[Any], Update]) -> Handler:
    """The handler of one kind of update; `read` decodes it from the parsed body."""
    return applying(lambda call: call.read(read))


for _method, _path, _read, _shape in _UPDATES:
    routes.write(_method, _path, JsonBody(_shape), needs=WRITE_POINTS)(_update(_read))


@routes.write("POST", f"{_POINTS}/batch", JsonBody(UPDATE_BATCH), needs=WRITE_POINTS)
async def batch(call: RequestContext) -> object:
    """Apply updates in order."""
    how = call.update_parameters
    updates = await call.read(read_update_batch)
    batched = call.operations.update_batch(call.collection, updates, how.wait, how.timeout)
    return [update_result_to_json(result) for result in await batched]
