"""Payload selection: the part of a payload that a selector includes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ...model.payload_path import EachElement, Key, Step
from ...model.queries import PayloadMode, PayloadSelector

Select = Callable[[bytes], bytes]
"""Maps a stored payload to the part of it that a read returns; both JSON."""

Path = Sequence[Step]
_EACH = EachElement()


def payload_selection(selector: PayloadSelector) -> Select:
    """Compile a selector that includes or excludes paths."""
    pick = included if selector.mode is PayloadMode.INCLUDE else excluded
    paths = [path.steps for path in selector.paths]
    # orjson returns a block of kilobytes, truncated; a copy takes no more memory than its content.
    return lambda payload: b"%b" % orjson.dumps(pick(orjson.loads(payload), paths))


def included(value: Any, paths: Sequence[Path]) -> Any:
    """The values at or below one of `paths`, in their enclosing structure.

    Values that a path ends short in are kept: a scalar as it is, an array without the elements that
    no path enters. Only `[]` enters an array; `[0]` selects nothing, as in Qdrant.
    """
    if isinstance(value, dict):
        kept = {}
        for name, member in value.items():
            inner = _beyond(paths, Key(name))
            if inner:
                kept[name] = member if _is_reached(inner) else included(member, inner)
        return kept
    if isinstance(value, list):
        inner = _beyond(paths, _EACH)
        if _is_reached(inner):
            return value
        return [included(element, inner) for element in value] if inner else []
    return value


def excluded(value: Any, paths: Sequence[Path]) -> Any:
    """`value` without the values at or below one of `paths`."""
    if isinstance(value, dict):
        left = {}
        for name, member in value.items():
            inner = _beyond(paths, Key(name))
            if not _is_reached(inner):
                left[name] = excluded(member, inner) if inner else member
        return left
    if isinstance(value, list):
        inner = _beyond(paths, _EACH)
        if _is_reached(inner):
            return []
        return [excluded(element, inner) for element in value] if inner else value
    return value


def _beyond(paths: Sequence[Path], step: Step) -> list[Path]:
    """The remainders of the paths that begin with `step`."""
    return [path[1:] for path in paths if path and path[0] == step]


def _is_reached(paths: Sequence[Path]) -> bool:
    """Whether one of the paths ends here."""
    return any(not path for path in paths)
