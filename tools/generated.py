"""The parts of pages that are made from the program: the settings, and the list of decisions.

They stand between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pages import ROOT

# The package is imported where it is needed: `readme.py command` runs before it is installed.
sys.path.insert(0, str(ROOT))

PART = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[a-z ]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)

SECTIONS = {
    "service": "The service",
    "grpc": "gRPC",
    "streaming": "Streams",
    "storage": "Storage",
    "tls": "TLS",
    "audit": "The audit log",
    "vexfs": "What Qdrant does not have",
    "": "Logs",
}
"""By the first part of a key; "" are all others."""

COLLECTION_MEANINGS = {
    "storage.on_disk_payload": "told by the interface, changes nothing: payloads are in mapped "
    "tables",
    "storage.hnsw_index.m": "links of a node of a graph; 0: no graph, searches are exact",
    "storage.hnsw_index.ef_construct": "how many candidates a new node is linked by",
    "storage.hnsw_index.full_scan_threshold": "KiB of vectors that pass a filter, below which they "
    "are scanned",
    "storage.hnsw_index.max_indexing_threads": "threads that build a graph, 0: chosen by the "
    "server",
    "storage.hnsw_index.on_disk": "advice: read graphs page by page",
    "storage.hnsw_index.payload_m": "changes nothing: filtered searches need no links of their own",
    "storage.hnsw_index.inline_storage": "changes nothing: vectors are always mapped",
    "storage.hnsw_index.memory": "advice about mapped graphs: cold, cached, pinned",
    "storage.optimizers.deleted_threshold": "the part of a graph's vectors that has to be dead "
    "before it is built anew",
    "storage.optimizers.vacuum_min_vector_number": "vectors that a graph has to have for that",
    "storage.optimizers.default_segment_number": "graphs that a collection should have, 0: chosen "
    "by the server",
    "storage.optimizers.max_segment_size": "KiB of vectors that a graph may have, `_kb` may be "
    "appended to the key",
    "storage.optimizers.memmap_threshold": "changes nothing: vectors are always mapped; `_kb` may "
    "be appended",
    "storage.optimizers.indexing_threshold": "KiB of vectors from which on a graph is built, 0: "
    "none; `_kb` may be appended",
    "storage.optimizers.flush_interval_sec": "changes nothing: a write is on disk before it is "
    "answered",
    "storage.optimizers.max_optimization_threads": "0 pauses the optimizer, another number bounds "
    "its threads",
    "storage.optimizers.prevent_unoptimized": "let writes of vectors wait while more than the "
    "threshold are without a graph",
    "storage.wal.wal_capacity_mb": "changes nothing: there is no log to be written ahead",
    "storage.wal.wal_segments_ahead": "changes nothing, likewise",
    "storage.wal.wal_retain_closed": "changes nothing, likewise",
}


def variable(key: str) -> str:
    """The environment variable of a key, in Qdrant's way."""
    return f"QDRANT__{key.replace('.', '__').upper()}"


def shown(value: Any) -> str:
    """A default as one would write it in the file."""
    if value in (None, (), ""):
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def accepted(setting: Any) -> str:
    """What a setting takes, by what it says of a value that it does not take."""
    try:
        setting.parse("?")
        text = "text"
    except ValueError as error:
        told = re.sub(r"^'\?' is ", "", str(error))
        text = re.sub(r"^(not|none of) ", "", told).replace("neither true nor", "true or")
        text = text.replace("'?' cannot ", "what can ")
    return f"{text}, or none" if setting.nullable and text != "text" else text


def settings_tables() -> Iterator[str]:
    """The settings of the server, a table for each section."""
    from vexfs_twisted.config import settings

    rows: dict[str, list[str]] = {section: [] for section in SECTIONS}
    for _, setting, default in settings():
        names = [setting.key, variable(setting.key), *setting.variables]
        if setting.option is not None:
            names.insert(1, f"--{setting.option}")
        repeats = " (may be repeated)" if setting.is_repeated and setting.option else ""
        cell = "<br>".join(f"`{name}`" for name in names)
        section = setting.key.partition(".")[0]
        rows[section if section in SECTIONS else ""].append(
            f"| {cell} | {shown(default)} | {setting.help}{repeats}<br>*{accepted(setting)}* |"
        )
    for section, title in SECTIONS.items():
        yield f"### {title}\n\n| setting | default | meaning, values |\n| --- | --- | --- |"
        yield "\n".join(rows[section]) + "\n"


def collection_table() -> Iterator[str]:
    """The defaults of new collections."""
    from vexfs_twisted.config_loader import collection_settings

    yield "| setting | default | meaning |\n| --- | --- | --- |"
    for key, default in collection_settings():
        names = f"`{key}`<br>`{variable(key)}`"
        yield f"| {names} | {shown(default)} | {COLLECTION_MEANINGS[key]} |"


def ignored_list() -> Iterator[str]:
    """Keys of Qdrant's without effect."""
    from vexfs_twisted.unused_settings import ignored_keys

    yield ", ".join(f"`{key}`" for key in ignored_keys()) + "."


def decision_list() -> Iterator[str]:
    """The decisions by number and title."""
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        number, _, words = title.partition(". ")
        yield f"- {path.name[:4]} [{words}](decisions/{path.name})"
        if not number.isdecimal() or int(number) != int(path.name[:4]):
            raise ValueError(f"{path.name} has the title {title!r}")


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings_tables,
    "collection settings": collection_table,
    "ignored settings": ignored_list,
    "decisions": decision_list,
}


def made(text: str) -> str:
    """The text of a page with its generated parts made anew."""
    return PART.sub(
        lambda found: f"{found['begin']}{_lines(PARTS[found['name']]())}{found['end']}", text
    )


def _lines(parts: Iterator[str]) -> str:
    return "".join(f"{part}\n" for part in parts)


def pages_with_parts() -> list[Path]:
    """The pages that have generated parts."""
    return [path for path in sorted((ROOT / "docs").glob("*.md")) if PART.search(path.read_text())]


def stale() -> Iterator[str]:
    """A line for each part that is not what the program says, and each setting without words."""
    from vexfs_twisted.config import settings
    from vexfs_twisted.config_loader import collection_settings

    for _, setting, _ in settings():
        if not setting.help:
            yield f"vexfs_twisted/config.py: {setting.key} has no help, which is its meaning"
    for key, _ in collection_settings():
        if key not in COLLECTION_MEANINGS:
            yield f"tools/generated.py: COLLECTION_MEANINGS has no {key}"
            return
    told: set[str] = set()
    for path in pages_with_parts():
        text = path.read_text()
        told |= {found["name"] for found in PART.finditer(text)}
        if made(text) != text:
            yield f"{path.relative_to(ROOT)}: not as generated, run tools/readme.py generate"
    for name in sorted(PARTS.keys() - told):
        yield f"docs: no page has the generated part {name!r}"


def write() -> None:
    """Make the generated parts of all pages anew."""
    for path in pages_with_parts():
        path.write_text(made(path.read_text()))
