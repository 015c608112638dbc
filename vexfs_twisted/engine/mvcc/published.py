"""The published states of a collection: those that new readers find, and those still in use."""

from __future__ import annotations

from weakref import ref

from .state import CollectionState


class PublishedStates:
    """States by the number of the transaction that made each. Only the writer changes them.

    The newest two are filed: a reader finds the state that its transaction sees by the number, and
    if that is no longer filed, it retries with a new transaction.
    """

    def __init__(self, number: int, state: CollectionState) -> None:
        self.newest = state
        self._number = number
        self._filed = {number: state}
        self._known = [ref(state)]

    @property
    def number(self) -> int:
        """The number of the transaction that made the newest state."""
        return self._number

    def get(self, number: int) -> CollectionState | None:
        """The state made by transaction `number`, or None if it is not filed. Thread-safe."""
        return self._filed.get(number)

    def file(self, number: int, state: CollectionState) -> None:
        """File the state of a transaction that is about to commit, so that readers find it."""
        self._filed[number] = state

    def withdraw(self, number: int) -> None:
        """Undo `file`: the transaction has not committed."""
        del self._filed[number]

    def publish(self, number: int, state: CollectionState) -> None:
        """Make the state of a committed transaction the newest."""
        self.newest = state
        self._number = number
        self._know(state)
        for old in sorted(self._filed)[:-2]:
            del self._filed[old]

    def release(self) -> None:
        """Publish no vectors any more. Readers of an earlier state keep it while they read."""
        self.newest = self.newest.without_vectors()
        self._filed = {}

    def alive(self) -> list[CollectionState]:
        """All states that may be in use, including the newest."""
        # Readers that look for the state before the newest from here on retry. The dictionary
        # object stays the same, so a reader finds a state before this or not at all.
        for old in self._filed.keys() - {self._number}:
            del self._filed[old]
        return self.known()

    def known(self) -> list[CollectionState]:
        """All states that may be in use, including those that are filed."""
        return [state for known in self._known if (state := known()) is not None]

    def _know(self, state: CollectionState) -> None:
        self._known = [known for known in self._known if known() is not None]
        self._known.append(ref(state))
