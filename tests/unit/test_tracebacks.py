"""Errors that have been told: what they held is freed without the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.tracebacks import let_go


class Large:
    """Something that must not stay."""


class LetGo(SynchronousTestCase):
    def setUp(self) -> None:
        was_enabled = gc.isenabled()
        gc.collect()
        gc.disable()
        if was_enabled:
            self.addCleanup(gc.enable)
        self.errors: list[BaseException] = []

    def check_freed(self, break_it: Callable[[Large], None]) -> None:
        """What `break_it` has given away in an error is there until that is let go of."""
        large = Large()
        seen = weakref.ref(large)
        break_it(large)
        del large
        self.assertIsNotNone(seen())
        while self.errors:
            let_go(self.errors.pop())
        self.assertIsNone(seen())

    def test_a_coroutine_that_is_cancelled_deep_below(self) -> None:
        async def deepest(waiting: Deferred[None], large: Large) -> None:
            await waiting

        async def deeper(waiting: Deferred[None], large: Large) -> None:
            await Deferred.fromCoroutine(deepest(waiting, large))

        async def outer(waiting: Deferred[None], large: Large) -> None:
            try:
                await Deferred.fromCoroutine(deeper(waiting, large))
            except CancelledError as error:
                self.errors.append(error)

        def cancel(large: Large) -> None:
            running: Coroutine[Any, Any, None] = outer(Deferred(), large)
            Deferred.fromCoroutine(running).cancel()

        self.check_freed(cancel)

    def test_an_error_that_comes_from_another(self) -> None:
        def fail(large: Large) -> None:
            held = [large]
            try:
                try:
                    raise KeyError
                except KeyError as error:
                    held.append(error)  # type: ignore[arg-type]
                    raise ValueError from None
            except ValueError as error:
                self.errors.append(error)

        self.check_freed(fail)

    def test_a_frame_that_refers_to_the_error(self) -> None:
        def fail(large: Large) -> None:
            try:
                raise ValueError
            except ValueError as error:
                kept = error
                self.errors.append(kept)

        self.check_freed(fail)

    def test_coroutines_that_go_on_are_left_alone(self) -> None:
        """They may be among the callers of what has failed."""
        waiting: Deferred[int] = Deferred()
        answers: list[int] = []

        async def go_on() -> None:
            try:
                raise ValueError
            except ValueError as error:
                self.errors.append(error)
            answers.append(await waiting)

        running = Deferred.fromCoroutine(go_on())
        let_go(self.errors.pop())
        waiting.callback(7)
        self.successResultOf(running)
        self.assertEqual(answers, [7])

    def test_frames_that_still_run_are_left_alone(self) -> None:
        value = 7
        try:
            raise ValueError
        except ValueError as error:
            let_go(error)
        self.assertEqual(value, 7)
