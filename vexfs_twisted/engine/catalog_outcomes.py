"""The recorded outcomes of catalog commands with an origin, so that they are applied once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from ..model.commands import AlreadyApplied, CatalogOutcome, Origin
from .storage.outcomes import dump_outcome, load_outcome

KEPT_OUTCOMES = 16
MOST_SOURCES = 100
"""The limits are small, as each change writes the catalog files as a whole."""


@frozen
class CatalogOutcomes:
    """The last outcomes of each source; the least recently active source is first.

    An outcome is its counter and its form by `dump_outcome`; counters ascend. KEPT_OUTCOMES are
    kept per source, of the MOST_SOURCES most recently active sources.
    """

    sources: Mapping[str, Sequence[Sequence[Any]]] = field(factory=dict)

    def find(self, origin: Origin) -> CatalogOutcome | None:
        """The outcome recorded for a command; None if the command has to be executed.

        AlreadyApplied if it must not be executed, but its outcome is not kept.
        """
        last = self.last_counter(origin.source)
        if last is None or origin.counter > last:
            return None
        for counter, outcome in self.sources[origin.source]:
            if counter == origin.counter:
                loaded = load_outcome(outcome)
                return loaded if isinstance(loaded, Exception) else bool(loaded)
        return AlreadyApplied(origin, last)

    def last_counter(self, source: str) -> int | None:
        """The highest counter recorded for a source; None if the source is unknown."""
        kept = self.sources.get(source)
        return None if kept is None else int(kept[-1][0])

    def with_outcome(self, origin: Origin, outcome: CatalogOutcome) -> CatalogOutcomes:
        """The outcomes with that of a command added, the newest of its source."""
        others = {name: kept for name, kept in self.sources.items() if name != origin.source}
        own = [*self.sources.get(origin.source, ()), [origin.counter, dump_outcome(outcome)]]
        silent = list(others)[: max(0, len(others) - MOST_SOURCES + 1)]
        for name in silent:
            del others[name]
        return CatalogOutcomes({**others, origin.source: own[-KEPT_OUTCOMES:]})
