"""Whole batches of commands, and changes of the catalog, with their origins as bytes, and back."""

from __future__ import annotations

from ..model.commands import CatalogChange, CommandBatch, Origin
from .catalog import read_catalog, write_catalog
from .codec import VERSION, check_version, read_command, write_command
from .generated import commands_pb2 as pb
from .messages import UndecodableCommand, missing, parsed


def encode_batch(batch: CommandBatch) -> bytes:
    """The encoding of a batch: equal bytes for equal batches. Raises ValueError as `encode`."""
    message = pb.CommandBatch(
        version=VERSION,
        origin=_write_origin(batch.origin),
        commands=map(write_command, batch.commands),
        uid=batch.uid,
    )
    return message.SerializeToString(deterministic=True)


def decode_batch(data: bytes) -> CommandBatch:
    """The batch that `encode_batch` wrote.

    Raises UndecodableCommand as `codec.decode`, and for an origin that cannot be.
    """
    message = parsed(pb.CommandBatch, data)
    check_version(message.version)
    commands = list(map(read_command, message.commands))
    uid = message.uid if message.HasField("uid") else None
    return CommandBatch(commands, _read_origin(message), uid)


def encode_change(change: CatalogChange) -> bytes:
    """The encoding of a change of the catalog, as of `encode_batch`."""
    message = pb.CatalogChange(
        version=VERSION,
        origin=_write_origin(change.origin),
        command=write_catalog(change.command),
    )
    return message.SerializeToString(deterministic=True)


def decode_change(data: bytes) -> CatalogChange:
    """The change that `encode_change` wrote. Raises UndecodableCommand as `decode_batch`."""
    message = parsed(pb.CatalogChange, data)
    check_version(message.version)
    if not message.HasField("command"):
        raise missing(message, "command")
    return CatalogChange(read_catalog(message.command), _read_origin(message))


def _write_origin(origin: Origin | None) -> pb.Origin | None:
    return None if origin is None else pb.Origin(source=origin.source, counter=origin.counter)


def _read_origin(message: pb.CommandBatch | pb.CatalogChange) -> Origin | None:
    if not message.HasField("origin"):
        return None
    try:
        return Origin(message.origin.source, message.origin.counter)
    except ValueError as error:
        raise UndecodableCommand(str(error)) from error
