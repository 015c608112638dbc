"""Endpoints that create and delete vector names of a live collection."""

from __future__ import annotations

from ...jsonform.collections import read_vector_name_params
from ...model.collection_params import VectorParams
from ...model.commands import CreateVectorName, DeleteVectorName
from ...model.validation import validate
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.fields import shallow
from ..codecs.results import update_result_to_json
from ..request_context import RequestContext
from ..routing import Routes

_VECTOR = "/collections/<collection>/vectors/<vector_name>"

routes = Routes()


@routes.write("PUT", _VECTOR, JsonBody(SMALL))
async def create(call: RequestContext) -> object:
    """Create a vector name, dense or sparse."""
    how = call.update_parameters
    params = await call.read(shallow(read_vector_name_params))
    validate(params, "dense" if isinstance(params, VectorParams) else "sparse")
    command = CreateVectorName(call.path["vector_name"], params)
    result = await call.operations.update(call.collection, command, how.wait, how.timeout)
    return update_result_to_json(result)


@routes.write("DELETE", _VECTOR)
async def delete(call: RequestContext) -> object:
    """Delete a vector name and its vectors; no error if it does not exist."""
    how = call.update_parameters
    command = DeleteVectorName(call.path["vector_name"])
    result = await call.operations.update(call.collection, command, how.wait, how.timeout)
    return update_result_to_json(result)
