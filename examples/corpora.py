"""Texts with dense vectors, for the example of hybrid search."""

from __future__ import annotations

import ast
import gzip
import json
import re
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from attrs import field, frozen

BUCKETS = 1 << 15
DIMENSION = 256
SHORTEST = 40

QUESTIONS = {
    "wrap a long paragraph of text into lines of a given width": "textwrap",
    "compress bytes in gzip format": "gzip",
    "number of days in a month, and the weekday of its first day": "calendar",
    "create a temporary directory that is removed afterwards": "tempfile",
    "send a mail message through an SMTP server": "smtplib",
    "read the rows of a CSV file as dictionaries": "csv",
    "compute the median of some numbers": "statistics",
    "run a command and capture its output": "subprocess",
    "insert an item into a sorted list": "bisect",
    "parse the tags of an HTML page": "html.parser",
    "generate a secure random token": "secrets",
    "cache the results of a function": "functools",
    "shuffle a list in place": "random",
    "copy a whole directory tree": "shutil",
    "log messages to a file that is rotated": "logging.handlers",
    "a clock face with turtles drawing on a screen": "turtle",
}
"""What is asked of the docstrings, and the module that should be among the first."""


@frozen
class Question:
    """A question; `vector` has unit length, `expected` is the group that should be found."""

    text: str
    vector: np.ndarray
    expected: str


@frozen
class Corpus:
    """Documents and questions about them.

    `vectors` is float32, shape [documents, dim], rows of unit length. `group_by` names the field of
    the payloads by which answers are grouped; the payloads also have a name and a summary.
    `average_length` is the mean number of words of a document.
    """

    texts: list[str]
    payloads: list[dict[str, Any]]
    vectors: np.ndarray
    questions: list[Question]
    group_by: str
    average_length: float = field(init=False)

    @average_length.default
    def _average_length(self) -> float:
        return float(np.mean([len(text.split()) for text in self.texts]))

    @staticmethod
    def is_expected(asked: Question, found: Sequence[str]) -> bool:
        """Whether the expected group is among those found."""
        return asked.expected in found


def docstrings() -> Corpus:
    """The docstrings of the standard library, read from its sources without importing them."""
    texts, payloads = [], []
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root).with_suffix("").parts
        if {"site-packages", "test", "tests", "idlelib", "idle_test"} & set(place):
            continue
        module = ".".join(place[:-1] if place[-1] == "__init__" else place)
        for name, text in documented(path):
            full = f"{module}.{name}" if name else module
            texts.append(f"{full.replace('.', ' ').replace('_', ' ')}: {text}")
            summary = " ".join(text.split("\n\n")[0].split())
            payloads.append({"module": module, "name": full, "summary": summary})
    vectors, asked = embedded(texts, list(QUESTIONS))
    questions = [
        Question(text, vector, module)
        for (text, module), vector in zip(QUESTIONS.items(), asked, strict=True)
    ]
    return Corpus(texts, payloads, vectors, questions, "module")


def documented(path: Path) -> Iterator[tuple[str, str]]:
    """The names and docstrings of what a source file defines; the module itself has no name."""
    try:
        nodes: list[tuple[str, Any]] = [("", ast.parse(path.read_bytes()))]
    except SyntaxError:
        return
    while nodes:
        name, node = nodes.pop()
        text = ast.get_docstring(node)
        if text and len(text) >= SHORTEST:
            yield name, text
        nodes += [
            (f"{name}.{child.name}".lstrip("."), child)
            for child in node.body
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]


def embedded(texts: list[str], others: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of texts, and of other texts, by what terms they have, the rare ones weighing most.

    Words and their groups of four letters are hashed, and every hash has a random direction: a text
    is the sum of the directions of its terms. Texts that share parts of words become similar.
    """
    directions = np.random.default_rng(0).choice([-1, 1], size=(BUCKETS, DIMENSION))
    directions = directions.astype(np.float32)
    terms = [np.unique(hashed(text), return_counts=True) for text in [*texts, *others]]
    occurrences = np.zeros(BUCKETS)
    for buckets, _ in terms[: len(texts)]:
        occurrences[buckets] += 1
    rarity = np.log((1 + len(texts)) / (1 + occurrences))
    vectors = unit(
        np.array(
            [
                (rarity[buckets] * np.sqrt(counts)).astype(np.float32) @ directions[buckets]
                for buckets, counts in terms
            ]
        )
    )
    return vectors[: len(texts)], vectors[len(texts) :]


def hashed(text: str) -> np.ndarray:
    """The bucket of each term of a text."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    grams = [word[start : start + 4] for word in words for start in range(len(word) - 4)]
    return np.array([crc32(term.encode()) % BUCKETS for term in words + grams], dtype=np.int64)


def packages(folder: Path) -> Corpus:
    """60,000 packages of Debian, grouped by section; the questions are other packages."""
    with gzip.open(folder / "packages.jsonl.gz", "rt") as lines:
        payloads = [json.loads(line) for line in lines]
    texts = [f"{payload['name']}: {payload['description']}" for payload in payloads]
    for payload in payloads:
        payload["summary"] = payload.pop("description")
    return Corpus(
        texts,
        payloads,
        unit(np.load(folder / "vectors.f16.npy")),
        package_questions(folder, payloads),
        "section",
    )


def package_questions(folder: Path, payloads: list[dict[str, Any]]) -> list[Question]:
    """A hundred of the queries; each should find the section of the package nearest to it."""
    vectors = unit(np.load(folder / "queries.f16.npy"))
    nearest = np.load(folder / "queries.top100.npy")[:, 0].tolist()
    texts = (folder / "queries.txt").read_text().splitlines()
    return [
        Question(text, vector, payloads[row].get("section", ""))
        for text, vector, row in zip(texts[:100], vectors, nearest, strict=False)
    ]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows as float32 of unit length."""
    rows = vectors.astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows
