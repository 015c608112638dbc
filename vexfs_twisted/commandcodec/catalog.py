"""The codec of catalog commands."""

from __future__ import annotations

from ..model.collection import AliasAction, CreateAlias, DeleteAlias, RenameAlias
from ..model.commands import AddCollection, CatalogCommand, DropCollection, UpdateAliases
from .codec import VERSION, check_version
from .configuration import decode_config, encode_config
from .generated import commands_pb2 as pb
from .messages import missing, parsed


def encode_catalog(command: CatalogCommand) -> bytes:
    """Encode a catalog command: equal bytes for equal commands. Errors: see `codec.encode`."""
    return write_catalog(command).SerializeToString(deterministic=True)


def decode_catalog(data: bytes) -> CatalogCommand:
    """The inverse of `encode_catalog`. Raises UndecodableCommand, see `codec.decode`."""
    return read_catalog(parsed(pb.CatalogCommand, data))


def write_catalog(command: CatalogCommand) -> pb.CatalogCommand:
    """The message of a command. Raises ValueError, see `codec.encode`."""
    message = pb.CatalogCommand(version=VERSION)
    if isinstance(command, AddCollection):
        message.add_collection.name = command.name
        message.add_collection.config = encode_config(command.config)
        message.add_collection.uid = command.uid
        message.add_collection.created = command.created
    elif isinstance(command, DropCollection):
        message.drop_collection.name = command.name
        if command.uid is not None:
            message.drop_collection.uid = command.uid
    else:
        message.update_aliases.actions.extend(map(_encode_action, command.actions))
        message.update_aliases.SetInParent()
    return message


def read_catalog(message: pb.CatalogCommand) -> CatalogCommand:
    """The inverse of `write_catalog` for a `parsed` message. Raises UndecodableCommand."""
    check_version(message.version)
    kind = message.WhichOneof("kind")
    if kind == "add_collection":
        new = message.add_collection
        return AddCollection(new.name, decode_config(new.config), new.uid, new.created)
    if kind == "drop_collection":
        old = message.drop_collection
        return DropCollection(old.name, old.uid if old.HasField("uid") else None)
    if kind == "update_aliases":
        return UpdateAliases(list(map(_decode_action, message.update_aliases.actions)))
    raise missing(message, "kind")


def _encode_action(action: AliasAction) -> pb.AliasAction:
    if isinstance(action, CreateAlias):
        create = pb.CreateAlias(
            collection_name=action.collection_name, alias_name=action.alias_name
        )
        return pb.AliasAction(create=create)
    if isinstance(action, DeleteAlias):
        return pb.AliasAction(delete=pb.DeleteAlias(alias_name=action.alias_name))
    rename = pb.RenameAlias(
        old_alias_name=action.old_alias_name, new_alias_name=action.new_alias_name
    )
    return pb.AliasAction(rename=rename)


def _decode_action(message: pb.AliasAction) -> AliasAction:
    kind = message.WhichOneof("kind")
    if kind == "create":
        return CreateAlias(message.create.collection_name, message.create.alias_name)
    if kind == "delete":
        return DeleteAlias(message.delete.alias_name)
    if kind == "rename":
        return RenameAlias(message.rename.old_alias_name, message.rename.new_alias_name)
    raise missing(message, "kind")
