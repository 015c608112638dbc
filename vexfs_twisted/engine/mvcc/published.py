"""The states of a collection: those that a reader may find, and those that are still looked at."""

from __future__ import annotations

from weakref import ref

from .state import CollectionState


class PublishedStates:
    """States by the number of the transaction that made each. Changed by the one writer alone.

    The newest two are filed: a reader whose transaction has begun by then finds what it sees, and
    one that comes too late begins again.
    """

    def __init__(self, number: int, state: CollectionState) -> None:
        self.newest = state
        self._number = number
        self._filed = {number: state}
        self._known = [ref(state)]

    def get(self, number: int) -> CollectionState | None:
        """The state that the transaction `number` made, if it is filed. For any thread."""
        return self._filed.get(number)

    def file(self, number: int, state: CollectionState) -> None:
        """Let readers find the state of a transaction that is about to commit."""
        self._filed[number] = state

    def withdraw(self, number: int) -> None:
        """Take back what `file` did: the transaction has not committed."""
        del self._filed[number]

    def publish(self, number: int, state: CollectionState) -> None:
        """Make the state of a transaction that has committed the newest."""
        self.newest = state
        self._number = number
        self._know(state)
        for old in sorted(self._filed)[:-2]:
            del self._filed[old]

    def swap(self, state: CollectionState) -> None:
        """Put in the place of the newest state another one of the same moment."""
        self.newest = state
        self._filed[self._number] = state
        self._know(state)

    def release(self) -> None:
        """Show nothing of the vectors any more; who reads an earlier state has it for as long."""
        self.newest = self.newest.without_vectors()
        self._filed = {}

    def alive(self) -> list[CollectionState]:
        """All states that somebody may be reading, the newest among them."""
        # Whoever looks for the one before the newest from here on begins again. The dictionary
        # stays the same, so that a reader finds a view before this or not at all.
        for old in self._filed.keys() - {self._number}:
            del self._filed[old]
        return [state for known in self._known if (state := known()) is not None]

    def _know(self, state: CollectionState) -> None:
        self._known = [known for known in self._known if known() is not None]
        self._known.append(ref(state))
