"""The descriptor pool of the messages of commands, apart from that of the wire."""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

POOL = DescriptorPool()


def add_file(name: str, serialized: bytes) -> FileDescriptor:
    """Put a serialized ``FileDescriptorProto`` into the pool; what it imports is there already."""
    POOL.AddSerializedFile(serialized)
    return POOL.FindFileByName(name)


def publish(file: FileDescriptor, namespace: dict[str, Any]) -> None:
    """Bind the messages, enums and enum values of ``file`` to their names."""
    for name, message in file.message_types_by_name.items():
        namespace[name] = message_factory.GetMessageClass(message)
    for name, enum in file.enum_types_by_name.items():
        namespace[name] = EnumTypeWrapper(enum)
        namespace.update((value.name, value.number) for value in enum.values)
