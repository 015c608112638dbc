"""Points as they are changed: whole, by their vectors, by their payloads, and in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...model.updates import Update
from ..call import Call
from ..codecs.results import update_result_to_json
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
from ..decoding import UpsertDecoder
from ..routing import Routes

routes = Routes()


@routes.write("PUT", "/collections/<collection>/points", UpsertDecoder)
async def upsert(call: Call) -> object:
    """Write whole points."""
    return await _update(call, read_upsert)


@routes.write("POST", "/collections/<collection>/points/delete")
async def delete(call: Call) -> object:
    """Remove points."""
    return await _update(call, read_delete)


@routes.write("PUT", "/collections/<collection>/points/vectors")
async def update_vectors(call: Call) -> object:
    """Replace some vectors of points."""
    return await _update(call, read_update_vectors)


@routes.write("POST", "/collections/<collection>/points/vectors/delete")
async def delete_vectors(call: Call) -> object:
    """Remove some vectors of points."""
    return await _update(call, read_delete_vectors)


@routes.write("POST", "/collections/<collection>/points/payload")
async def set_payload(call: Call) -> object:
    """Merge into payloads."""
    return await _update(call, read_set_payload)


@routes.write("PUT", "/collections/<collection>/points/payload")
async def overwrite_payload(call: Call) -> object:
    """Replace payloads."""
    return await _update(call, read_overwrite_payload)


@routes.write("POST", "/collections/<collection>/points/payload/delete")
async def delete_payload(call: Call) -> object:
    """Remove parts of payloads."""
    return await _update(call, read_delete_payload)


@routes.write("POST", "/collections/<collection>/points/payload/clear")
async def clear_payload(call: Call) -> object:
    """Empty payloads."""
    return await _update(call, read_clear_payload)


@routes.write("POST", "/collections/<collection>/points/batch")
async def batch(call: Call) -> object:
    """Carry out updates one after another."""
    how = call.update_parameters
    updates = await call.read(read_update_batch)
    batched = call.operations.update_batch(call.collection, updates, how.wait, how.timeout)
    return [update_result_to_json(result) for result in await batched]


async def _update(call: Call, read: Callable[[Any], Update]) -> object:
    how = call.update_parameters
    update = await call.read(read)
    result = await call.operations.update(call.collection, update, how.wait, how.timeout)
    return update_result_to_json(result)
