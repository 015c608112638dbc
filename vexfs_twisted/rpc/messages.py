"""The messages of clients: whether they have come, and their decompression.

grpc would decompress them itself, with one size limit for compressed and plain ones, in the thread
that serves all connections. That is disabled, so that the decompressed size has a tighter limit, is
known in advance, and decompression runs in a thread of ours.
"""

from __future__ import annotations

import zlib

from google.protobuf.descriptor import MethodDescriptor

from ..model.errors import BadRequest, MessageTooLarge, TimedOut
from .transport.call import Missing

_GZIP = b"\x1f\x8b"
_DEFLATE = 0x78

_COLLECTION_TAG = 0x0A
"""The tag of the first field, if it is a text."""

# The `wbits` with which zlib detects by the header whether data is gzip or zlib.
_EITHER_WINDOW = 32 + zlib.MAX_WBITS


def is_compressed_message(data: bytes) -> bool:
    """Whether a message is compressed by gzip, or by zlib, which gRPC calls deflate.

    grpc does not pass on the compressed flag of the frame. But no plain message begins like one:
    0x1f would be a field of wire type 7, which does not exist, and 0x78 is the 15th field, before
    which each of our requests has the name of a collection.
    """
    if data.startswith(_GZIP):
        return True
    return len(data) > 1 and data[0] == _DEFLATE and (data[0] << 8 | data[1]) % 31 == 0


def unpack(data: bytes, limit: int) -> bytes:
    """Decompress a message, to at most `limit` bytes. Raises DomainErrors. Thread-safe."""
    unpacker = zlib.decompressobj(_EITHER_WINDOW)
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        if not data.startswith(_GZIP):
            # Not compressed after all: its parser reports what is wrong.
            return data
        raise BadRequest(f"the compressed message is damaged: {error}") from None
    if len(unpacked) > limit:
        raise MessageTooLarge(
            f"a compressed message may unpack to {limit} bytes at most, this one is larger"
        )
    if not unpacker.eof or unpacker.unused_data:
        raise BadRequest("the compressed message is cut short, or something follows it")
    return unpacked


def names_collection(method: MethodDescriptor) -> bool:
    """Whether requests of a method begin with the name of a collection; see `collection_in`."""
    field = method.input_type.fields_by_number.get(1)
    return field is not None and field.name == "collection_name"


def collection_in(data: bytes) -> str:
    """The name of the collection at the begin of a request, where every client writes it.

    Empty if something else is there, which the parser of the message may accept all the same.
    """
    if len(data) < 2 or data[0] != _COLLECTION_TAG:
        return ""
    size, begin = data[1], 2
    if size > 0x7F:
        # Names have up to 255 characters.
        if len(data) < 3 or data[2] > 0x7F:
            return ""
        size, begin = size & 0x7F | data[2] << 7, 3
    return data[begin : begin + size].decode("utf-8", "replace")


def checked(message: bytes | Missing, patience: float) -> bytes:
    """The message of a unary call.

    Raises BadRequest if the client sent none, and TimedOut if none has come for `patience` seconds.
    """
    if isinstance(message, bytes):
        return message
    if message is Missing.LATE:
        raise TimedOut(f"no message has come for {patience:g} seconds")
    raise BadRequest("the call has no message")
