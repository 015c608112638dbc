"""The values that a path selects in a payload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...model.payload_path import Index, Key, Step


def values_at(payload: Any, steps: Sequence[Step]) -> Iterator[Any]:
    """Yield what a condition on the path looks at; an array at its end counts as its elements.

    A key reaches into objects only: seeing through an array takes a step of its own.
    """
    for value in _reached(payload, steps, 0):
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _reached(value: Any, steps: Sequence[Step], depth: int) -> Iterator[Any]:
    while depth < len(steps):
        step = steps[depth]
        depth += 1
        if isinstance(step, Key):
            if not isinstance(value, dict) or step.name not in value:
                return
            value = value[step.name]
        elif not isinstance(value, list):
            return
        elif isinstance(step, Index):
            if step.position >= len(value):
                return
            value = value[step.position]
        else:
            for element in value:
                yield from _reached(element, steps, depth)
            return
    yield value
