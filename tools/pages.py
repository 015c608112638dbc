"""The pages of the documentation, and what their markers say of the snippets in them.

A fenced block of `sh` or `python` is a snippet, and is run with the others of its page, in order.
A comment of HTML on the line before a block is a marker, and says otherwise or more:

    <!-- command: NAME -->      a command of README for scripts, run by those
    <!-- not run: REASON -->    neither run nor compared
    <!-- status: N -->          a snippet of sh that ends with this exit status
    <!-- server: PORT -->       a snippet of sh that goes on running: a server with REST at PORT;
                                with TLS, PORT is followed by `https` and the file of the authority
    <!-- background: COMMAND -->    one that goes on running, and is ready when COMMAND succeeds
    <!-- file: NAME -->         a block of any language that is written to this file
    <!-- output -->             a block of text: what the snippet before it prints

In an output, `...` stands for anything within a line, and for any lines where it is one by itself.
Two markers stand by themselves: `<!-- stop -->` stops what was started last and must end with
status 0, `<!-- page: NAME=VALUE needs PROGRAM -->` sets variables of the environment and names
programs or files without which the page is not run. Blocks without a language, as drawings and
lists of files, are shown as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SNIPPETS = ("sh", "python")
BLOCK = re.compile(
    r"^(?:<!-- (?P<marker>[a-z ]+)(?:: (?P<value>[^\n]+?))? -->\n)?"
    r"^```(?P<language>[a-z]*|\{toctree\})\n(?P<body>.*?\n)```$"
    r"|^<!-- (?P<alone>stop|page)(?:: (?P<words>[^\n]+?))? -->$",
    re.DOTALL | re.MULTILINE,
)
MARKERS = {
    "command": ("sh",),
    "not run": ("sh", "python", "text", "yaml", "json", "ini"),
    "status": ("sh",),
    "server": ("sh",),
    "background": ("sh",),
    "file": ("python", "yaml", "json", "ini", "text"),
    "output": ("text",),
}


@dataclass(frozen=True)
class Block:
    """A fenced block, or a marker that stands by itself, with the number of its first line.

    `kind` is the name of the marker, "run" for a snippet without one, "shown" for other blocks
    without one. `value` is what follows the name.
    """

    kind: str
    value: str
    language: str
    body: str
    line: int


def documents() -> list[Path]:
    """Every page that is checked."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def is_page(path: Path) -> bool:
    """Whether the snippets of a document are run. Decisions tell of their time, and are not."""
    return "decisions" not in path.relative_to(ROOT).parts


def blocks(path: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = path.read_text()
    return [_block(found, text) for found in BLOCK.finditer(text)]


def _block(found: re.Match[str], text: str) -> Block:
    line = text.count("\n", 0, found.start()) + 1
    if found["alone"]:
        return Block(found["alone"], found["words"] or "", "", "", line)
    language = found["language"]
    kind = found["marker"] or ("run" if language in SNIPPETS else "shown")
    return Block(kind, found["value"] or "", language, found["body"], line)


def runs(block: Block) -> bool:
    """Whether a block is run."""
    return block.kind in ("run", "status", "server", "background")


def wrong_blocks() -> Iterator[str]:
    """A line for each block of a document that would be neither run nor excused."""
    for path in filter(is_page, documents()):
        for complaint in complaints(path):
            yield f"{path.relative_to(ROOT).parent / complaint}"


def complaints(path: Path) -> Iterator[str]:
    """The same of one page: its name, the line, and what is wrong."""
    fences = len(re.findall(r"^ *```", path.read_text(), re.MULTILINE))
    found = blocks(path)
    if fences != 2 * sum(block.kind not in ("stop", "page") for block in found):
        yield f"{path.name}: a block that is not found by its fences at the begin of lines"
    for before, block in zip([None, *found], found, strict=False):
        complaint = _complaint(block, before)
        if complaint:
            yield f"{path.name}:{block.line}: {complaint}"


def _complaint(block: Block, before: Block | None) -> str | None:
    if block.kind in ("run", "stop", "page"):
        return None
    if block.kind == "shown":
        is_excused = block.language in ("", "{toctree}")
        return None if is_excused else f"{block.language} without a marker"
    if block.kind not in MARKERS:
        return f"unknown marker {block.kind!r}"
    if block.language not in MARKERS[block.kind]:
        return f"the marker {block.kind!r} does not go with {block.language or 'no language'}"
    if (block.kind == "output") == bool(block.value):
        return f"the marker {block.kind!r} {'takes no' if block.value else 'needs a'} value"
    if block.kind == "output" and (before is None or not runs(before)):
        return "an output that follows no snippet"
    return None


def summary() -> Iterator[str]:
    """What of the pages is run, what is not, and why."""
    total = 0
    for path in filter(is_page, documents()):
        for block in blocks(path):
            total += runs(block)
            place = f"{path.relative_to(ROOT)}:{block.line}"
            match block.kind:
                case "not run":
                    yield f"not run: {place}: {block.value}"
                case "page":
                    yield f"run with: {place}: {block.value}"
                case "command":
                    yield f"run by scripts: {place}: {block.value}"
    yield f"{total} snippets are run by the tests"
