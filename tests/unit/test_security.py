"""Keys and rates: who is let through."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.interceptors import OPEN, STREAM, UNARY, call
from vexfs_twisted.middleware import Method
from vexfs_twisted.model.access import MANAGE, READ, Caller, Means
from vexfs_twisted.model.errors import Forbidden, RateLimited, Unauthenticated
from vexfs_twisted.security.authentication import ApiKeys, Authentication
from vexfs_twisted.security.limits import RateLimit
from vexfs_twisted.security.local import LocalCallers

MISSING = "Must provide an API key or an Authorization bearer token"
WRONG = "Invalid API key or JWT"


LOCAL = Method("rest", "POST /vexfs/device", is_local=True)


class OnThisMachine(SynchronousTestCase):
    def is_let_through(
        self, peer: str, kind: Method = LOCAL, headers: dict[str, str] | None = None
    ) -> bool:
        try:
            LocalCallers().before(call(kind, headers, peer))
        except Forbidden:
            return False
        return True

    def test_callers_by_their_address(self) -> None:
        for peer in ("127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"):
            self.assertTrue(self.is_let_through(peer), peer)
        for peer in ("10.0.0.1", "0.0.0.0", "::ffff:10.0.0.1", "fe80::1", "localhost", ""):
            self.assertFalse(self.is_let_through(peer), peer)

    def test_pages_and_proxies_on_this_machine_are_elsewhere(self) -> None:
        for name in ("origin", "forwarded", "x-forwarded-for"):
            for value in ("null", "http://localhost:6333", ""):
                self.assertFalse(self.is_let_through("127.0.0.1", headers={name: value}), name)

    def test_other_calls_may_come_from_anywhere(self) -> None:
        for kind in (UNARY, STREAM, OPEN):
            self.assertTrue(self.is_let_through("10.0.0.1", kind, {"origin": "http://elsewhere"}))


class Keys(SynchronousTestCase):
    def setUp(self) -> None:
        self.authentication = Authentication(ApiKeys("right", "other"))

    def check(self, headers: dict[str, str], kind: Method = UNARY) -> str | None:
        """What a call with these headers is refused with."""
        try:
            seen = call(kind, headers, identify=self.authentication.identify)
            self.authentication.before(seen)
        except Unauthenticated as error:
            return error.message
        return None

    def test_every_spelling_of_a_right_key(self) -> None:
        for key in ("right", "other"):
            for headers in (
                {"api-key": key},
                {"authorization": f"Bearer {key}"},
                {"authorization": f"bearer {key}"},
                {"authorization": f"BEARER  {key} "},
                {"api-key": key, "authorization": f"Bearer {key}"},
                {"api-key": key, "authorization": "Basic wrong"},
                {"api-key": "", "authorization": f"Bearer {key}"},
            ):
                for kind in (UNARY, STREAM):
                    self.assertIsNone(self.check(headers, kind), headers)

    def test_a_wrong_key(self) -> None:
        for headers in (
            {"api-key": "wrong"},
            {"api-key": "Right"},
            {"api-key": "right "},
            {"api-key": "rightother"},
            {"api-key": "righ"},
            {"api-key": "r\u00efght"},
            {"api-key": "wrong", "authorization": "Bearer right"},
            {"api-key": "right, right"},
            {"api-key": "right, wrong"},
            {"authorization": "Bearer right, Bearer right"},
            {"authorization": "Bearer "},
            {"authorization": "Bearer wrong"},
        ):
            self.assertEqual(self.check(headers), WRONG, headers)

    def test_the_caller_of_each_key(self) -> None:
        keys = ApiKeys("right", "other", "look")
        identify = Authentication(keys).identify
        for key, means, access in (
            ("right", Means.API_KEY, MANAGE),
            ("other", Means.ALT_API_KEY, MANAGE),
            ("look", Means.READ_ONLY_API_KEY, READ),
        ):
            self.assertEqual(identify({"api-key": key}.get), Caller("", means, access))
        self.assertIsNotNone(identify({"api-key": "wrong"}.get).refusal)

    def test_two_keys_that_differ(self) -> None:
        differ = "The API key and the Authorization bearer token differ"
        for token in ("wrong", "other", ""):
            headers = {"api-key": "right", "authorization": f"Bearer {token}"}
            self.assertEqual(self.check(headers), differ, token)

    def test_no_key(self) -> None:
        for headers in (
            {},
            {"api-key": ""},
            {"authorization": "right"},
            {"authorization": "Basic right"},
            {"authorization": "Bearer"},
            {"x-api-key": "right"},
        ):
            self.assertEqual(self.check(headers), MISSING, headers)

    def test_what_is_open_needs_none(self) -> None:
        self.assertIsNone(self.check({}, OPEN))
        self.assertIsNone(self.check({"api-key": "wrong"}, OPEN))


class Limited(SynchronousTestCase):
    """A limit of ten calls a second, and a clock that stands still."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1e6)
        self.limit = self.limited(10)

    def limited(self, per_second: int, max_clients: int = 100) -> RateLimit:
        return RateLimit(per_second, self.clock.seconds, max_clients)

    def passed(self, calls: int, peer: str = "192.0.2.1", limit: RateLimit | None = None) -> int:
        """How many of so many calls are let through."""
        count = 0
        for _ in range(calls):
            try:
                (limit or self.limit).before(call(peer=peer))
            except RateLimited:
                continue
            count += 1
        return count


class Rates(Limited):
    def test_a_second_worth_of_calls_at_once_and_no_more(self) -> None:
        self.assertEqual(self.passed(50), 10)

    def test_tokens_come_back_at_the_rate(self) -> None:
        self.passed(50)
        for seconds, calls in ((0.1, 1), (0.25, 2), (0.05, 1), (0.5, 5), (1.0, 10), (100.0, 10)):
            self.clock.advance(seconds)
            self.assertEqual(self.passed(50), calls, seconds)

    def test_in_the_long_run_the_rate_is_kept(self) -> None:
        for per_second in (1, 3, 7, 1000):
            limit = self.limited(per_second)
            passed = 0
            for _ in range(2000):
                self.clock.advance(0.005)
                passed += self.passed(max(1, per_second // 100), limit=limit)
            self.assertLessEqual(abs(passed - 11 * per_second), per_second * 0.01 + 1, per_second)

    def test_a_large_rate_lets_exactly_its_number_through(self) -> None:
        self.assertEqual(self.passed(10_050, limit=self.limited(10_000)), 10_000)

    def test_clients_do_not_share(self) -> None:
        self.assertEqual([self.passed(50, peer) for peer in ("a", "b", "c")], [10, 10, 10])

    def test_a_refusal_costs_nothing(self) -> None:
        self.passed(10)
        self.passed(10_000)
        self.clock.advance(0.1)
        self.assertEqual(self.passed(50), 1)

    def test_the_refusal_says_when_to_try_again_in_whole_seconds(self) -> None:
        self.passed(10)
        error = self.assertRaises(RateLimited, self.limit.before, call())
        self.assertEqual(error.retry_after, 1)
        self.assertEqual(
            error.message, "Rate limiting exceeded: a client may make 10 calls a second"
        )

    def test_streams_are_limited_and_open_calls_too(self) -> None:
        for kind in (STREAM, OPEN):
            limit = self.limited(1)
            limit.before(call(kind))
            self.assertRaises(RateLimited, limit.before, call(kind))


class Memory(Limited):
    def test_clients_that_are_idle_are_forgotten_as_others_come(self) -> None:
        for number in range(50):
            self.passed(1, f"early {number}")
        self.assertEqual(self.limit.clients, 50)
        self.clock.advance(1.0)
        for number in range(30):
            self.passed(1, f"late {number}")
        self.assertEqual(self.limit.clients, 30)

    def test_many_clients_at_once_are_bounded(self) -> None:
        limit = self.limited(10, max_clients=20)
        for number in range(1000):
            self.passed(1, f"client {number}", limit)
        self.assertLessEqual(limit.clients, 20)

    def test_a_busy_client_is_not_the_one_forgotten(self) -> None:
        limit = self.limited(10, max_clients=20)
        passed = 0
        for number in range(100):
            passed += self.passed(1, "busy", limit)
            self.passed(1, f"client {number}", limit)
        self.assertEqual(passed, 10)
