"""The codecs of point ids, scalars and payload paths. Decoders raise UndecodableCommand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np

from ..model.filters import Number, Scalar
from ..model.ids import PointId
from ..model.payload_path import PayloadPath
from .generated import commands_pb2 as pb
from .messages import UndecodableCommand, missing

_INTEGER_BYTES = 8
_UUID_BYTES = 16


def encode_point_ids(ids: Sequence[PointId]) -> pb.PointIds:
    """Encode ids in order: 64-bit integers as one array, UUIDs as 16 bytes each.

    Raises ValueError for an invalid id.
    """
    uuids = [point_id for point_id in ids if isinstance(point_id, str)]
    integers = ids if not uuids else [i for i in ids if not isinstance(i, str)]
    message = pb.PointIds(
        integers=_integers(cast("Sequence[int]", integers)),
        uuids=bytes.fromhex("".join(uuids).replace("-", "")),
    )
    if len(message.uuids) != _UUID_BYTES * len(uuids):
        raise ValueError("one of the ids is not a UUID")
    if uuids and integers:
        message.kinds = bytes(isinstance(point_id, str) for point_id in ids)
    return message


def decode_point_ids(message: pb.PointIds) -> list[PointId]:
    """The inverse of `encode_point_ids`."""
    if len(message.integers) % _INTEGER_BYTES or len(message.uuids) % _UUID_BYTES:
        raise UndecodableCommand("ids that are cut off")
    integers: list[PointId] = np.frombuffer(message.integers, "<u8").tolist()
    text = message.uuids.hex()
    uuids: list[PointId] = [_uuid(text[i : i + 32]) for i in range(0, len(text), 32)]
    if len(message.kinds) != (len(integers) + len(uuids) if integers and uuids else 0):
        raise UndecodableCommand("integers and UUIDs without the kind of each id")
    if not message.kinds:
        return integers or uuids
    if message.kinds.count(1) != len(uuids) or message.kinds.count(0) != len(integers):
        raise UndecodableCommand("ids of kinds that are not known")
    first, second = iter(integers), iter(uuids)
    return [next(second) if is_uuid else next(first) for is_uuid in message.kinds]


def encode_scalar(value: Scalar | float) -> pb.Scalar:
    """Encode a string, boolean or number; an integer beyond 64 bits as decimal digits."""
    if isinstance(value, bool):
        return pb.Scalar(flag=value)
    if isinstance(value, str):
        return pb.Scalar(text=value)
    if isinstance(value, float):
        return pb.Scalar(real=value)
    if -(2**63) <= value < 2**63:
        return pb.Scalar(integer=value)
    return pb.Scalar(digits=str(value))


def decode_scalar(message: pb.Scalar) -> Scalar | float:
    """The inverse of `encode_scalar`. Raises UndecodableCommand."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise missing(message, "kind")
    if kind == "digits":
        try:
            return int(message.digits)
        except ValueError:
            raise UndecodableCommand("digits that are no integer") from None
    return cast("Scalar | float", getattr(message, kind))


def encode_scalars(values: Iterable[str] | Iterable[int]) -> pb.Scalars:
    """Encode a set of strings or integers, sorted, so that equal sets have equal bytes."""
    return pb.Scalars(values=map(encode_scalar, sorted(cast("Iterable[str]", values))))


def decode_scalars(message: pb.Scalars) -> frozenset[str] | frozenset[int]:
    """The inverse of `encode_scalars`."""
    return cast("frozenset[str] | frozenset[int]", frozenset(map(decode_scalar, message.values)))


def encode_number(value: Number | None) -> pb.Scalar | None:
    """Encode a bound of a range; None stays None."""
    return None if value is None else encode_scalar(value)


def decode_number(message: pb.Scalar) -> Number:
    """The inverse of `encode_number` for a bound that is set."""
    value = decode_scalar(message)
    if isinstance(value, bool | str):
        raise UndecodableCommand("a range bound that is not a number")
    return value


def decode_path(text: str) -> PayloadPath:
    """Parse a payload path. Raises UndecodableCommand."""
    try:
        return PayloadPath.parse(text)
    except ValueError as error:
        raise UndecodableCommand(str(error)) from error


def _integers(ids: Sequence[int]) -> bytes:
    try:
        return np.array(ids, dtype="<u8").tobytes()
    except (OverflowError, TypeError) as error:
        raise ValueError(f"not all ids are integers of 64 bits: {error}") from error


def _uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
