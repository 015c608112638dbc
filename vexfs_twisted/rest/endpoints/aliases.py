"""Endpoints of collection aliases."""

from __future__ import annotations

from ...jsonform.collections import read_alias_actions
from ...model.access import ANYONE_KNOWN, MANAGE_SERVER, READ_POINTS
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.results import aliases_to_json
from ..request_context import RequestContext
from ..routing import Routes

routes = Routes()


@routes.write("POST", "/collections/aliases", JsonBody(SMALL), needs=MANAGE_SERVER)
async def change(call: RequestContext) -> object:
    """Create, delete and rename aliases."""
    call.check_timeout()
    return await call.operations.update_aliases(await call.read(read_alias_actions))


@routes.read("GET", "/aliases", needs=ANYONE_KNOWN)
async def list_all(call: RequestContext) -> object:
    """All aliases."""
    return aliases_to_json(await call.operations.list_aliases())


@routes.read("GET", "/collections/<collection>/aliases", needs=READ_POINTS)
async def list_of_collection(call: RequestContext) -> object:
    """The aliases of one collection."""
    return aliases_to_json(await call.operations.list_aliases(call.collection))
