"""Imports go one way, and each heavy library stays behind its layer. Read from the sources."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

PACKAGE = "vexfs_twisted"
ENGINE_FOLDER = "vexfs_twisted/engine"
REST_FOLDER = "vexfs_twisted/rest"

# What each layer may import of the others, beside itself. A single module is a layer of its own.
LAYERS: dict[str, set[str]] = {
    "__init__": set(),
    "model": set(),
    "wakeup": set(),
    "allocator": set(),
    "reservations": set(),
    "file_limit": set(),
    "throttle": set(),
    "gil": set(),
    "threadpool": {"model", "wakeup"},
    "tracebacks": set(),
    "settings": set(),
    "collector": set(),
    "left_out": set(),
    "unused_settings": {"settings"},
    "logs": set(),
    "jsonform": {"model"},
    "text": {"model", "jsonform"},
    "embedding": {"model", "jsonform", "text"},
    "protobuf_pool": set(),
    "commandcodec": {"model", "jsonform", "protobuf_pool"},
    "interfaces": {"model"},
    "middleware": {"model"},
    "readiness": {"model", "middleware"},
    "security": {"model", "middleware"},
    "telemetry": {"__init__", "allocator", "jsonform", "model", "middleware", "logs", "threadpool"},
    "listening": set(),
    "lifecycle": {"logs", "listening", "threadpool"},
    "certificates": {"logs", "threadpool"},
    "service_manager": {"logs"},
    "reloading": {"certificates", "config", "logs", "middleware", "security"},
    "stdio_log": {"logs", "throttle"},
    "config": {"settings", "model", "logs"},
    "config_loader": {"config", "settings", "unused_settings", "jsonform", "model"},
    "configured": {"certificates", "config", "file_limit", "grpc_web", "middleware", "reloading"}
    | {"rest", "rpc", "security", "streaming", "telemetry", "threadpool"},
    "limit_log": {"model", "logs", "throttle"},
    "engine": {"model", "interfaces", "jsonform", "text", "commandcodec", "gil"},
    "device": {"model", "interfaces"},
    "streaming": {"reservations", "model", "interfaces"},
    "storage": {"model", "interfaces", "threadpool", "logs", "engine", "device", "streaming"}
    | {"allocator", "lifecycle", "limit_log", "gil"},
    "operations": {"reservations", "model", "interfaces", "logs", "storage", "streaming"}
    | {"lifecycle", "threadpool"},
    "rest": {"__init__", "reservations", "model", "interfaces", "jsonform", "logs", "lifecycle"}
    | {"wakeup", "threadpool", "middleware", "limit_log", "tracebacks", "embedding"}
    | {"certificates", "gil"},
    "rpc": {"__init__", "reservations", "model", "interfaces", "jsonform", "logs", "lifecycle"}
    | {"wakeup", "threadpool", "middleware", "limit_log", "protobuf_pool", "tracebacks"}
    | {"embedding", "readiness", "certificates", "gil"},
    "proto": {"rpc"},
    "trimming": set(),
    "processes": {"lifecycle", "logs", "config", "service_manager"},
    "reader_composition": {"configured", "allocator", "trimming", "middleware", "telemetry"}
    | {"lifecycle", "threadpool", "engine", "storage", "streaming", "operations", "rest", "rpc"}
    | {"processes", "reloading", "grpc_web"},
    "reader": {"allocator", "collector", "file_limit", "lifecycle", "logs", "stdio_log"}
    | {"processes", "reader_composition", "config", "reloading"},
    "sharing": {"config", "lifecycle", "processes", "rest", "rpc", "telemetry"},
    "composition": {
        "grpc_web",
        "snapshot_storage",
        "sharing",
        "certificates",
        "configured",
        "readiness",
        "reloading",
        "listening",
        "allocator",
        "trimming",
        "middleware",
        "model",
        "telemetry",
        "config",
        "lifecycle",
        "threadpool",
        "engine",
        "storage",
        "streaming",
        "operations",
        "rest",
        "rpc",
    },
    "daemon": {
        "allocator",
        "certificates",
        "collector",
        "file_limit",
        "model",
        "config",
        "lifecycle",
        "logs",
    }
    | {"stdio_log", "engine", "composition", "service_manager", "settings"}
    | {"listening"},
    "twistd": {"config", "daemon", "logs", "stdio_log"},
    "tap": {"__init__", "collector", "config", "left_out", "settings", "logs", "stdio_log"}
    | {"config_loader", "daemon", "twistd", "reader", "processes", "service_manager"},
    "probe_command": {"model", "interfaces", "device", "subcommands"},
    "subcommands": {"__init__"},
    "adopt_command": {"config_loader", "settings", "engine", "subcommands"},
    "snapshot_client": set(),
    "grpc_web": {"model", "middleware", "threadpool", "rest", "rpc"},
    "snapshot_storage": {"config", "engine", "storage"},
    "snapshot_commands": {"config", "config_loader", "settings", "model", "engine"}
    | {"snapshot_client", "snapshot_storage", "subcommands"},
    "migration": {"rpc"},
    "migration_command": {"migration", "subcommands"},
    "verify_command": {"config_loader", "settings", "engine", "subcommands"},
    "repair_command": {"engine", "subcommands"},
    "main": {"collector", "tap", "probe_command", "adopt_command", "snapshot_commands"}
    | {"migration_command", "verify_command", "repair_command"},
    "__main__": {"main"},
}

# The same of the packages and modules of the engine.
ENGINE: dict[str, set[str]] = {
    "__init__": set(),
    "errors": set(),
    "read_bounds": set(),
    "memory_quota": set(),
    "native_library": set(),
    "storage": {"errors", "read_bounds"},
    "vectors": {"errors", "storage"},
    "predicates": {"read_bounds"},
    "payload_index": {"read_bounds", "storage", "predicates"},
    "vector_index": {"errors", "read_bounds", "native_library", "storage", "vectors"},
    "mvcc": {"read_bounds", "storage", "payload_index", "vector_index"},
    "filtering": {"read_bounds", "storage", "predicates", "payload_index", "mvcc"},
    "vector_storage": {"errors", "storage", "vectors", "vector_index"},
    "writes": {"errors", "storage", "vector_index", "vector_storage", "mvcc", "filtering"},
    "acceleration": {"storage", "vectors", "vector_index", "mvcc"},
    "query": {"read_bounds", "memory_quota", "storage", "payload_index", "vector_index", "mvcc"}
    | {"predicates", "filtering", "acceleration"},
    "checkpoints": {"payload_index", "vector_index", "mvcc"},
    "group_commit": {"errors", "storage"},
    "state_reading": {"storage", "vector_index", "vector_storage", "mvcc"},
    "commit_log": {"collection_identity"},
    "log_segments": {"errors"},
    "command_logs": {"storage", "collection_identity", "commit_log", "log_segments"},
    "replay": {"log_segments"},
    "collection_store": {"errors", "storage", "vector_index", "vector_storage", "mvcc", "writes"}
    | {"group_commit", "state_reading", "commit_log", "scrub_writes"},
    "optimizer": {"storage", "vector_index", "mvcc", "collection_store"},
    "cursor": {"mvcc", "query"},
    "plain_store": {"storage", "mvcc", "acceleration", "collection_store"},
    "damage_file": {"storage"},
    "quota_file": {"errors", "storage"},
    "damage_log": {"errors", "storage", "damage_file"},
    "closed_collection": {"storage", "collection_identity"},
    "quarantine": {"errors", "storage", "damage_file", "damage_log", "closed_collection"},
    "scrub_writes": {"storage", "mvcc"},
    "scrub": {"errors", "storage", "vector_index", "vector_storage", "mvcc", "collection_store"}
    | {"damage_log", "scrub_writes"},
    "read_source": {"mvcc", "optimizer", "acceleration", "damage_log"},
    "collection_reports": {"storage", "vector_index", "mvcc", "optimizer", "query", "damage_log"}
    | {"read_source"},
    "reads": {"mvcc", "optimizer", "query", "read_source", "collection_reports"},
    "strict_mode": {"mvcc", "vector_index"},
    "collection_reads": {
        "strict_mode",
        "errors",
        "read_bounds",
        "reads",
        "storage",
        "mvcc",
        "acceleration",
        "query",
    }
    | {"cursor", "optimizer", "damage_log"},
    "snapshots": {"storage", "vector_index", "mvcc", "collection_store"},
    "snapshot_archives": {"snapshots", "catalog", "collection", "data_folder"},
    "collection": {"storage", "mvcc", "acceleration", "query", "snapshots"}
    | {"checkpoints", "collection_store", "collection_reads", "optimizer", "damage_log"}
    | {"commit_log", "scrub"},
    "followed_store": {"errors", "read_bounds", "storage", "vector_index", "vector_storage", "mvcc"}
    | {"state_reading"},
    "followed_collection": {"storage", "vector_index", "mvcc", "acceleration", "checkpoints"}
    | {"followed_store", "collection_reads", "optimizer", "damage_log"},
    "data_folder": {"errors", "storage"},
    "catalog_outcomes": {"storage"},
    "catalog_files": {"errors", "storage", "catalog_outcomes"},
    "former_catalog": {"catalog_files"},
    "collection_identity": {"errors", "storage"},
    "catalog_survey": {"storage", "catalog_files", "collection_identity"},
    "inventory": {"errors", "storage", "data_folder", "catalog_files", "catalog_outcomes"}
    | {"former_catalog"}
    | {"collection_identity", "catalog_survey", "collection_store"},
    "adoption": {"errors", "collection_store", "data_folder", "catalog_survey", "inventory"},
    "salvage": {"storage"},
    "verification": {"errors", "storage", "vector_index", "vector_storage", "data_folder"}
    | {"catalog_files", "collection_identity", "damage_log", "quarantine", "salvage"},
    "repair": {"errors", "storage", "vector_index", "vector_storage", "data_folder"}
    | {"catalog_files", "collection_identity", "damage_file", "salvage", "verification"},
    "followed_register": {"errors", "storage", "catalog_files"},
    "followed_catalog": {"errors", "storage", "data_folder", "followed_register"}
    | {"followed_collection", "damage_file"},
    "catalog": {
        "quarantine",
        "errors",
        "storage",
        "acceleration",
        "catalog_files",
        "data_folder",
        "inventory",
        "collection",
    }
    | {"collection_identity", "commit_log", "closed_collection"},
}

# What others may import of the engine. Tests look inside.
ENGINE_PUBLIC = {
    "acceleration",
    "adoption",
    "catalog",
    "collection",
    "collection_reads",
    "command_logs",
    "commit_log",
    "cursor",
    "data_folder",
    "errors",
    "followed_catalog",
    "followed_collection",
    "memory_quota",
    "native_library",
    "plain_store",
    "quota_file",
    "read_bounds",
    "repair",
    "replay",
    "snapshot_archives",
    "verification",
}

# What the userspace device, a package of its own, may import of the server's.
DEVICE = {"__init__", "model", "engine", "device", "logs", "service_manager"}

# The same inside the REST wire. What its codecs and endpoints share with the others comes first.
REST_LAYERS: dict[str, set[str]] = {
    "__init__": set(),
    "settings": set(),
    "threads": set(),
    "errors": set(),
    "parameters": set(),
    "dependencies": {"transport"},
    "running": set(),
    "reads": set(),
    "bodies": {"settings", "threads", "parameters"},
    "responses": {"errors", "threads"},
    "call_context": {"bodies", "responses"},
    "codecs": {"bodies"},
    "request_context": {"threads", "parameters", "reads", "bodies", "responses"},
    "routing": {"bodies", "call_context", "request_context"},
    "route_table": {"routing"},
    "transport": {"settings", "threads", "running", "bodies", "responses", "call_context"}
    | {"route_table"},
    "endpoints": {"parameters", "bodies", "responses", "codecs", "request_context", "routing"},
    "admission": {"settings", "threads", "bodies", "responses", "call_context", "transport"}
    | {"routing", "parameters"},
    "dispatch": {"threads", "errors", "parameters", "dependencies", "responses", "call_context"}
    | {"running", "reads", "transport", "request_context", "routing", "route_table"},
    "relaying": {"settings", "threads", "dependencies", "endpoints", "transport", "site", "routing"}
    | {"route_table"},
    "site": {"settings", "threads", "dependencies", "bodies", "responses", "call_context"}
    | {"running", "reads", "transport", "routing", "route_table", "endpoints", "admission"}
    | {"dispatch"},
}

# Libraries that only some layers may import.
BOUND: dict[str, set[str]] = {
    "grpc": {"rpc", "grpc_web", "migration"},
    "grpc_health": {"rpc"},
    "grpc_reflection": {"rpc"},
    "google.protobuf": {"rpc", "migration", "proto", "commandcodec", "protobuf_pool"},
    "klein": {"rest"},
    "prometheus_client": {"telemetry"},
    "opentelemetry": {"telemetry"},
    "werkzeug": {"rest"},
    "faiss": {"engine", "device"},
    "lmdb": {"engine"},
    "mfusepy": set(),
    "obstore": {"storage"},
    "yaml": {"settings"},
    "OpenSSL": {"certificates", "rest"},
    "cryptography": {"certificates"},
    "twisted.internet.reactor": {"tap"},
}

# Layers that may import nothing but these beyond the standard library and us.
ALLOWED: dict[str, set[str]] = {
    "model": {"attrs", "numpy"},
    "text": {"attrs", "numpy", "orjson", "regex", "icu4py", "py_rust_stemmers", "Stemmer"},
    "embedding": {"attrs", "numpy", "orjson", "mmh3"},
    "engine": {"attrs", "numpy", "faiss", "isal", "lmdb", "orjson"},
    "jsonform": {"attrs", "cattrs", "orjson"},
    "commandcodec": {"attrs", "numpy", "orjson", "google"},
    "streaming": {"attrs", "numpy", "twisted"},
    "device": {"attrs", "numpy", "zope"},
}


def modules(folder: str = PACKAGE) -> Iterator[tuple[str, Path]]:
    """Every module below a folder of the project, with the layer it is in."""
    root = ROOT / folder
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).with_suffix("").parts[0], path


@cache
def imported(path: Path) -> Set[str]:
    """The full names that a module imports, also where that is for checks of types only."""
    return frozenset(imported_by(path.read_text(), path))


def imported_by(source: str, path: Path) -> Iterator[str]:
    """The full names that `source` at `path` imports: of `from a import b` both a and a.b."""
    package = list(path.relative_to(ROOT).parent.parts)
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


def layers_of(
    names: Iterable[str], package: str = PACKAGE, layers: Mapping[str, set[str]] = LAYERS
) -> set[str]:
    """The layers of `package` among imported names; a name of the package itself is `__init__`."""
    found: set[str] = set()
    for name in names:
        if name.startswith(f"{package}."):
            first = name.removeprefix(f"{package}.").partition(".")[0]
            found.add(first if first in layers else "__init__")
    return found


def wrong_imports(folder: str, layers: Mapping[str, set[str]]) -> list[str]:
    """The imports below a folder of the project that its layers do not allow."""
    return [
        f"{path.relative_to(ROOT)} imports {used}"
        for layer, path in modules(folder)
        for used in sorted(
            layers_of(imported(path), folder.replace("/", "."), layers)
            - layers.get(layer, set())
            - {layer}
        )
    ]


def import_graph() -> dict[str, set[str]]:
    """The modules that each module of ours imports. A package is its `__init__`."""
    paths = {_module_name(path): path for _, path in modules()}
    return {name: set(imported(path) & paths.keys()) for name, path in paths.items()}


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def in_cycles(graph: Mapping[str, Collection[str]]) -> set[str]:
    """What is left of a graph without those that lead to no cycle, or that no cycle leads to."""
    left = set(graph)
    while True:
        used = {target for name in left for target in graph[name]}
        ends = {name for name in left if not left.intersection(graph[name])} | (left - used)
        if not ends:
            return left
        left -= ends


class Layers(SynchronousTestCase):
    def test_every_module_is_in_a_known_layer(self) -> None:
        self.assertEqual({layer for layer, _ in modules()} - set(LAYERS), set())
        self.assertEqual({layer for layer, _ in modules(ENGINE_FOLDER)} - set(ENGINE), set())
        self.assertEqual({layer for layer, _ in modules(REST_FOLDER)}, set(REST_LAYERS))

    def test_every_folder_of_modules_is_a_package(self) -> None:
        """An installation has packages alone."""
        folders = {path.parent for top in (PACKAGE, "vexfs_device") for _, path in modules(top)}
        found = [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()]
        self.assertEqual(found, [])

    def test_no_two_layers_import_each_other(self) -> None:
        for layers in (LAYERS, ENGINE, REST_LAYERS):
            self.assertEqual(in_cycles(layers), set())

    def test_imports_go_one_way(self) -> None:
        self.assertEqual(wrong_imports(PACKAGE, LAYERS), [])

    def test_imports_of_the_engine_go_one_way(self) -> None:
        self.assertEqual(wrong_imports(ENGINE_FOLDER, ENGINE), [])

    def test_imports_of_the_rest_interface_go_one_way(self) -> None:
        self.assertEqual(wrong_imports(REST_FOLDER, REST_LAYERS), [])

    def test_no_modules_import_each_other(self) -> None:
        self.assertEqual(in_cycles(import_graph()), set())

    def test_only_the_public_modules_of_the_engine_are_imported(self) -> None:
        others = [(layer, path) for layer, path in modules() if layer != "engine"]
        wrong = [
            f"{path.relative_to(ROOT)} imports {used} of the engine"
            for _, path in (*others, *modules("vexfs_device"))
            for used in sorted(layers_of(imported(path), f"{PACKAGE}.engine", ENGINE))
            if used not in ENGINE_PUBLIC
        ]
        self.assertEqual(wrong, [])

    def test_the_userspace_device_imports_little_of_the_server(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)} imports {used}"
            for _, path in modules("vexfs_device")
            for used in sorted(layers_of(imported(path)) - DEVICE)
        ]
        self.assertEqual(wrong, [])

    def test_the_search_for_cycles_finds_them(self) -> None:
        graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"e"}}
        self.assertEqual(in_cycles(graph), {"b", "c", "e"})
        self.assertEqual(in_cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}), set())

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
