"""Whether the tokens of a text answer those of a query. A query without tokens matches nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def matches_all(document: Collection[str], query: Collection[str]) -> bool:
    """Whether every token of the query is in the document."""
    return bool(query) and set(document).issuperset(query)


def matches_any(document: Collection[str], query: Collection[str]) -> bool:
    """Whether a token of the query is in the document."""
    return not set(document).isdisjoint(query)


def matches_phrase(document: Sequence[str], query: Sequence[str]) -> bool:
    """Whether the tokens of the query stand in the document one after the other."""
    length = len(query)
    if not length:
        return False
    wanted = list(query)
    last = len(document) - length
    return any(list(document[at : at + length]) == wanted for at in range(last + 1))
