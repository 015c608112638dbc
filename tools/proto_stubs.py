"""Type stubs for generated messages: short, and clean under mypy's strict rules.

Enum values are plain ints, as at run time. A field whose name Python reserves (`from`) has no
declaration: it can only be reached with getattr.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

PROLOGUE = """\
from builtins import bool as _bool
from builtins import bytes as _bytes
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Iterable, Mapping
from typing import Literal, type_check_only

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import (
    MessageMap,
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
)
from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
"""

Field = FieldDescriptorProto
SCALARS = {
    Field.TYPE_DOUBLE: "_float",
    Field.TYPE_FLOAT: "_float",
    Field.TYPE_INT64: "_int",
    Field.TYPE_UINT64: "_int",
    Field.TYPE_INT32: "_int",
    Field.TYPE_SINT64: "_int",
    Field.TYPE_UINT32: "_int",
    Field.TYPE_BOOL: "_bool",
    Field.TYPE_STRING: "_str",
    Field.TYPE_BYTES: "_bytes",
    Field.TYPE_ENUM: "_int",
}


def module_name(file: str) -> str:
    """``points.proto`` gives ``points_pb2``, and so does one in a directory."""
    return file.rpartition("/")[2].removesuffix(".proto") + "_pb2"


def sibling_modules(file: FileDescriptorProto) -> list[str]:
    """The generated modules that the one of ``file`` builds on."""
    return sorted(module_name(name) for name in file.dependency if "/" not in name)


class StubWriter:
    """Writes the stub of one file; ``owners`` maps a full message name to its module.

    The modules are in the package ``package``.
    """

    def __init__(self, file: FileDescriptorProto, owners: dict[str, str], package: str) -> None:
        self._package = package
        self._file = file
        self._owners = owners
        self._module = module_name(file.name)

    def lines(self) -> Iterator[str]:
        """Everything below the heading."""
        yield PROLOGUE
        yield from (f"from {self._package} import {name}\n" for name in sibling_modules(self._file))
        yield "\nDESCRIPTOR: FileDescriptor\n"
        for enum in self._file.enum_type:
            yield from _enum(enum, "")
        for message in self._file.message_type:
            yield from self._message(message, "", "")

    def _message(self, message: DescriptorProto, scope: str, indent: str) -> Iterator[str]:
        full = f"{scope}{message.name}"
        inner = indent + "    "
        maps = {
            f".{self._file.package}.{full}.{nested.name}": nested
            for nested in message.nested_type
            if nested.options.map_entry
        }
        yield f"\n{indent}class {message.name}(Message):\n"
        for enum in message.enum_type:
            yield from _enum(enum, inner)
        for nested in message.nested_type:
            if not nested.options.map_entry:
                yield from self._message(nested, f"{full}.", inner)
        fields = [field for field in message.field if not keyword.iskeyword(field.name)]
        yield from (f"{inner}{field.name}: {self._kept(field, maps)}\n" for field in fields)
        yield f"{inner}def __init__(\n{inner}    self,\n"
        if fields:
            yield f"{inner}    *,\n"
        for field in fields:
            yield f"{inner}    {field.name}: {self._accepted(field, maps)} | None = None,\n"
        yield f"{inner}) -> None: ...\n"
        yield from _presence(message, inner)

    def _type(self, field: Field) -> str:
        if field.type != Field.TYPE_MESSAGE:
            return SCALARS[field.type]
        name = field.type_name.removeprefix(".")
        if name == "google.protobuf.Timestamp":
            return "Timestamp"
        owner = self._owners[name]
        local = name.removeprefix(f"{self._file.package}.")
        return local if owner == self._module else f"{owner}.{local}"

    def _kept(self, field: Field, maps: dict[str, DescriptorProto]) -> str:
        """The type of the attribute."""
        entry = maps.get(field.type_name)
        if entry is not None:
            return f"MessageMap[{self._type(entry.field[0])}, {self._type(entry.field[1])}]"
        if field.label != Field.LABEL_REPEATED:
            return self._type(field)
        composite = field.type == Field.TYPE_MESSAGE
        container = f"Repeated{'Composite' if composite else 'Scalar'}FieldContainer"
        return f"{container}[{self._type(field)}]"

    def _accepted(self, field: Field, maps: dict[str, DescriptorProto]) -> str:
        """The type of the constructor's argument."""
        entry = maps.get(field.type_name)
        if entry is not None:
            return f"Mapping[{self._type(entry.field[0])}, {self._type(entry.field[1])}]"
        if field.label == Field.LABEL_REPEATED:
            return f"Iterable[{self._type(field)}]"
        return self._type(field)


def _presence(message: DescriptorProto, indent: str) -> Iterator[str]:
    """HasField and WhichOneof, limited to the names that they take."""
    tracked = [
        field.name
        for field in message.field
        if field.label != Field.LABEL_REPEATED
        and (field.type == Field.TYPE_MESSAGE or field.HasField("oneof_index"))
    ]
    if tracked:
        yield f"{indent}def HasField(\n{indent}    self,\n"
        yield f"{indent}    field_name: {_literal(tracked, indent + '    ')},\n"
        yield f"{indent}) -> _bool: ...\n"
    groups = {
        message.oneof_decl[field.oneof_index].name: field.oneof_index
        for field in message.field
        if field.HasField("oneof_index") and not field.proto3_optional
    }
    for group, index in groups.items():
        members = [
            field.name
            for field in message.field
            if field.HasField("oneof_index") and field.oneof_index == index
        ]
        yield f"{indent}def WhichOneof(\n{indent}    self,\n"
        yield f'{indent}    oneof_group: Literal["{group}"],\n'
        yield f"{indent}) -> {_literal(members, indent)} | None: ...\n"


def _literal(names: Iterable[str], indent: str) -> str:
    items = "".join(f'{indent}    "{name}",\n' for name in names)
    return f"Literal[\n{items}{indent}]"


def _enum(enum: EnumDescriptorProto, indent: str) -> Iterator[str]:
    names = [value.name for value in enum.value if not keyword.iskeyword(value.name)]
    yield f"\n{indent}@type_check_only\n"
    yield f"{indent}class _{enum.name}(_EnumTypeWrapper[_int]):\n"
    yield from (f"{indent}    {name}: _int\n" for name in names)
    yield f"\n{indent}{enum.name}: _{enum.name}\n"
    yield from (f"{indent}{name}: _int\n" for name in names)
