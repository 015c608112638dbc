"""Checks what README and docs promise, and hands out README's commands to scripts.

`readme.py command NAME` prints the one shell command below the marker `<!-- command: NAME -->`.
`readme.py check` fails when a link of README or docs leads nowhere, when a marked command is not
one line, when .ci/run takes a command that README does not have, or when README's table of options
and the real ones differ.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = re.compile(r"<!-- command: (?P<name>\S+) -->\n```sh\n(?P<body>.*?)\n```\n", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
OPTION = re.compile(r"^\| `--(?P<name>[a-z-]+)`", re.MULTILINE)


def commands() -> dict[str, str]:
    """README's marked commands by name."""
    text = (ROOT / "README.md").read_text()
    return {found["name"]: found["body"] for found in COMMAND.finditer(text)}


def documents() -> list[Path]:
    """Every page that is checked."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    """The names that links may use for the headings of a page."""
    titles = [found["title"].lower() for found in HEADING.finditer(page.read_text())]
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles}


def broken_links() -> Iterator[str]:
    """A line for each link to a file or heading of this project that does not exist."""
    for page in documents():
        for found in LINK.finditer(page.read_text()):
            target, _, anchor = found["target"].partition("#")
            if "://" in found["target"]:
                continue
            goal = page.parent / target if target else page
            if not goal.exists() or (anchor and anchor not in anchors(goal)):
                yield f"{page.relative_to(ROOT)}: no {found['target']}"


def wrong_commands() -> Iterator[str]:
    """A line for each marked command that is not one line, and each that .ci/run misses."""
    known = commands()
    for name, body in known.items():
        if "\n" in body:
            yield f"README.md: the command {name!r} is more than one line"
    used = re.findall(r"readme\.py command (\S+?)\b", (ROOT / ".ci" / "run").read_text())
    for name in {"run", "test", *used} - set(known):
        yield f"README.md: no command {name!r}"
    if "test" not in used:
        yield ".ci/run: does not run README's test command"


def wrong_options() -> Iterator[str]:
    """A line for each option that only one of README and the program knows."""
    sys.path.insert(0, str(ROOT))
    from vexfs_twisted.config import settings

    real = {setting.option for _, setting, _ in settings() if setting.option is not None}
    told = {found["name"] for found in OPTION.finditer((ROOT / "README.md").read_text())}
    for name in sorted(real ^ told):
        yield f"README.md: the option --{name} is {'not told' if name in real else 'not real'}"


def main(arguments: list[str]) -> int:
    """Run the subcommand; the exit status is answered."""
    match arguments:
        case ["command", name]:
            print(commands()[name])
            return 0
        case ["check"]:
            problems = [*broken_links(), *wrong_commands(), *wrong_options()]
            print("\n".join(problems) or "README and docs hold what they promise")
            return 1 if problems else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
