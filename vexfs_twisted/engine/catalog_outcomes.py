"""The outcomes of commands of the catalog that came with an origin, so that none is done twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from ..model.commands import AlreadyApplied, CatalogOutcome, Origin
from .storage.outcomes import dump_outcome, load_outcome

KEPT_OUTCOMES = 16
MOST_SOURCES = 100
"""So few of both, since the files of the catalog are written as a whole by every change."""


@frozen
class CatalogOutcomes:
    """Of each source, those first that have been silent for longest, its last outcomes.

    An outcome is its counter and what `dump_outcome` makes of it; counters ascend. The last
    KEPT_OUTCOMES of a source stay, and of MOST_SOURCES sources those that came last.
    """

    sources: Mapping[str, Sequence[Sequence[Any]]] = field(factory=dict)

    def find(self, origin: Origin) -> CatalogOutcome | None:
        """The outcome recorded for a command; None for one that is to be carried out.

        It is AlreadyApplied for one that is not, and of which nothing is recorded.
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
        """The highest counter recorded of a source; None for one that is not known."""
        kept = self.sources.get(source)
        return None if kept is None else int(kept[-1][0])

    def with_outcome(self, origin: Origin, outcome: CatalogOutcome) -> CatalogOutcomes:
        """These and the outcome of a command, which is the last of its source."""
        others = {name: kept for name, kept in self.sources.items() if name != origin.source}
        own = [*self.sources.get(origin.source, ()), [origin.counter, dump_outcome(outcome)]]
        silent = list(others)[: max(0, len(others) - MOST_SOURCES + 1)]
        for name in silent:
            del others[name]
        return CatalogOutcomes({**others, origin.source: own[-KEPT_OUTCOMES:]})
