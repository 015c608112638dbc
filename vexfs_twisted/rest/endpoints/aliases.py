"""Other names of collections."""

from __future__ import annotations

from ...jsonform.collections import read_alias_actions
from ..call import Call
from ..codecs.results import aliases_to_json
from ..routing import Routes
from ..shapes import SMALL

routes = Routes()


@routes.write("POST", "/collections/aliases", SMALL)
async def change(call: Call) -> object:
    """Create, delete and rename aliases."""
    call.check_timeout()
    return await call.operations.update_aliases(await call.read(read_alias_actions))


@routes.read("GET", "/aliases")
async def list_all(call: Call) -> object:
    """All aliases."""
    return aliases_to_json(await call.operations.list_aliases())


@routes.read("GET", "/collections/<collection>/aliases")
async def list_of_collection(call: Call) -> object:
    """The aliases of one collection."""
    return aliases_to_json(await call.operations.list_aliases(call.collection))
