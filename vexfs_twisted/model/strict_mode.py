"""Strict mode: a collection as its checks see it, and the errors of what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from .collection import CollectionConfig
from .collection_params import StrictModeConfig
from .errors import BadRequest, RateLimited
from .payload_index import FieldSchema
from .payload_path import EachElement, Step
from .reads import ReadRequest
from .validation import shortest

Steps = tuple[Step, ...]


@frozen
class StrictCollection:
    """A collection in strict mode, as of one commit.

    `uid` is unique over all collections ever created. `fields` are the declared payload indexes, by
    `steps_of` their paths, and `index_names` by their paths as spelled. `points` are counted;
    `vector_bytes` adds up what the vectors of all names take, in bytes.
    """

    uid: str
    limits: StrictModeConfig
    config: CollectionConfig
    fields: Mapping[Steps, FieldSchema]
    index_names: Mapping[str, FieldSchema]
    points: int
    vector_bytes: Callable[[], int]


@frozen
class PayloadSizeRequest(ReadRequest[int]):
    """The bytes of the tables that hold payloads."""


def steps_of(steps: Steps) -> Steps:
    """The steps of a path without a closing `[]`, which does not matter for filters."""
    return steps[:-1] if steps and isinstance(steps[-1], EachElement) else steps


def refused(what: str, advice: str) -> BadRequest:
    """The error for a request that strict mode does not allow, and how to change it."""
    return BadRequest(f"{what}. Help: {advice}")


def above(value: float, limit: float, name: str) -> BadRequest:
    """The error for a parameter above its limit."""
    allowed = _shown(limit)
    return refused(
        f'Limit exceeded {_shown(value)} > {allowed} for "{name}"',
        f'Reduce the "{name}" parameter to or below {allowed}.',
    )


def _shown(number: float) -> str:
    return shortest(number).removesuffix(".0")


def too_fast(kind: str, cost: int, available: float, seconds: int) -> RateLimited:
    """The error for an operation that needs more tokens than are left; `kind` Read or Write."""
    return RateLimited(
        f"{kind} rate limit exceeded: Operation requires {cost} tokens "
        f"but only {available:.1f} were available. Retry after {seconds}s",
        seconds,
    )


def too_large_for_rate(kind: str) -> RateLimited:
    """The error for an operation that needs more tokens than the bucket holds."""
    return RateLimited(
        f"{kind} rate limit exceeded, request larger than rate limiter capacity, "
        "please try to split your request"
    )
