"""The format of gRPC-Web: frames of messages and trailers, as bytes or as base64."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from struct import Struct
from urllib.parse import quote

from ..model.errors import BadRequest
from ..rpc.transport.call import Metadata

_HEAD = Struct(">BI")
_MESSAGE = 0
_PACKED = 1
_TRAILERS = 0x80
_TEXT_PART = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])")
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
"""What the text of a status has as it is; everything else is percent-encoded."""


def message_frame(data: bytes, *, as_text: bool) -> bytes:
    """The frame of a message."""
    return _encoded(_HEAD.pack(_MESSAGE, len(data)) + data, as_text=as_text)


def trailers_frame(trailers: Metadata, *, as_text: bool) -> bytes:
    """The frame that ends a response."""
    lines = b"".join(b"%s: %s\r\n" % pair for pair in trailer_pairs(trailers))
    return _encoded(_HEAD.pack(_TRAILERS, len(lines)) + lines, as_text=as_text)


def trailer_pairs(trailers: Metadata) -> list[tuple[bytes, bytes]]:
    """Trailers as bytes; binary values as base64."""
    return [
        (name.lower().encode(), b64encode(value) if isinstance(value, bytes) else value.encode())
        for name, value in trailers
    ]


def status_trailers(code: int, details: str, metadata: Metadata) -> Metadata:
    """The trailers with a status."""
    told = (("grpc-message", quote(details, safe=_PLAIN)),) if details else ()
    return (("grpc-status", str(code)), *told, *metadata)


def messages_of(pieces: Iterable[bytes], *, is_text: bool) -> list[bytes]:
    """The messages of a whole body; compressed ones stay so. Raises BadRequest."""
    body = b"".join(pieces)
    if is_text:
        body = _decoded(body)
    found, start = [], 0
    while start < len(body):
        if len(body) - start < _HEAD.size:
            raise BadRequest("The gRPC-Web body ends in the head of a frame")
        kind, size = _HEAD.unpack_from(body, start)
        start += _HEAD.size
        if kind not in (_MESSAGE, _PACKED):
            raise BadRequest(f"The gRPC-Web body has a frame of the unknown kind {kind}")
        if size > len(body) - start:
            raise BadRequest("The gRPC-Web body ends in a message")
        found.append(body[start : start + size])
        start += size
    return found


def timeout_of(text: str | None) -> float | None:
    """The seconds of a `grpc-timeout`; None if there is none. Raises BadRequest."""
    if text is None:
        return None
    found = _TIMEOUT.fullmatch(text.strip())
    if found is None:
        raise BadRequest("The grpc-timeout is not understood")
    return int(found[1]) * _UNITS[found[2]]


def _encoded(frame: bytes, *, as_text: bool) -> bytes:
    return b64encode(frame) if as_text else frame


def _decoded(body: bytes) -> bytes:
    """Decode base64, which may have ends in the middle where a client has flushed."""
    parts: Sequence[bytes] = _TEXT_PART.findall(body)
    if sum(map(len, parts)) != len(body) or any(len(part) % 4 for part in parts):
        raise BadRequest("The gRPC-Web body is no base64")
    return b"".join(map(b64decode, parts))
