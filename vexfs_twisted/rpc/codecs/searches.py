"""Decoding of the older requests: search, recommend and discover.

They become the same queries as those of the universal request. The public functions raise
DomainErrors. `path` is the path of a message in the request, for errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from ...model.errors import MalformedMessage
from ...model.queries import Query, check_query_vector
from ...model.query_forms import (
    ContextPair,
    Example,
    PointExample,
    Recommend,
    VectorExample,
    check_older_recommend,
    older_discover,
)
from ...model.validation import validate
from ..generated import points_pb2 as pb
from .examples import vector_example
from .fields import given, refuse_shard_keys
from .ids import read_id, read_ids
from .queries import aimed, plain, read_common_parts, read_lookup_location, within
from .query_forms import read_strategy
from .vectors import read_floats, read_vector_message


def read_search(message: pb.SearchPoints, path: str = "") -> Query:
    """Decode a search. Clears the fields of its vector in the message."""
    form = read_search_vector(message, path)
    return aimed(plain(_read_plain_search, message, path), form)


def read_search_vector(message: pb.SearchPoints | pb.SearchPointGroups, path: str) -> VectorExample:
    """The vector of a search. Clears its fields in the message. Raises a DomainError."""
    if message.HasField("sparse_indices"):
        sparse = pb.SparseVector(indices=message.sparse_indices.data, values=message.vector)
        message.ClearField("sparse_indices")
        message.ClearField("vector")
        return vector_example(read_vector_message(sparse, within(path, "vector")))
    floats = read_floats(message.vector)
    message.ClearField("vector")
    check_query_vector(floats)
    return VectorExample(floats)


def _read_plain_search(message: pb.SearchPoints, path: str) -> Query:
    refuse_shard_keys(message)
    parts = given(message, "score_threshold", "offset")
    common = read_common_parts(message, path)
    return Query(using=message.vector_name, limit=message.limit, **parts, **common)


def read_recommend(message: pb.RecommendPoints, path: str = "") -> Query:
    """Decode a recommendation by positive and negative examples."""
    refuse_shard_keys(message)
    query = Query(
        **read_recommend_parts(message, path),
        **read_common_parts(message, path),
        **given(message, "offset"),
        limit=message.limit,
    )
    validate(query, path)
    return query


def read_recommend_parts(
    message: pb.RecommendPoints | pb.RecommendPointGroups, path: str
) -> dict[str, Any]:
    """The parts that a recommendation and one of groups have, by name."""
    form = Recommend(
        _examples(message.positive, message.positive_vectors, within(path, "positive_vectors")),
        _examples(message.negative, message.negative_vectors, within(path, "negative_vectors")),
        read_strategy(message),
    )
    check_older_recommend(form)
    location = read_lookup_location(message)
    return {"form": form, "lookup_from": location, **given(message, "using", "score_threshold")}


def read_discover(message: pb.DiscoverPoints, path: str = "") -> Query:
    """Decode a discovery by a target and pairs of examples, of which one may be missing."""
    refuse_shard_keys(message)
    target = None
    if message.HasField("target"):
        if message.target.WhichOneof("target") is None:
            raise MalformedMessage("TargetVector target is missing")
        target = _read_example(message.target.single, within(path, "target"))
    pairs = []
    for index, pair in enumerate(message.context):
        place = within(path, f"context[{index}]")
        pairs.append(ContextPair(_side(pair, "positive", place), _side(pair, "negative", place)))
    query = Query(
        older_discover(target, tuple(pairs)),
        **given(message, "using", "offset"),
        **read_common_parts(message, path),
        limit=message.limit,
        lookup_from=read_lookup_location(message),
    )
    validate(query, path)
    return query


def _examples(ids: Iterable[Any], vectors: Iterable[pb.Vector], path: str) -> tuple[Example, ...]:
    found: list[Example] = list(map(PointExample, read_ids(ids)))
    for index, vector in enumerate(vectors):
        found.append(vector_example(read_vector_message(vector, f"{path}[{index}]")))
    return tuple(found)


def _side(pair: pb.ContextExamplePair, name: Literal["positive", "negative"], path: str) -> Example:
    if not pair.HasField(name):
        raise MalformedMessage(f"ContextExamplePair {name} is missing")
    return _read_example(getattr(pair, name), f"{path}.{name}")


def _read_example(message: pb.VectorExample, path: str) -> Example:
    kind = message.WhichOneof("example")
    if kind == "id":
        return PointExample(read_id(message.id))
    if kind is None:
        raise MalformedMessage("VectorExample example is missing")
    return vector_example(read_vector_message(message.vector, path))
