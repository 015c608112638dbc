"""Codecs of fields that many messages have."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from ...model.datetimes import SECONDS
from ...model.errors import BadInput, MalformedMessage, Place, Problem, ValidationError
from ...model.names import check_collection_name
from ...model.validation import ValueRange
from ..generated import points_pb2 as pb
from .enums import number_of

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

_TIMEOUT = ValueRange(1)
_UINT32_MAX = 2**32 - 1
_NANOS = range(1_000_000_000)


def given(message: Message, *names: str) -> dict[str, Any]:
    """The scalar fields among `names` that are set, by name."""
    return {name: getattr(message, name) for name in names if message.HasField(name)}


def read_enum(message: Message, name: str, members: Mapping[int, E]) -> E | None:
    """The member in the field `name`, None if unset. Raises MalformedMessage for others."""
    return known(getattr(message, name), name, members) if message.HasField(name) else None


def known(number: int, name: str, members: Mapping[int, T]) -> T:
    """The member with a number. Raises MalformedMessage if there is none."""
    member = members.get(number)
    if member is None:
        raise MalformedMessage(f"Unknown value {number} of {name}")
    return member


def read_collection_name(name: str) -> str:
    """`name`, if it is a valid collection name. Raises ValidationError."""
    check_collection_name(name, Place.BODY)
    return name


def read_timeout(message: Any) -> float | None:
    """The field `timeout` of a request, in seconds, or None. Raises ValidationError if it is 0."""
    if not message.HasField("timeout"):
        return None
    seconds: int = message.timeout
    complaint = _TIMEOUT.complaint(seconds)
    if complaint is not None:
        raise ValidationError([Problem("timeout", complaint)])
    return seconds


def read_time_limit(message: Any) -> float | None:
    """The field `timeout` of a read, in seconds, or None; validates `read_consistency`.

    Raises ValidationError and MalformedMessage.
    """
    check_consistency(message)
    return read_timeout(message)


def check_consistency(message: Any) -> None:
    """Validate `read_consistency`, which has no effect on a single node.

    Raises MalformedMessage.
    """
    if not message.HasField("read_consistency"):
        return
    consistency: pb.ReadConsistency = message.read_consistency
    kind = consistency.WhichOneof("value")
    if kind is None:
        raise MalformedMessage("invalid read consistency message: `value` is not set")
    if kind == "factor" and consistency.factor == 0:
        raise MalformedMessage("invalid read consistency factor value: 0")
    if kind == "type" and consistency.type not in pb.ReadConsistencyType.values():
        raise MalformedMessage(f"invalid read consistency type value: {consistency.type}")


def read_update_limit(message: Any) -> float | None:
    """The field `timeout` of an update, in seconds, or None; it may be 0.

    Validates `ordering`, which has no effect on a single node. Raises MalformedMessage.
    """
    if message.HasField("ordering"):
        kind = message.ordering.type
        if kind not in pb.WriteOrderingType.values():
            raise MalformedMessage(f"cannot convert ordering: {kind}")
    return message.timeout if message.HasField("timeout") else None


def read_timestamp(message: Timestamp) -> int:
    """Decode a timestamp as microseconds since 1970 UTC. Raises MalformedMessage."""
    if message.seconds not in SECONDS or message.nanos not in _NANOS:
        raise MalformedMessage(f"Unable to parse timestamp: {message.seconds} s {message.nanos} ns")
    return message.seconds * 1_000_000 + message.nanos // 1000


def refuse_shard_keys(message: Any) -> None:
    """Raise BadInput if the request has a shard key: only custom sharding has them."""
    if message.HasField("shard_key_selector"):
        selector: pb.ShardKeySelector = message.shard_key_selector
        for key in selector.shard_keys:
            raise BadInput(f"Shard key {key.keyword or key.number} not found")


def write_given(
    value: object, message: Message, *names: str, **members: Mapping[int, Enum]
) -> None:
    """Set those fields of `message` that are not None in `value`, an attrs value with equal names.

    `members` maps the names of enumeration fields to the numbers of their members. Some fields have
    32 bits here and 64 in JSON: a larger number is written as the largest.
    """
    for name in names:
        item = getattr(value, name)
        if item is None:
            continue
        try:
            setattr(message, name, item)
        except ValueError:
            setattr(message, name, _UINT32_MAX)
    for name, numbers in members.items():
        item = getattr(value, name)
        if item is not None:
            setattr(message, name, number_of(item, numbers))
