"""Endpoints of payload indexes."""

from __future__ import annotations

from ...model.errors import BadInput
from ...model.payload_index import DeleteFieldIndex
from ...model.payload_path import PayloadPath
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.fields import shallow
from ..codecs.indexes import read_create_index
from ..codecs.results import update_result_to_json
from ..request_context import RequestContext
from ..routing import Routes

routes = Routes()


@routes.write("PUT", "/collections/<collection>/index", JsonBody(SMALL))
async def create(call: RequestContext) -> object:
    """Create the index of a payload field."""
    how = call.update_parameters
    update = await call.read(shallow(read_create_index))
    result = await call.operations.update(call.collection, update, how.wait, how.timeout)
    return update_result_to_json(result)


@routes.write("DELETE", "/collections/<collection>/index/<field_name>")
async def delete(call: RequestContext) -> object:
    """Drop the index of a payload field; no error if it does not exist."""
    how = call.update_parameters
    update = DeleteFieldIndex(_field_in_path(call.path["field_name"]))
    result = await call.operations.update(call.collection, update, how.wait, how.timeout)
    return update_result_to_json(result)


def _field_in_path(segment: str) -> PayloadPath:
    try:
        return PayloadPath.parse(segment)
    except ValueError as error:
        raise BadInput(str(error)) from None
