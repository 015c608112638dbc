"""What collections, aliases and vectors may be called.

Names with characters that nobody sees, and the two that paths give another meaning, are refused for
what is new only: what has such a name already must stay reachable.
"""

from __future__ import annotations

from unicodedata import category

from .errors import BadInput, Place, Problem, ValidationError

_FORBIDDEN = frozenset('<>:"/\\|?*\0\x1f')
_HIDDEN = frozenset(("Cc", "Cf", "Zl", "Zp"))
"""The categories of characters that control, format or separate lines."""
_JOINERS = frozenset("\u200c\u200d")
"""Of these, the two that words of several scripts, and emoji, are spelled with."""
_DOTS = frozenset((".", ".."))
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
    complaint = _complaint(name)
    if complaint is not None:
        raise ValidationError([Problem("name", f"collection name {complaint}")], place)


def check_new_alias(name: str, path: str) -> None:
    """Raise ValidationError unless `name` may be an alias. `path` is where it stands in a body."""
    complaint = _complaint(name)
    if not name:
        complaint = "must be 1 characters or longer"
    elif len(name) > _MAX_COLLECTION_NAME:
        complaint = f"must be {_MAX_COLLECTION_NAME} characters or shorter"
    elif complaint is not None:
        complaint = f"alias name {complaint}"
    if complaint is not None:
        raise ValidationError([Problem(path, complaint)])


def check_vector_name(name: str) -> None:
    """Raise BadInput unless `name` may name a vector; "" is the unnamed one."""
    if len(name.encode()) > _MAX_VECTOR_NAME_BYTES:
        raise BadInput(f"Vector name must be {_MAX_VECTOR_NAME_BYTES} bytes or shorter")
    found = next((char for char in name if char in _FORBIDDEN), None)
    if found is not None:
        raise BadInput(f"Vector name cannot contain {found!r}")
    complaint = _complaint(name)
    if complaint is not None:
        raise BadInput(f"Vector name {complaint}")


def _complaint(name: str) -> str | None:
    """What is wrong with a name that cannot be seen, or that a path cannot have."""
    if name in _DOTS:
        return f'cannot be "{name}"'
    if name.isprintable():
        # The usual case: whatever is hidden is not printable.
        return None
    hidden = (char for char in name if category(char) in _HIDDEN and char not in _JOINERS)
    found = next(hidden, None)
    return None if found is None else f'cannot contain "U+{ord(found):04X}" char'
