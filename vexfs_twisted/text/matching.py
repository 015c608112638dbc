"""Matches the tokens of a text with those of a query. A query without tokens matches nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def matches_all(document: Collection[str], query: Collection[str]) -> bool:
    """Whether every token of the query is in the document."""
    return bool(query) and set(document).issuperset(query)


def matches_any(document: Collection[str], query: Collection[str]) -> bool:
    """Whether at least one token of the query is in the document."""
    return not set(document).isdisjoint(query)


def matches_phrase(
    document: Sequence[str], query: Sequence[str], *, open_end: bool = False
) -> bool:
    """Whether the tokens of the query are consecutive tokens of the document.

    With `open_end`, the last one may be a prefix of the token at its position.
    """
    if not query:
        return False
    *wanted, last = query
    before = len(wanted)
    for place in range(before, len(document)):
        token = document[place]
        is_end = token.startswith(last) if open_end else token == last
        if is_end and list(document[place - before : place]) == wanted:
            return True
    return False
