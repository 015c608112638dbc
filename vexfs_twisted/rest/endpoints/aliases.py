"""Endpoints of collection aliases."""

from __future__ import annotations

from ...jsonform.collections import read_alias_actions
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.results import aliases_to_json
from ..request_context import RequestContext
from ..routing import Routes

routes = Routes()


@routes.write("POST", "/collections/aliases", JsonBody(SMALL))
async def change(call: RequestContext) -> object:
    """Create, delete and rename aliases."""
    call.check_timeout()
    return await call.operations.update_aliases(await call.read(read_alias_actions))


@routes.read("GET", "/aliases")
async def list_all(call: RequestContext) -> object:
    """All aliases."""
    return aliases_to_json(await call.operations.list_aliases())


@routes.read("GET", "/collections/<collection>/aliases")
async def list_of_collection(call: RequestContext) -> object:
    """The aliases of one collection."""
    return aliases_to_json(await call.operations.list_aliases(call.collection))
