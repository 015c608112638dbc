"""The snippets of README and docs do what the pages say, against the real programs."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import ROOT, run_python

STATUS_SKIPPED = 77
PAGE_SECONDS = 900.0
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "decisions"),
]


class Pages(SynchronousTestCase):
    def run_page(self, page: Path) -> None:
        done = run_python(str(ROOT / "tools" / "readme.py"), "run", str(page), seconds=PAGE_SECONDS)
        if done.returncode == STATUS_SKIPPED:
            raise SkipTest(done.stdout.strip())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


def _add_tests() -> None:
    """A test for each page, so that they are shared out among processes."""
    for page in PAGES:
        name = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix("")).lower())
        setattr(
            Pages, f"test_{name.removeprefix('docs_')}", lambda self, page=page: self.run_page(page)
        )


_add_tests()


class WrongPages(SynchronousTestCase):
    def failure_of(self, text: str) -> str:
        """What is printed of a page with this text, which must not pass."""
        page = Path(self.mktemp()).absolute()
        page.write_text(textwrap.dedent(text).lstrip())
        done = run_python(str(ROOT / "tools" / "readme.py"), "run", str(page))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stdout.replace(page.name, "page")

    def test_another_output(self) -> None:
        printed = self.failure_of(
            """
            ```sh
            echo one; echo two
            ```

            <!-- output -->
            ```text
            one
            three
            ```
            """
        )
        self.assertIn("page:5: this was printed instead:\none\ntwo\n", printed)

    def test_more_output(self) -> None:
        printed = self.failure_of(
            """
            ```python
            print(1)
            print(2)
            ```

            <!-- output -->
            ```text
            1
            ```
            """
        )
        self.assertIn("page:6: this was printed instead", printed)

    def test_a_command_that_fails(self) -> None:
        self.assertIn("page:1: status 1", self.failure_of("```sh\nfalse\ntrue\n```\n"))

    def test_a_command_that_does_not_fail_as_told(self) -> None:
        printed = self.failure_of("<!-- status: 2 -->\n```sh\ntrue\n```\n")
        self.assertIn("page:1: status 0", printed)

    def test_an_exception(self) -> None:
        printed = self.failure_of("Text.\n\n```python\nx = 1\n```\n\n```python\nx / 0\n```\n")
        self.assertIn("page:7: Traceback", printed)
        self.assertIn("ZeroDivisionError", printed)

    def test_a_server_that_does_not_start(self) -> None:
        printed = self.failure_of(
            """
            <!-- server: 6333 -->
            ```sh
            vexfs-qdrant --log-level loud
            ```
            """
        )
        self.assertIn("page:1: ended with status 1", printed)
        self.assertIn("'loud'", printed)

    def test_blocks_that_would_not_be_run(self) -> None:
        for text, complaint in (
            ("```yaml\na: 1\n```\n", "page:1: yaml without a marker"),
            ("<!-- not run -->\n```sh\nls\n```\n", "page:1: the marker 'not run' needs a value"),
            ("<!-- notrun: slow -->\n```sh\nls\n```\n", "page:1: unknown marker 'notrun'"),
            ("<!-- file: x -->\n```sh\nls\n```\n", "page:1: the marker 'file' does not go with sh"),
            ("<!-- output -->\n```text\na\n```\n", "page:1: an output that follows no snippet"),
            ("- item\n\n  ```sh\n  ls\n  ```\n", "page: a block that is not found by its fences"),
        ):
            self.assertIn(complaint, self.failure_of(text))

    def test_outputs_with_gaps(self) -> None:
        page = Path(self.mktemp()).absolute()
        page.write_text(
            "```sh\nseq 5; echo port 6333, name $RANDOM.\n```\n\n"
            "<!-- output -->\n```text\n1\n...\n5\nport 6333, name ....\n```\n"
        )
        done = run_python(str(ROOT / "tools" / "readme.py"), "run", str(page))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
