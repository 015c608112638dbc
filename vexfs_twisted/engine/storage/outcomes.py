"""What became of batches of commands that came with an origin, so that none takes effect twice.

The table maps the source of a batch, NUL and its counter, eight big-endian bytes, to JSON: the
number of the last command applied when the batch was done, and its outcomes. The newest
KEPT_OUTCOMES counters of a source stay, and of MOST_SOURCES sources those that came last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any

import lmdb
import orjson

from ...model.commands import AlreadyApplied, Origin, Outcome
from ...model.errors import (
    AlreadyExists,
    BadInput,
    BadRequest,
    DomainError,
    NotFound,
    NotSupported,
    Place,
    Problem,
    ValidationError,
)
from .record_checksums import sealed, unsealed
from .tables import Tables, Transaction

KEPT_OUTCOMES = 256
MOST_SOURCES = 1000

REFUSALS = (AlreadyExists, BadInput, BadRequest, NotFound, NotSupported, ValidationError)
"""Errors that depend on a command and on those before it alone, and so are outcomes to keep."""

_BY_CODE: dict[str, type[DomainError]] = {kind.code: kind for kind in REFUSALS}
_COUNTER = Struct(">Q")
_MOST_TEXT = 4096


class OutcomeTable:
    """The table in one transaction."""

    def __init__(self, transaction: Transaction, tables: Tables) -> None:
        self._transaction = transaction
        self._table = tables.outcomes

    def find(self, origin: Origin) -> list[Outcome] | None:
        """The outcomes recorded for a batch; None for one that is to be applied.

        The outcome is AlreadyApplied for one that is not, and of which nothing is recorded.
        """
        key = _key(origin.source, origin.counter)
        value = self._transaction.get(key, db=self._table)
        if value is not None:
            return list(map(load_outcome, _loaded(key, value)["outcomes"]))
        last = self.last_counter(origin.source)
        if last is not None and origin.counter <= last:
            return [AlreadyApplied(origin, last)]
        return None

    def last_counter(self, source: str) -> int | None:
        """The highest counter recorded of a source; None for one that is not known."""
        with self._transaction.cursor(self._table) as cursor:
            return _last_of(cursor, _prefix(source))

    def record(self, origin: Origin, number: int, outcomes: Sequence[Outcome]) -> None:
        """Keep the outcomes of a batch, after which `number` was the last command applied."""
        if self.last_counter(origin.source) is None:
            self._make_room()
        value = orjson.dumps({"number": number, "outcomes": list(map(dump_outcome, outcomes))})
        key = _key(origin.source, origin.counter)
        self._transaction.put(key, sealed(key, value), db=self._table)
        first = origin.counter - KEPT_OUTCOMES + 1
        if first > 0:
            self._delete(_prefix(origin.source), _key(origin.source, first))

    def _make_room(self) -> None:
        """Forget the source that has been silent for longest if there are as many as may be."""
        with self._transaction.cursor(self._table) as cursor:
            known = list(_sources(cursor))
        if len(known) >= MOST_SOURCES:
            _, prefix = min(known)
            self._delete(prefix, _after(prefix))

    def _delete(self, start: bytes, stop: bytes) -> None:
        """Delete the entries with keys from `start` to before `stop`."""
        with self._transaction.cursor(self._table) as cursor:
            cursor.set_range(start)
            # It has no key once it is past the last.
            while (key := cursor.key()) and key < stop:
                cursor.delete()


def _sources(cursor: lmdb.Cursor[bytes]) -> Iterator[tuple[int, bytes]]:
    """Of each source the number of the last command applied, and the prefix of its keys."""
    is_there = cursor.first()
    while is_there:
        prefix = cursor.key()[: -_COUNTER.size]
        _last_of(cursor, prefix)
        yield _loaded(cursor.key(), cursor.value())["number"], prefix
        is_there = cursor.next()


def _last_of(cursor: lmdb.Cursor[bytes], prefix: bytes) -> int | None:
    """Go to the last entry with a prefix; its counter."""
    is_there = cursor.prev() if cursor.set_range(_after(prefix)) else cursor.last()
    if not is_there or not cursor.key().startswith(prefix):
        return None
    counter: int = _COUNTER.unpack_from(cursor.key(), len(prefix))[0]
    return counter


def _loaded(key: bytes, value: bytes) -> Any:
    return orjson.loads(unsealed("outcomes", key, value))


def _prefix(source: str) -> bytes:
    return source.encode() + b"\0"


def _key(source: str, counter: int) -> bytes:
    return _prefix(source) + _COUNTER.pack(counter)


def _after(prefix: bytes) -> bytes:
    """What sorts after all keys with a prefix, and before those of any other source."""
    return prefix[:-1] + b"\1"


def dump_outcome(outcome: Outcome) -> Any:
    """The JSON of an outcome: a number or a boolean, or the code and the text of a refusal."""
    if isinstance(outcome, int):
        return outcome
    assert isinstance(outcome, REFUSALS)
    if isinstance(outcome, ValidationError):
        problems = [[problem.path, problem.text] for problem in outcome.problems]
        return {"code": outcome.code, "problems": problems, "place": outcome.place.value}
    return {"code": outcome.code, "message": outcome.message[:_MOST_TEXT]}


def load_outcome(value: Any) -> Outcome:
    """The inverse of `dump_outcome`."""
    if isinstance(value, int):
        return value
    kind = _BY_CODE[value["code"]]
    if kind is ValidationError:
        problems = [Problem(path, text) for path, text in value["problems"]]
        return ValidationError(problems, Place(value["place"]))
    return kind(value["message"].removeprefix(kind.prefix))
