"""Decoding of batches of searches whose messages differ in their vectors only, as one matrix.

To protobuf every search of a batch is a message of its own, decoded at some 10 us. A client that
sends many mostly encodes them alike: then the messages are of one length, and equal but for the
bytes of their vectors. The first is decoded; the vectors of all are one part of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray

from ...model.errors import DomainError
from ...model.queries import Query, VectorQueries
from ...model.query_forms import VectorExample
from .queries import read_each
from .varints import read_varint

_LARGE = 1 << 14
"""Smaller requests take no longer message by message."""

_MOST_OTHERS = 64
"""Clients send a few fields beside the searches, each once."""

_QUERIES = 2
_TAG = _QUERIES << 3 | 2
"""Field 2 of the requests for batches, length-delimited: the searches."""

_FEW = 8

Bytes = NDArray[np.uint8]
Read = Callable[[Any, str], Query]


@frozen
class ParsedBatch:
    """A request for a batch: `message` has only the first of the searches if `alike` is not None.

    `alike`, shape [n, size], uint8, are the messages of all n searches, which are of one length.
    """

    message: Any
    alike: Bytes | None = None


def parse_batch(message_type: type[Message], data: bytes) -> ParsedBatch:
    """Parse a request in whatever encoding the client used. Raises DecodeError if malformed."""
    if len(data) >= _LARGE:
        try:
            found = _parse_alike(message_type, data)
        except (IndexError, DecodeError):
            found = None
        if found is not None:
            return found
    return ParsedBatch(message_type.FromString(data))


def _parse_alike(message_type: type[Message], data: bytes) -> ParsedBatch | None:
    """The request if its searches follow each other and are of one length, else None.

    Raises IndexError or DecodeError for what cannot be parsed in this way.
    """
    begin = _first_search(data)
    if begin is None:
        return None
    size, start = read_varint(data, begin + 1)
    stride = start - begin + size
    count = (len(data) - begin) // stride
    if count < _FEW:
        return None
    table = np.frombuffer(data, dtype=np.uint8, count=count * stride, offset=begin)
    fields = table.reshape(count, stride)
    head = start - begin
    is_search = (fields[:, :head] == fields[0, :head]).all(axis=1)
    if not is_search.all():
        count = int(is_search.argmin())
    message = message_type.FromString(data[: begin + stride] + data[begin + count * stride :])
    if len(_searches(message)) != 1 or count < _FEW:
        return None
    return ParsedBatch(message, fields[:count, head:])


def _first_search(data: bytes) -> int | None:
    """The position of the first search, after fields of a length of their own only."""
    position = 0
    for _ in range(_MOST_OTHERS):
        if data[position] == _TAG:
            return position
        tag, position = read_varint(data, position)
        if tag & 7 != 2:
            return None
        size, position = read_varint(data, position)
        position += size
    return None


def _searches(message: Any) -> Sequence[Any]:
    """The searches of a request, whose field has another name in each kind of batch."""
    field = message.DESCRIPTOR.fields_by_number[_QUERIES]
    searches: Sequence[Any] = getattr(message, field.name)
    return searches


def read_batch_queries(parsed: ParsedBatch, read: Read) -> Sequence[Query]:
    """The queries of a batch, each decoded by `read`. Raises DomainErrors."""
    message = parsed.message
    name = message.DESCRIPTOR.fields_by_number[_QUERIES].name
    if parsed.alike is None:
        return read_each(_searches(message), name, read)
    search_type = type(_searches(message)[0])
    found = _vector_queries(
        parsed.alike, lambda data: read(search_type.FromString(data), f"{name}[0]")
    )
    if found is not None:
        return found
    # All are parsed before one is decoded: that a request is malformed is told first.
    return read_each(list(map(search_type.FromString, map(bytes, parsed.alike))), name, read)


def _vector_queries(alike: Bytes, decode: Callable[[bytes], Query]) -> VectorQueries | None:
    """The searches, if they are for finite dense vectors and differ in nothing else; else None.

    `decode` decodes one.
    """
    first = alike[0].tobytes()
    try:
        pattern = decode(first)
        vector = _vector_of(pattern)
        if vector is None:
            return None
        floats = vector.astype("<f4").tobytes()
        start = first.find(floats)
        stop = start + len(floats)
        if start < 0 or _differ(alike[:, :start]) or _differ(alike[:, stop:]):
            return None
        # Proven by decoding other floats in their place: these bytes are the vector, and no others.
        other = np.arange(1, len(vector) + 1, dtype="<f4")
        changed = decode(first[:start] + other.tobytes() + first[stop:])
    except (DomainError, DecodeError):
        return None
    if changed != evolve(pattern, form=VectorExample(other)):
        return None
    vectors = alike[:, start:stop].copy().view("<f4").astype(np.float32, copy=False)
    return VectorQueries(pattern, vectors) if np.isfinite(vectors).all() else None


def _differ(table: Bytes) -> bool:
    """Whether the rows of a table are not all equal."""
    return bool((table != table[0]).any())


def _vector_of(query: Query) -> NDArray[np.float32] | None:
    """The dense vector that is searched for."""
    form = query.form
    if query.prefetch or not isinstance(form, VectorExample):
        return None
    return form.vector if isinstance(form.vector, np.ndarray) else None
