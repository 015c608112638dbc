"""Memory reservations of unary responses: counted until they are sent, with a shared budget."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from .budget import ByteBudget, Credit

SMALL = 64 * 1024
"""Smaller responses, in bytes, are not counted: the limits on concurrent calls bound them."""

UNASKED = 1024 * 1024
"""The bytes that a read may fetch without a claim while at most half of the budget is used."""

PATIENCE_S = 30.0
"""Seconds after which a response being sent is aborted if claims wait; more for a large one."""

SLOWEST = 1024 * 1024
"""Bytes per second: the additional time of a large response."""


class AnswerReservations:
    """The factory of the reservations of responses, which share `budget`. See Reservations.

    A read may fetch some bytes without a claim. One that needs more is restarted once its claim is
    granted; claims are granted in FIFO order. So the memory held is bounded by the budget, what
    worker threads fetch without claims, and one response larger than the budget, which is granted
    when nothing else is held.

    A server that can abort a response which its client does not read calls `sending`. The response
    is aborted when it takes too long and claims wait. Used in the reactor thread only.
    """

    def __init__(self, budget: ByteBudget, clock: IReactorTime) -> None:
        self.budget = budget
        self._clock = clock
        self._on_their_way: dict[AnswerReservation, tuple[float, Callable[[], object]]] = {}
        self._timer: IDelayedCall | None = None

    def reservation(self, copies: int) -> AnswerReservation:
        """See Reservations."""
        return AnswerReservation(self, copies)

    def freed(self, size: int) -> None:
        """See Reservations."""
        self.budget.freed(size)

    @property
    def unasked(self) -> int:
        """The bytes that a read beginning now may fetch without a claim."""
        budget = self.budget
        is_scarce = budget.is_waited_for or 2 * budget.used > budget.limit
        return SMALL if is_scarce else UNASKED

    def claim(self, size: int) -> Deferred[Credit]:
        """Claim `size` bytes, which may exceed the budget. Fires once granted."""
        claim = self.budget.take_all(size)
        self._watch()
        return claim

    def sending(
        self, reservation: AnswerReservation, size: int, give_up: Callable[[], object]
    ) -> None:
        """Track a response that is being sent; `give_up` aborts it."""
        due = self._clock.seconds() + PATIENCE_S + size / SLOWEST
        self._on_their_way[reservation] = due, give_up
        self._watch()

    def arrived(self, reservation: AnswerReservation) -> None:
        """Stop tracking a response, which was sent or aborted."""
        self._on_their_way.pop(reservation, None)
        if self._timer is not None and not (self._on_their_way and self.budget.is_waited_for):
            timer, self._timer = self._timer, None
            timer.cancel()

    def _watch(self) -> None:
        """Schedule a check at the first deadline of a response, if claims wait."""
        if self._timer is None and self._on_their_way and self.budget.is_waited_for:
            first = min(due for due, _ in self._on_their_way.values())
            delay = max(0.0, first - self._clock.seconds())
            self._timer = self._clock.callLater(delay, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        for reservation, (due, give_up) in list(self._on_their_way.items()):
            if due <= now and self.budget.is_waited_for:
                self._on_their_way.pop(reservation, None)
                give_up()
        self._watch()


class AnswerReservation:
    """See Reservation: the memory of one response, `copies` times its content."""

    __slots__ = ("_claim", "_copies", "_credit", "_is_closed", "_on_release", "_reservations")

    def __init__(self, reservations: AnswerReservations, copies: int) -> None:
        self._reservations = reservations
        self._copies = copies
        self._credit: Credit | None = None
        self._claim: Deferred[Credit] | None = None
        self._on_release: Callable[[], object] | None = None
        self._is_closed = False

    @property
    def is_used(self) -> bool:
        """See Reservation."""
        return self._credit is not None

    @property
    def free_bytes(self) -> int:
        """See Reservation."""
        return self._reservations.unasked

    def claim(self, size: int) -> Deferred[None]:
        """See Reservation."""
        if self._is_closed:
            return fail(CancelledError())
        self._give_back()
        self._claim = claim = self._reservations.claim(size * self._copies)
        return claim.addBoth(self._claimed)

    def _claimed(self, credit: Credit | Failure) -> Failure | None:
        self._claim = None
        if isinstance(credit, Failure):
            return credit
        self._credit = credit
        return None

    def fetched(self, size: int) -> None:
        """See Reservation."""
        self.hold(size * self._copies)

    def hold(self, size: int) -> None:
        """See Reservation."""
        if self._credit is not None:
            self._credit.settle(size)
        elif size >= SMALL and not self._is_closed:
            self._credit = self._reservations.budget.charge(size)

    def sending(self, give_up: Callable[[], object]) -> None:
        """See Reservation."""
        if self._credit is not None:
            self._reservations.sending(self, self._credit.size, give_up)

    def when_released(self, function: Callable[[], object]) -> None:
        """See Reservation."""
        if self._is_closed:
            function()
        else:
            self._on_release = function

    def release(self) -> None:
        """See Reservation."""
        self._is_closed = True
        on_release, self._on_release = self._on_release, None
        if on_release is not None:
            on_release()
        if self._claim is not None:
            self._claim.cancel()
        self._give_back()

    def _give_back(self) -> None:
        credit, self._credit = self._credit, None
        if credit is not None:
            self._reservations.arrived(self)
            credit.release()
