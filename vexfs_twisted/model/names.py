"""What collections, aliases and vectors may be called."""

from __future__ import annotations

from .errors import BadInput, Place, Problem, ValidationError

_FORBIDDEN = frozenset('<>:"/\\|?*\0\x1f')
_MAX_COLLECTION_NAME = 255
_MAX_VECTOR_NAME_BYTES = 200


def check_collection_name(name: str, place: Place = Place.PATH) -> None:
    """Raise ValidationError unless `name` has 1 to 255 characters."""
    if not name:
        raise ValidationError([Problem("name", "must be 1 characters or longer")], place)
    if len(name) > _MAX_COLLECTION_NAME:
        text = f"must be {_MAX_COLLECTION_NAME} characters or shorter"
        raise ValidationError([Problem("name", text)], place)


def check_new_collection_name(name: str, place: Place = Place.PATH) -> None:
    """Raise ValidationError unless a collection may be created under `name`."""
    check_collection_name(name, place)
    found = next((char for char in name if char in _FORBIDDEN), None)
    if found is not None:
        shown = {"\0": "NUL", "\x1f": "0x1F"}.get(found, found)
        text = f'collection name cannot contain "{shown}" char'
        raise ValidationError([Problem("name", text)], place)


def check_vector_name(name: str) -> None:
    """Raise BadInput unless `name` may name a vector; "" is the unnamed one."""
    if len(name.encode()) > _MAX_VECTOR_NAME_BYTES:
        raise BadInput(f"Vector name must be {_MAX_VECTOR_NAME_BYTES} bytes or shorter")
    found = next((char for char in name if char in _FORBIDDEN), None)
    if found is not None:
        raise BadInput(f"Vector name cannot contain {found!r}")
