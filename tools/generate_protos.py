"""Write the Python code for the schemas in proto/ into the packages that use them.

Those in proto/ itself are of the wire, and go to vexfs_twisted/rpc; those in proto/vexfs are our
own encodings, and go to vexfs_twisted/commandcodec.

``python tools/generate_protos.py`` writes it; with ``--check`` nothing is written, and the exit
status is 1 when the checked-in code is not what the schemas give. Needs grpcio-tools.

protoc only parses. The modules are ours: each holds its serialized descriptor and enters it into
a private pool (see descriptor_pool.py beside them), where those that protoc writes insist on the
default one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from proto_stubs import StubWriter, module_name, sibling_modules

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "proto"
PACKAGES = {"": "vexfs_twisted.rpc", "vexfs/": "vexfs_twisted.commandcodec"}
"""The package for the schemas of each directory in proto/."""

HEADER = '"""{file}, in our pool. Written by tools/generate_protos.py: do not edit."""\n'
LINE_WIDTH = 90


class GenerationError(Exception):
    """protoc refused the schemas."""


def parse_schemas(directory: str) -> list[FileDescriptorProto]:
    """What protoc reads in a directory of proto/, each file after those that it imports."""
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder) / "all.binpb"
        schemas = sorted(directory + path.name for path in (SCHEMAS / directory).glob("*.proto"))
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{SCHEMAS}"]
        command += [f"--descriptor_set_out={described}", *schemas]
        # Its warnings (qdrant.proto imports services and uses none) are shown only on failure.
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise GenerationError(run.stderr)
        return list(FileDescriptorSet.FromString(described.read_bytes()).file)


def drop_json_names(message: DescriptorProto) -> None:
    """Every runtime derives them from the field names, so they need no place in the code."""
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        drop_json_names(nested)


def parts(file: FileDescriptorProto) -> Iterator[bytes]:
    """Serialized pieces whose concatenation is the whole file.

    The head comes first, then every message, enum and service by itself, so that a change of one
    of them changes only its own lines of the generated code.
    """
    head = FileDescriptorProto()
    head.CopyFrom(file)
    for field in ("message_type", "enum_type", "service"):
        head.ClearField(field)
    yield head.SerializeToString(deterministic=True)
    for message in file.message_type:
        yield FileDescriptorProto(message_type=[message]).SerializeToString(deterministic=True)
    for enum in file.enum_type:
        yield FileDescriptorProto(enum_type=[enum]).SerializeToString(deterministic=True)
    for service in file.service:
        yield FileDescriptorProto(service=[service]).SerializeToString(deterministic=True)


def bytes_literal(data: bytes) -> Iterator[str]:
    """Source lines of adjacent bytes literals."""
    line = ""
    for byte in data:
        plain = 0x20 <= byte < 0x7F and byte not in b'"\\'
        line += chr(byte) if plain else f"\\x{byte:02x}"
        if len(line) >= LINE_WIDTH:
            yield f'    b"{line}"\n'
            line = ""
    if line:
        yield f'    b"{line}"\n'


def render_module(file: FileDescriptorProto, package: str) -> str:
    """Render the code of one file for the package."""
    for message in file.message_type:
        drop_json_names(message)
    imports = sibling_modules(file)
    # An imported schema must be in the pool first; the module itself needs none of its names.
    lines = [HEADER.format(file=file.name), "\n"]
    lines += [f"import {package}.generated.{name}  # noqa: F401\n" for name in imports]
    lines += [f"from {package} import descriptor_pool\n"]
    lines += ["\nDESCRIPTOR = descriptor_pool.add_file(\n", f'    "{file.name}",\n']
    for part in parts(file):
        lines += bytes_literal(part)
    lines[-1] = lines[-1].replace("\n", ",\n")
    lines += [")\n", "descriptor_pool.publish(DESCRIPTOR, globals())\n"]
    return "".join(lines)


def message_names(scope: str, messages: Iterable[DescriptorProto]) -> Iterator[str]:
    """Full names of messages and of those declared inside them."""
    for message in messages:
        yield f"{scope}.{message.name}"
        yield from message_names(f"{scope}.{message.name}", message.nested_type)


def render_stub(file: FileDescriptorProto, owners: dict[str, str], package: str) -> str:
    """Render the stub of one file; ``owners``: full message name -> module, for all files."""
    lines = [HEADER.format(file=file.name), "\n# ruff: noqa: F401\n"]
    lines += StubWriter(file, owners, f"{package}.generated").lines()
    return "".join(lines)


def target(package: str) -> Path:
    """Where the generated code of a package lies."""
    return ROOT.joinpath(*package.split(".")) / "generated"


def generate(directory: str, package: str) -> dict[Path, str]:
    """All generated files for the schemas of a directory: path -> content."""
    schemas = parse_schemas(directory)
    owners = {
        name: module_name(file.name)
        for file in schemas
        for name in message_names(file.package, file.message_type)
    }
    files = {"__init__.py": '"""Code generated from proto/."""\n'}
    for file in schemas:
        name = module_name(file.name)
        files[f"{name}.py"] = render_module(file, package)
        files[f"{name}.pyi"] = render_stub(file, owners, package)
    return {target(package) / name: content for name, content in files.items()}


def differences(files: dict[Path, str]) -> list[Path]:
    """Files that are stale, missing or superfluous in the checked-in folders."""
    folders = map(target, PACKAGES.values())
    found = [path for folder in folders for path in folder.glob("*.py*") if path.is_file()]
    present = {path: path.read_text() for path in found}
    return sorted(
        path for path in files.keys() | present.keys() if files.get(path) != present.get(path)
    )


def write(files: dict[Path, str]) -> None:
    """Make the checked-in folders hold these files and no others."""
    for path in differences(files):
        if path in files:
            path.parent.mkdir(exist_ok=True)
            path.write_text(files[path])
        else:
            path.unlink()


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Generate the Python code for proto/")
    parser.add_argument("--check", action="store_true", help="only say whether the code is fresh")
    check: bool = parser.parse_args(arguments).check
    files: dict[Path, str] = {}
    for directory, package in PACKAGES.items():
        files |= generate(directory, package)
    if not check:
        write(files)
        return 0
    stale = differences(files)
    if stale:
        print(
            "Stale, run tools/generate_protos.py: " + ", ".join(path.name for path in stale),
            file=sys.stderr,
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
