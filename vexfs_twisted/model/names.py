"""Validation of the names of collections, aliases and vectors.

Names with invisible characters, and `.` and `..`, are refused for new objects only: existing ones
with such names must stay accessible.
"""

from __future__ import annotations

from unicodedata import category

from .errors import BadInput, Place, Problem, ValidationError

_FORBIDDEN = '<>:"/\\|?*\0\x1f'
"""In the order in which they are reported."""

_HIDDEN = frozenset(("Cc", "Cf", "Zl", "Zp"))
"""The Unicode categories of control, format and line separator characters."""
_JOINERS = frozenset("\u200c\u200d")
"""The exceptions: joiners, which several scripts and emoji use."""
_DOTS = frozenset((".", ".."))
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


def check_new_collection_name(name: str, place: Place = Place.PATH) -> None:
    """Raise ValidationError unless a collection may be created under `name`."""
    check_collection_name(name, place)
    complaint = _complaint(name)
    if complaint is not None:
        text = f"collection name {complaint}"
        raise ValidationError([Problem("collection_name", text)], place)


def check_new_alias(name: str, path: str) -> None:
    """Raise ValidationError unless `name` may be an alias. `path` is its position in the body."""
    complaint = _complaint(name)
    if not name:
        complaint = "must be 1 characters or longer"
    elif len(name) > _MAX_COLLECTION_NAME:
        complaint = f"must be {_MAX_COLLECTION_NAME} characters or shorter"
    elif complaint is not None:
        complaint = f"alias name {complaint}"
    if complaint is not None:
        raise ValidationError([Problem(path, complaint)])


def check_vector_name(name: str, kind: str = "dense") -> None:
    """Raise BadInput unless `name` may name a vector of the kind; "" is the unnamed one."""
    text = None
    if len(name.encode()) > _MAX_VECTOR_NAME_BYTES:
        text = f"vector name must be {_MAX_VECTOR_NAME_BYTES} bytes or shorter"
    elif (found := _forbidden_in(name)) is not None:
        text = f'vector name cannot contain "{found}" char'
    elif (complaint := _complaint(name)) is not None:
        text = f"vector name {complaint}"
    if text is not None:
        raise BadInput(f"Invalid {kind} vector name `{name}`: {text}")


def _forbidden_in(name: str) -> str | None:
    """The first forbidden character in `name`, or None."""
    return next((char for char in _FORBIDDEN if char in name), None)


def _complaint(name: str) -> str | None:
    """Describe why a name is invisible or not possible in a path; None if it is neither."""
    if name in _DOTS:
        return f'cannot be "{name}"'
    if name.isprintable():
        # The usual case: invisible characters are not printable.
        return None
    hidden = (char for char in name if category(char) in _HIDDEN and char not in _JOINERS)
    found = next(hidden, None)
    return None if found is None else f'cannot contain "U+{ord(found):04X}" char'
