"""Tokens: what is one, whose it is, how long it is good."""

from __future__ import annotations

from typing import Any

import jwt
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.contract.access_table import ALT_KEY, KEY, condition, token
from vexfs_twisted.model.access import (
    MANAGE,
    READ_POINTS,
    Access,
    Caller,
    CollectionMode,
    GlobalMode,
    Means,
    ValueExists,
)
from vexfs_twisted.model.errors import Forbidden, TokenRefused
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchValue
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.security.tokens import LEEWAY_S, MAX_KNOWN, Tokens


class TokensCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1e9)
        self.tokens = Tokens([KEY, ALT_KEY], self.clock.seconds)

    def caller(self, claims: Any) -> Caller | None:
        return self.tokens.caller(token(claims))


class Claims(TokensCase):
    def test_access(self) -> None:
        listed = [{"collection": name, "access": name} for name in ("r", "rw", "prw")]
        modes = {"r": CollectionMode.READ, "rw": CollectionMode.WRITE, "prw": CollectionMode.POINTS}
        for claim, access in (
            ({}, MANAGE),
            ({"access": "m"}, MANAGE),
            ({"access": "r"}, Access(GlobalMode.READ)),
            ({"access": []}, Access()),
            ({"access": listed}, Access(None, modes)),
        ):
            self.assertEqual(self.caller(claim), Caller("", Means.TOKEN, access), claim)

    def test_the_first_of_several_entries_for_a_collection_counts(self) -> None:
        listed = [{"collection": "c", "access": mode} for mode in ("r", "rw")]
        expected = Access(None, {"c": CollectionMode.READ})
        self.assertEqual(self.caller({"access": listed}), Caller("", Means.TOKEN, expected))

    def test_names(self) -> None:
        named: tuple[tuple[Any, str], ...] = (
            ({"sub": "ann"}, "ann"),
            ({"subject": "ann"}, "ann"),
            ({"sub": "bob", "subject": "ann"}, "ann"),
            ({"sub": None, "iss": "somebody", "aud": "else", "iat": 1}, ""),
        )
        for claims, name in named:
            self.assertEqual(self.caller(claims), Caller(name, Means.TOKEN, MANAGE))

    def test_conditions(self) -> None:
        found = self.caller({"value_exists": condition("ann")})
        key = PayloadPath.parse("user")
        expected = Filter(must=(FieldCondition(key, MatchValue("ann")),))
        assert found is not None
        self.assertEqual(found.value_exists, ValueExists("c", expected))
        self.assertFalse(found.may_all)

    def test_claims_that_are_none(self) -> None:
        wrong: tuple[Any, ...] = (
            [],
            1,
            {"access": "rw"},
            {"access": "M"},
            {"access": 1},
            {"access": {}},
            {"access": [1]},
            {"access": [{"collection": "c"}]},
            {"access": [{"access": "r"}]},
            {"access": [{"collection": 1, "access": "r"}]},
            {"access": [{"collection": "c", "access": "m"}]},
            {"access": [{"collection": "c", "access": ["r"]}]},
            {"access": [{"collection": "c", "access": "r", "payload": {}}]},
            {"exp": "soon"},
            {"exp": 1.5e9},
            {"exp": -1},
            {"exp": True},
            {"sub": 1},
            {"subject": []},
            {"value_exists": "c"},
            {"value_exists": {"collection": "c"}},
            {"value_exists": {"collection": "c", "matches": []}},
            {"value_exists": {"collection": "c", "matches": [{"key": "a"}]}},
            {"value_exists": {"collection": "c", "matches": [{"key": "a[", "value": 1}]}},
            {"value_exists": {"collection": 1, "matches": [{"key": "a", "value": 1}]}},
        )
        for claims in wrong:
            self.assertIsNone(self.caller(claims), claims)

    def test_what_is_no_token(self) -> None:
        deep = jwt.utils.base64url_encode(b'{"a":' + b"[" * 5000).decode()
        for text in ("", ".", "..", "a.b.c", "e30.e30.", "\xe9.\xe9.\xe9", f"{deep}.e30.e30"):
            self.assertIsNone(self.tokens.caller(text), text)
        for algorithm in ("none", "RS256", "HS384", "HS512", "hs256", "", "HS256 "):
            self.assertIsNone(self.tokens.caller(token({}, algorithm=algorithm)), algorithm)

    def test_signatures_of_others(self) -> None:
        good = token({"access": "m"})
        head, body, signature = good.split(".")
        other_body = token({"access": "r"}).split(".")[1]
        for text in (token({}, "other"), f"{head}.{other_body}.{signature}", f"{head}.{body}."):
            error = self.assertRaises(TokenRefused, self.tokens.caller, text)
            self.assertEqual(error.message, "InvalidSignature")

    def test_each_key_signs(self) -> None:
        for key in (KEY, ALT_KEY):
            made = jwt.encode({"access": "m"}, key, "HS256")
            self.assertEqual(self.tokens.caller(made), Caller("", Means.TOKEN, MANAGE))

    @given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
    def test_any_text(self, text: str) -> None:
        self.assertIsNone(self.tokens.caller(text))


class Times(TokensCase):
    def test_the_end_of_a_token(self) -> None:
        ending = token({"exp": int(self.clock.seconds()) + 60})
        for seconds in (0, 59, 1, LEEWAY_S):
            self.clock.advance(seconds)
            self.assertIsNotNone(self.tokens.caller(ending))
        self.clock.advance(1)
        for _ in range(2):
            error = self.assertRaises(TokenRefused, self.tokens.caller, ending)
            self.assertEqual(error.message, "ExpiredSignature")
        self.assertNotIn(ending, self.tokens._known)

    def test_known_tokens_are_bounded(self) -> None:
        for number in range(MAX_KNOWN + 10):
            self.assertIsNotNone(self.caller({"sub": str(number)}))
        self.assertEqual(len(self.tokens._known), MAX_KNOWN)

    def test_refused_tokens_are_not_kept(self) -> None:
        self.assertRaises(TokenRefused, self.tokens.caller, token({}, "other"))
        self.assertIsNone(self.caller({"access": 1}))
        self.assertEqual(len(self.tokens._known), 0)


class Collections(SynchronousTestCase):
    def test_a_name_is_that_name_only(self) -> None:
        access = Access(None, {"c": CollectionMode.READ})
        access.check(READ_POINTS, "c")
        for name in ("", "C", "c ", "c/", "cc", "c\0"):
            self.assertRaises(Forbidden, access.check, READ_POINTS, name)
