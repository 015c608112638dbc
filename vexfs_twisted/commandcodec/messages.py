"""Strict parsing of protobuf messages: unknown fields are errors."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

M = TypeVar("M", bound=Message)


class UndecodableCommand(ValueError):
    """The bytes are not a command, or have a version or a part unknown to this server."""


def parsed(kind: type[M], data: bytes) -> M:
    """Parse a message of class `kind`.

    Raises UndecodableCommand if it is malformed or has unknown fields at any depth.
    """
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise UndecodableCommand(f"no {kind.DESCRIPTOR.name}: {error}") from error
    size = message.ByteSize()
    # Also removes those of nested messages.
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise UndecodableCommand(f"a {kind.DESCRIPTOR.name} with fields that are not known")
    return message


def missing(message: Message, group: str) -> UndecodableCommand:
    """The error for a message without any field of the oneof `group`."""
    return UndecodableCommand(f"a {message.DESCRIPTOR.name} without a {group}")
