"""Endpoints that create and delete vector names of a live collection."""

from __future__ import annotations

from ...jsonform.collections import read_vector_name_params
from ...model.access import WRITE_COLLECTION
from ...model.collection_params import VectorParams
from ...model.commands import CreateVectorName, DeleteVectorName
from ...model.validation import validate
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.fields import shallow
from ..request_context import RequestContext
from ..routing import Routes
from .updates import applying

_VECTOR = "/collections/<collection>/vectors/<vector_name>"

routes = Routes()


@routes.write("PUT", _VECTOR, JsonBody(SMALL), needs=WRITE_COLLECTION)
@applying
async def create(call: RequestContext) -> CreateVectorName:
    """Create a vector name, dense or sparse."""
    params = await call.read(shallow(read_vector_name_params))
    validate(params, "dense" if isinstance(params, VectorParams) else "sparse")
    return CreateVectorName(call.path["vector_name"], params)


@routes.write("DELETE", _VECTOR, needs=WRITE_COLLECTION)
@applying
async def delete(call: RequestContext) -> DeleteVectorName:
    """Delete a vector name and its vectors; no error if it does not exist."""
    return DeleteVectorName(call.path["vector_name"])
