"""Endpoints of collections."""

from __future__ import annotations

from ...jsonform.collections import read_create_collection, read_update_collection
from ...model.access import ANYONE_KNOWN, MANAGE_SERVER, READ_POINTS
from ...model.collection import CollectionInfoRequest
from ...model.optimizations import OptimizationsRequest
from ...model.validation import validate
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.fields import shallow
from ..codecs.optimizations import optimizations_to_json
from ..codecs.results import cluster_info_to_json, info_to_json
from ..request_context import RequestContext
from ..routing import Routes

routes = Routes()


@routes.read("GET", "/collections", needs=ANYONE_KNOWN)
async def list_collections(call: RequestContext) -> object:
    """The names of all collections."""
    names = await call.operations.list_collections()
    return {"collections": [{"name": name} for name in names]}


@routes.write("PUT", "/collections/<collection>", JsonBody(SMALL), needs=MANAGE_SERVER)
async def create(call: RequestContext) -> object:
    """Create a collection."""
    call.check_timeout()
    request = await call.read(shallow(read_create_collection))
    validate(request)
    return await call.operations.create_collection(call.collection, request)


@routes.read("GET", "/collections/<collection>", needs=READ_POINTS)
async def info(call: RequestContext) -> object:
    """Describe a collection."""
    info = await call.answer(CollectionInfoRequest())
    return info_to_json(info)


@routes.read("GET", "/collections/<collection>/optimizations", needs=READ_POINTS)
async def optimizations(call: RequestContext) -> object:
    """The optimizations of a collection: running, queued and completed."""
    parameters = call.report_parameters
    told = await call.answer(OptimizationsRequest())
    return optimizations_to_json(told, parameters.parts, parameters.completed_limit)


@routes.write("PATCH", "/collections/<collection>", JsonBody(SMALL), needs=MANAGE_SERVER)
async def update(call: RequestContext) -> object:
    """Change the configuration of a collection."""
    call.check_timeout()
    request = await call.read(shallow(read_update_collection))
    validate(request)
    return await call.operations.update_collection(call.collection, request)


@routes.write("DELETE", "/collections/<collection>", needs=MANAGE_SERVER)
async def delete(call: RequestContext) -> object:
    """Delete a collection; false if it does not exist."""
    call.check_timeout()
    return await call.operations.delete_collection(call.collection)


@routes.read("GET", "/collections/<collection>/exists", needs=READ_POINTS)
async def exists(call: RequestContext) -> object:
    """Whether a collection or an alias has the name."""
    return {"exists": await call.operations.collection_exists(call.collection)}


@routes.read("GET", "/collections/<collection>/cluster", needs=READ_POINTS)
async def cluster_info(call: RequestContext) -> object:
    """The shards of a collection and their peers."""
    return cluster_info_to_json(await call.operations.cluster_info(call.collection))


@routes.read("GET", "/collections/<collection>/shards", needs=READ_POINTS)
async def shard_keys(call: RequestContext) -> object:
    """The shard keys: none, as sharding is automatic. The collection must exist."""
    await call.operations.cluster_info(call.collection)
    return {}
