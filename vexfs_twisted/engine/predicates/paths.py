"""Evaluates payload paths: the values that a path selects in a payload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...model.payload_path import EachElement, Index, Key, Step

NOTHING: Sequence[Any] = ()


def values_at(payload: Any, steps: Sequence[Step]) -> Iterator[Any]:
    """Yield the values that a condition on the path tests; an array at its end is expanded."""
    for value in reached(payload, steps):
        if isinstance(value, list):
            yield from value
        else:
            yield value


def strings_at(payload: Any, steps: Sequence[Step]) -> Iterator[str]:
    """Yield the strings among the values that a condition on the path tests."""
    return (value for value in values_at(payload, steps) if isinstance(value, str))


def reached(payload: Any, steps: Sequence[Step]) -> Sequence[Any]:
    """The values at the end of the path; arrays are not expanded.

    A key selects in objects only: going into an array takes a step of its own.
    """
    values: Sequence[Any] = (payload,)
    for step in steps:
        if isinstance(step, Key):
            name = step.name
            values = [v[name] for v in values if isinstance(v, dict) and name in v]
        elif isinstance(step, Index):
            place = step.position
            values = [v[place] for v in values if isinstance(v, list) and place < len(v)]
        else:
            values = [element for v in values if isinstance(v, list) for element in v]
        if not values:
            return NOTHING
    return values


def elements_at(payload: Any, steps: Sequence[Step]) -> Iterator[dict[str, Any]]:
    """Yield the objects in the arrays at the path, which a nested filter is evaluated on.

    `steps` have no closing `[]`; see `array_steps`.
    """
    for value in reached(payload, steps):
        if isinstance(value, list):
            for element in value:
                if isinstance(element, dict):
                    yield element


def array_steps(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps to an array, without a closing `[]`: the same for `a` and `a[]`."""
    return tuple(steps[:-1] if isinstance(steps[-1], EachElement) else steps)
