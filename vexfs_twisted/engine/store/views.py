"""The views of a collection: those that a reader may find, and those that are still looked at."""

from __future__ import annotations

from weakref import ref

from .view import View


class Views:
    """Views by the number of the transaction that made each. Changed by the one writer alone.

    The newest two are filed: a reader whose transaction has begun by then finds what it sees, and
    one that comes too late begins again.
    """

    def __init__(self, number: int, view: View) -> None:
        self.newest = view
        self._number = number
        self._filed = {number: view}
        self._known = [ref(view)]

    def get(self, number: int) -> View | None:
        """The view that the transaction `number` made, if it is filed. For any thread."""
        return self._filed.get(number)

    def file(self, number: int, view: View) -> None:
        """Let readers find the view of a transaction that is about to commit."""
        self._filed[number] = view

    def withdraw(self, number: int) -> None:
        """Take back what `file` did: the transaction has not committed."""
        del self._filed[number]

    def publish(self, number: int, view: View) -> None:
        """Make the view of a transaction that has committed the newest."""
        self.newest = view
        self._number = number
        self._know(view)
        for old in sorted(self._filed)[:-2]:
            del self._filed[old]

    def swap(self, view: View) -> None:
        """Put in the place of the newest view another one of the same moment."""
        self.newest = view
        self._filed[self._number] = view
        self._know(view)

    def release(self) -> None:
        """Show nothing of the vectors any more; who reads an earlier view has it for as long."""
        self.newest = self.newest.without_vectors()
        self._filed = {}

    def alive(self) -> list[View]:
        """All views that somebody may be reading, the newest among them."""
        # Whoever looks for the one before the newest from here on begins again. The dictionary
        # stays the same, so that a reader finds a view before this or not at all.
        for old in self._filed.keys() - {self._number}:
            del self._filed[old]
        return [view for known in self._known if (view := known()) is not None]

    def _know(self, view: View) -> None:
        self._known = [known for known in self._known if known() is not None]
        self._known.append(ref(view))
