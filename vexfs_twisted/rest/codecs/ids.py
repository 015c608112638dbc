"""Point ids in bodies and in paths."""

from __future__ import annotations

from typing import Any

from ...jsonform.converter import describe
from ...model.errors import BadInput, FormatError
from ...model.ids import PointId, canonical_uuid, parse_point_id
from .fields import read_list, slices_of


def read_id(value: Any) -> PointId:
    """A point id: an unsigned integer, or a UUID in any accepted format. Raises FormatError."""
    if type(value) is int and value >= 0:
        return value
    if type(value) is str:
        uuid = canonical_uuid(value)
        if uuid is not None:
            return uuid
    shown = value if type(value) is str else describe(value)
    raise FormatError(
        f"value {shown} is not a valid point ID, "
        "valid values are either an unsigned integer or a UUID"
    )


def read_ids(value: Any) -> list[PointId]:
    """A list of point ids. Raises FormatError.

    Lists of integers only, the common case, are validated in bulk.
    """
    values = read_list(value)
    if all(map(_are_integers, slices_of(values))):
        return values
    return [read_id(item) for item in values]


def _are_integers(values: list[Any]) -> bool:
    return set(map(type, values)) == {int} and min(values) >= 0


def id_in_path(segment: str) -> PointId:
    """Parse a point id in a path segment. Raises BadInput."""
    point_id = parse_point_id(segment)
    if point_id is None:
        raise BadInput(f'Can not recognize "{segment}" as point id')
    return point_id
