"""Imports go one way, and each heavy library stays behind its layer. Read from the sources."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

PACKAGE = "vexfs_twisted"

# What each layer may import of the others, beside itself. A single module is a layer of its own.
LAYERS: dict[str, set[str]] = {
    "__init__": set(),
    "model": set(),
    "bursts": set(),
    "allocator": set(),
    "answering": set(),
    "descriptors": set(),
    "seldom": set(),
    "tracebacks": set(),
    "settings": set(),
    "unused_settings": {"settings"},
    "logs": set(),
    "jsonform": {"model"},
    "interfaces": {"model"},
    "interception": {"model"},
    "security": {"model", "interception"},
    "telemetry": {"model", "interception", "logs"},
    "lifecycle": {"logs"},
    "output": {"logs", "seldom"},
    "config": {"settings", "unused_settings", "jsonform", "model"},
    "exhaustion": {"model", "logs", "seldom"},
    "engine": {"model", "interfaces", "jsonform"},
    "device": {"model", "interfaces"},
    "streaming": {"answering", "model", "interfaces"},
    "userspace": {"__init__", "model", "engine", "device", "logs", "lifecycle"},
    "storage": {"model", "interfaces", "bursts", "logs", "engine", "device", "streaming"}
    | {"allocator", "exhaustion"},
    "operations": {"answering", "model", "interfaces", "logs", "storage", "streaming"},
    "rest": {"__init__", "answering", "model", "interfaces", "jsonform", "logs", "lifecycle"}
    | {"interception", "exhaustion", "tracebacks"},
    "rpc": {"__init__", "answering", "model", "interfaces", "jsonform", "logs", "lifecycle"}
    | {"bursts", "interception", "exhaustion", "tracebacks"},
    "testing": {"model", "interfaces"},
    "proto": {"rpc"},
    "trimming": set(),
    "parts": {
        "allocator",
        "answering",
        "trimming",
        "interfaces",
        "interception",
        "security",
        "telemetry",
        "config",
        "descriptors",
        "lifecycle",
        "engine",
        "storage",
        "streaming",
        "operations",
        "rest",
        "rpc",
    },
    "daemon": {"allocator", "descriptors", "model", "config", "lifecycle", "logs", "output"}
    | {"engine", "parts"},
    "twistd": {"config", "daemon", "logs", "output"},
    "tap": {"__init__", "config", "settings", "logs", "output", "daemon", "twistd"},
    "probing": {"model", "interfaces", "device", "subcommands"},
    "subcommands": {"__init__"},
    "adopting": {"config", "settings", "engine", "subcommands"},
    "main": {"tap", "probing", "adopting"},
    "__main__": {"main"},
}

# Libraries that only some layers may import.
BOUND: dict[str, set[str]] = {
    "grpc": {"rpc"},
    "grpc_health": {"rpc"},
    "grpc_reflection": {"rpc"},
    "google.protobuf": {"rpc", "proto"},
    "klein": {"rest"},
    "werkzeug": {"rest"},
    "faiss": {"engine", "device"},
    "lmdb": {"engine"},
    "mfusepy": {"userspace"},
    "yaml": {"settings"},
    "twisted.internet.reactor": {"tap"},
}

# Layers that may import nothing but these beyond the standard library and us.
ALLOWED: dict[str, set[str]] = {
    "model": {"attrs", "numpy"},
    "engine": {"attrs", "numpy", "faiss", "lmdb", "orjson"}
    | {"regex", "icu4py", "py_rust_stemmers", "Stemmer"},
    "jsonform": {"attrs", "cattrs", "orjson"},
    "streaming": {"attrs", "numpy", "twisted"},
    "device": {"attrs", "numpy", "zope"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package, with the layer it is in."""
    root = ROOT / PACKAGE
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).with_suffix("").parts[0], path


def imported(path: Path) -> Iterator[str]:
    """The full names that a module imports."""
    return imported_by(path.read_text(), path)


def imported_by(source: str, path: Path) -> Iterator[str]:
    """The full names that `source` at `path` imports: of `from a import b` both a and a.b."""
    package = [PACKAGE, *path.relative_to(ROOT / PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *filter(None, [node.module])])
            yield origin
            for alias in node.names:
                yield f"{origin}.{alias.name}"


def layers_of(names: Iterator[str]) -> set[str]:
    """The layers of ours among imported names; a name of the package itself is `__init__`."""
    found: set[str] = set()
    for name in names:
        first, *rest = name.split(".")
        if first == PACKAGE and rest:
            found.add(rest[0] if rest[0] in LAYERS else "__init__")
    return found


class Layers(SynchronousTestCase):
    def test_every_module_is_in_a_known_layer(self) -> None:
        self.assertEqual({layer for layer, _ in modules()} - set(LAYERS), set())

    def test_no_two_layers_import_each_other(self) -> None:
        done: set[str] = set()
        while ready := {name for name, needs in LAYERS.items() if needs <= done} - done:
            done |= ready
        self.assertEqual(set(LAYERS) - done, set())

    def test_imports_go_one_way(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)} imports {used}"
            for layer, path in modules()
            for used in sorted(layers_of(imported(path)) - LAYERS.get(layer, set()) - {layer})
        ]
        self.assertEqual(wrong, [])

    def test_the_wires_know_nothing_of_each_other_nor_of_what_is_below_the_operations(self) -> None:
        for wire, other in (("rest", "rpc"), ("rpc", "rest")):
            self.assertEqual(LAYERS[wire] & {other, "engine", "storage", "operations"}, set())

    def test_libraries_stay_behind_their_layer(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)} imports {library}"
            for layer, path in modules()
            for library, allowed in BOUND.items()
            if layer not in allowed
            and any(name == library or name.startswith(f"{library}.") for name in imported(path))
        ]
        self.assertEqual(wrong, [])

    def test_the_lower_layers_import_little(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)} imports {name}"
            for layer, path in modules()
            if layer in ALLOWED
            for name in sorted({name.partition(".")[0] for name in imported(path)})
            if name not in ALLOWED[layer] | {PACKAGE} and name not in sys.stdlib_module_names
        ]
        self.assertEqual(wrong, [])

    def test_the_reader_of_imports_sees_every_form(self) -> None:
        path = ROOT / PACKAGE / "rest" / "sample.py"
        names = {
            "import a.b": {"a.b"},
            "from a import b": {"a", "a.b"},
            "from ..model import ids": {"vexfs_twisted.model", "vexfs_twisted.model.ids"},
            "from . import x": {"vexfs_twisted.rest", "vexfs_twisted.rest.x"},
            "def f():\n    import lazy": {"lazy"},
        }
        for source, expected in names.items():
            self.assertEqual(set(imported_by(source, path)), expected)
