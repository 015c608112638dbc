"""Descriptor pools of our own for generated messages.

Protobuf keeps one default pool per process and refuses two different files of one name in it. The
official Qdrant client registers ``points.proto`` and its siblings there, and so would we, had we
not pools of our own: with them both import into one process, in either order.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


class PrivatePool:
    """A descriptor pool that generated modules enter their files into as they are imported."""

    def __init__(self, *standard: FileDescriptor) -> None:
        """`standard` are files of protobuf itself that those of the pool import."""
        self.descriptors = DescriptorPool()
        for file in standard:
            self.descriptors.AddSerializedFile(file.serialized_pb)

    def add_file(self, name: str, serialized: bytes) -> FileDescriptor:
        """Put a serialized ``FileDescriptorProto`` in; what it imports must be there already."""
        self.descriptors.AddSerializedFile(serialized)
        return self.descriptors.FindFileByName(name)

    def publish(self, file: FileDescriptor, namespace: dict[str, Any]) -> None:
        """Bind the top-level messages, enums and enum values of ``file`` to their names."""
        for name, message in file.message_types_by_name.items():
            namespace[name] = message_factory.GetMessageClass(message)
        for name, enum in file.enum_types_by_name.items():
            namespace[name] = EnumTypeWrapper(enum)
            namespace.update((value.name, value.number) for value in enum.values)
