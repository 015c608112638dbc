"""What collections, aliases and vectors may be called."""

from __future__ import annotations

from .errors import BadInput, Place, Problem, ValidationError

_FORBIDDEN = '<>:"/\\|?*\0\x1f'
"""In the order in which they are told."""

_MAX_COLLECTION_NAME = 255
_MAX_VECTOR_NAME_BYTES = 200


def check_collection_name(name: str, place: Place = Place.PATH) -> None:
    """Raise ValidationError unless `name` may name a collection, or an alias."""
    text = None
    if not 0 < len(name) <= _MAX_COLLECTION_NAME:
        text = f"must be from 1 to {_MAX_COLLECTION_NAME} characters"
    elif (found := _forbidden_in(name)) is not None:
        text = f'collection name cannot contain "{found}" char'
    if text is not None:
        raise ValidationError([Problem("collection_name", text)], place)


def check_vector_name(name: str, kind: str = "dense") -> None:
    """Raise BadInput unless `name` may name a vector of the kind; "" is the unnamed one."""
    text = None
    if len(name.encode()) > _MAX_VECTOR_NAME_BYTES:
        text = f"vector name must be {_MAX_VECTOR_NAME_BYTES} bytes or shorter"
    elif (found := _forbidden_in(name)) is not None:
        text = f'vector name cannot contain "{found}" char'
    if text is not None:
        raise BadInput(f"Invalid {kind} vector name `{name}`: {text}")


def _forbidden_in(name: str) -> str | None:
    """The first of the forbidden characters that is in `name`."""
    return next((char for char in _FORBIDDEN if char in name), None)
