"""Decoding of requests for groups of points from JSON.

The public functions raise DomainErrors.
"""

from __future__ import annotations

from typing import Any

from ...model.groups import DEFAULT_GROUP_SIZE, GroupLimits, GroupLookup, GroupQuery
from ...model.queries import ALL_PAYLOAD, NO_PAYLOAD, Query
from ...model.validation import validate
from .fields import (
    Reader,
    optional,
    read_object,
    read_string,
    read_u32,
    read_unsigned,
    refuse_shard_key,
    required,
)
from .queries import read_tree
from .searches import read_common_parts, read_recommend_parts, read_search_parts
from .selectors import read_path, read_selection

_QUERY_PATH = "search_group_request"
_RECOMMEND_PATH = "recommend_group_request"


def read_query_groups(value: Any) -> GroupQuery:
    """The best groups of the points of a query."""
    body = read_object(value, "QueryGroupsRequest")
    refuse_shard_key(body)
    parts = read_tree(body, _QUERY_PATH)
    size = optional(body, "group_size", read_unsigned, DEFAULT_GROUP_SIZE)
    limits = GroupLimits(parts.pop("limit"), size)
    parts["selection"] = read_selection(body, NO_PAYLOAD, takes_null=True)
    return _grouped(body, parts, limits, _QUERY_PATH)


def read_search_groups(value: Any) -> GroupQuery:
    """The best groups of the points of an older search."""
    body = read_object(value, "SearchGroupsRequest")
    refuse_shard_key(body)
    parts = read_search_parts(body, _QUERY_PATH) | read_common_parts(body, _QUERY_PATH)
    return _grouped(body, parts, _older_limits(body), _QUERY_PATH)


def read_recommend_groups(value: Any) -> GroupQuery:
    """The best groups of the points of an older recommendation."""
    body = read_object(value, "RecommendGroupsRequest")
    refuse_shard_key(body)
    parts = read_recommend_parts(body, _RECOMMEND_PATH) | read_common_parts(body, _RECOMMEND_PATH)
    return _grouped(body, parts, _older_limits(body), _RECOMMEND_PATH)


def _older_limits(body: dict[str, Any]) -> GroupLimits:
    """The limits of an older request, which has no defaults for them."""
    read: Reader[int] = read_u32
    return GroupLimits(required(body, "limit", read), required(body, "group_size", read))


def _grouped(
    body: dict[str, Any], parts: dict[str, Any], limits: GroupLimits, path: str
) -> GroupQuery:
    group_by = required(body, "group_by", read_path)
    lookup = optional(body, "with_lookup", _read_lookup, None)
    validate(limits, f"{path}.group_request")
    query = Query(**parts, limit=limits.limit)
    validate(query, path)
    return GroupQuery(query, group_by, limits.group_size, lookup)


def _read_lookup(value: Any) -> GroupLookup:
    if type(value) is str:
        return GroupLookup(value)
    body = read_object(value, "WithLookup")
    selection = read_selection(body, ALL_PAYLOAD, takes_null=True)
    return GroupLookup(required(body, "collection", read_string), selection)
