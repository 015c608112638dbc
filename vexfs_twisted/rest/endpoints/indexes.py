"""Endpoints of payload indexes."""

from __future__ import annotations

from ...model.access import WRITE_COLLECTION
from ...model.errors import BadInput
from ...model.payload_index import CreateFieldIndex, DeleteFieldIndex
from ...model.payload_path import PayloadPath
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.fields import shallow
from ..codecs.indexes import read_create_index
from ..request_context import RequestContext
from ..routing import Routes
from .updates import applying

routes = Routes()


@routes.write("PUT", "/collections/<collection>/index", JsonBody(SMALL), needs=WRITE_COLLECTION)
@applying
async def create(call: RequestContext) -> CreateFieldIndex:
    """Create the index of a payload field."""
    return await call.read(shallow(read_create_index))


@routes.write("DELETE", "/collections/<collection>/index/<field_name>", needs=WRITE_COLLECTION)
@applying
async def delete(call: RequestContext) -> DeleteFieldIndex:
    """Drop the index of a payload field; no error if it does not exist."""
    return DeleteFieldIndex(_field_in_path(call.path["field_name"]))


def _field_in_path(segment: str) -> PayloadPath:
    try:
        return PayloadPath.parse(segment)
    except ValueError as error:
        raise BadInput(str(error)) from None
