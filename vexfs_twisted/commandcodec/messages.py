"""Reading of messages, none of which may hold anything that this version does not know."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

M = TypeVar("M", bound=Message)


class UndecodableCommand(ValueError):
    """Bytes that are no command, or one of a version that this server does not know."""


def parsed(kind: type[M], data: bytes) -> M:
    """The message of class `kind` in `data`. Raises UndecodableCommand."""
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise UndecodableCommand(f"no {kind.DESCRIPTOR.name}: {error}") from error
    size = message.ByteSize()
    # Those of messages within it too.
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise UndecodableCommand(f"a {kind.DESCRIPTOR.name} with fields that are not known")
    return message


def missing(message: Message, group: str) -> UndecodableCommand:
    """The error for a message in which none of a group of fields is set."""
    return UndecodableCommand(f"a {message.DESCRIPTOR.name} without a {group}")
