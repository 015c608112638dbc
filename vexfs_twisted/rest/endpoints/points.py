"""Points: written, removed, read by their ids, paged through and counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...model.errors import NotFound
from ...model.queries import ALL_PAYLOAD, Selection
from ...model.updates import Update
from ..call import Call
from ..codecs.ids import id_in_path
from ..codecs.queries import read_count, read_retrieve, read_scroll
from ..codecs.results import record_to_json, update_result_to_json
from ..codecs.upserts import read_delete, read_upsert
from ..routing import Routes

routes = Routes()

_WHOLE = Selection(payload=ALL_PAYLOAD, vectors=True)


@routes.read("GET", "/collections/<collection>/points/<point_id>")
async def get(call: Call) -> object:
    """One point, with payload and vectors."""
    timeout = call.time_limit
    point_id = id_in_path(call.path["point_id"])
    records = await call.operations.retrieve(call.collection, [point_id], _WHOLE, timeout)
    if not records:
        raise NotFound(f"Point with id {point_id} does not exists!")
    return record_to_json(records[0])


@routes.read("POST", "/collections/<collection>/points")
async def retrieve(call: Call) -> object:
    """Several points."""
    timeout = call.time_limit
    asked = await call.read(read_retrieve)
    records = await call.operations.retrieve(call.collection, asked.ids, asked.selection, timeout)
    return await call.rows(records, record_to_json)


@routes.write("PUT", "/collections/<collection>/points")
async def upsert(call: Call) -> object:
    """Write whole points."""
    return await _update(call, read_upsert)


@routes.write("POST", "/collections/<collection>/points/delete")
async def delete(call: Call) -> object:
    """Remove points."""
    return await _update(call, read_delete)


async def _update(call: Call, read: Callable[[Any], Update]) -> object:
    how = call.update_parameters
    update = await call.read(read)
    result = await call.operations.update(call.collection, update, how.wait, how.timeout)
    return update_result_to_json(result)


@routes.read("POST", "/collections/<collection>/points/scroll")
async def scroll(call: Call) -> object:
    """A page of points."""
    timeout = call.time_limit
    request = await call.read(read_scroll)
    page = await call.operations.scroll(call.collection, request, timeout)
    rows = await call.rows(page.records, record_to_json)
    return {"points": rows, "next_page_offset": page.next_offset}


@routes.read("POST", "/collections/<collection>/points/count")
async def count(call: Call) -> object:
    """The number of points that pass a filter."""
    timeout = call.time_limit
    request = await call.read(read_count)
    return {"count": await call.operations.count(call.collection, request, timeout)}
