"""Checks what README and docs promise, runs their snippets, and hands out README's commands.

`readme.py command NAME` prints the one shell command below the marker `<!-- command: NAME -->`.
`readme.py check` fails when a link of README or docs leads nowhere, when a marked command is not
one line, when .ci/run takes a command that README does not have, when a snippet is neither run nor
excused, or when a generated part of a page is not what the program says. It prints what of the
pages is not run, and why.
`readme.py run PAGE...` runs the snippets of pages and compares what they print, see pages.py. The
status is 77 when a page was left out because it needs what is not here.
`readme.py generate` makes the generated parts of the pages anew.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import generated
import pages
from page_runner import run_page
from pages import ROOT, documents

COMMAND = re.compile(r"<!-- command: (?P<name>\S+) -->\n```sh\n(?P<body>.*?)\n```\n", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)


def commands() -> dict[str, str]:
    """README's marked commands by name."""
    text = (ROOT / "README.md").read_text()
    return {found["name"]: found["body"] for found in COMMAND.finditer(text)}


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


def main(arguments: list[str]) -> int:
    """Run the subcommand; the exit status is answered."""
    match arguments:
        case ["command", name]:
            print(commands()[name])
            return 0
        case ["check"]:
            problems = [
                *broken_links(),
                *wrong_commands(),
                *pages.wrong_blocks(),
                *generated.stale(),
            ]
            told = ["README and docs hold what they promise", *pages.summary()]
            print("\n".join(problems or told))
            return 1 if problems else 0
        case ["run", *names] if names:
            return max(run_page(Path(name).resolve()) for name in names)
        case ["generate"]:
            generated.write()
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
