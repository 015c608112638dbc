"""Tokens: JSON Web Tokens that an API key has signed, with the access of their callers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from math import inf
from threading import Lock
from typing import Any
from warnings import filterwarnings

import orjson
from jwt import InvalidSignatureError, PyJWS, PyJWTError
from jwt.warnings import InsecureKeyLengthWarning

from ..model.access import MANAGE, Access, Caller, CollectionMode, GlobalMode, Means, ValueExists
from ..model.errors import TokenRefused
from ..model.filters import FieldCondition, Filter, MatchValue
from ..model.payload_path import PayloadPath

ALGORITHM = "HS256"
LEEWAY_S = 30
"""Seconds for which a token is accepted after its end, as clocks differ."""

MAX_KNOWN = 1024
"""Verified tokens that are kept, those used last."""

_U64 = range(2**64)
_FIELDS = frozenset(("collection", "access"))

# Which key is good enough is the operator's choice; each token would warn of it.
filterwarnings("ignore", category=InsecureKeyLengthWarning)


class Tokens:
    """Verifies tokens signed by one of `secrets`, with HS256 and nothing else. Thread-safe.

    `clock` returns seconds since 1970. Verified tokens are kept, since to verify one takes 10 us.
    """

    def __init__(self, secrets: Sequence[str], clock: Callable[[], float]) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._clock = clock
        self._signatures = PyJWS(algorithms=[ALGORITHM])
        self._known: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._lock = Lock()

    def caller(self, token: str) -> Caller | None:
        """The caller that a token names; None for what is no token with this server's claims.

        Raises TokenRefused for one that none of the keys has signed, and for one that has expired.
        """
        with self._lock:
            known = self._known.get(token)
            if known is not None:
                self._known.move_to_end(token)
        if known is None:
            claims = self._claims(token)
            if claims is None:
                return None
            known = claims
        caller, expires = known
        if expires < self._clock() - LEEWAY_S:
            with self._lock:
                self._known.pop(token, None)
            raise TokenRefused("ExpiredSignature")
        return caller

    def _claims(self, token: str) -> tuple[Caller, float] | None:
        """Verify a token, and keep it; see `caller`."""
        try:
            claims = orjson.loads(self._payload(token))
            found = _caller_of(claims), _expiry_of(claims)
        except InvalidSignatureError:
            raise TokenRefused("InvalidSignature") from None
        except (PyJWTError, ValueError, RecursionError):
            # The header is parsed before the signature is verified, and may be nested deeply.
            return None
        with self._lock:
            self._known[token] = found
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return found

    def _payload(self, token: str) -> bytes:
        """The signed bytes. Raises PyJWTError."""
        *others, last = self._secrets
        for secret in others:
            try:
                return self._verified(token, secret)
            except InvalidSignatureError:
                continue
        return self._verified(token, last)

    def _verified(self, token: str, secret: bytes) -> bytes:
        payload: bytes = self._signatures.decode(token, secret, algorithms=[ALGORITHM])
        return payload


def _caller_of(claims: Any) -> Caller:
    """The caller with these claims. Raises ValueError for claims that are not what they must be."""
    if not isinstance(claims, dict):
        raise ValueError("no object")
    subjects = [_text(claims, name) for name in ("subject", "sub")]
    condition = claims.get("value_exists")
    return Caller(
        subjects[0] or subjects[1],
        Means.TOKEN,
        _access_of(claims.get("access")),
        None if condition is None else _condition_of(condition),
    )


def _expiry_of(claims: Mapping[str, Any]) -> float:
    """Seconds since 1970, or infinity. Raises ValueError."""
    expires = claims.get("exp")
    if expires is None:
        return inf
    if type(expires) is not int or expires not in _U64:
        raise ValueError("exp")
    return float(expires)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(name)
    return value


def _access_of(claim: Any) -> Access:
    """The access in a claim. Raises ValueError. A token without the claim may do everything."""
    if claim is None:
        return MANAGE
    if isinstance(claim, str):
        mode = GlobalMode(claim)
        return MANAGE if mode is GlobalMode.MANAGE else Access(mode)
    if not isinstance(claim, list):
        raise ValueError("access")
    collections: dict[str, CollectionMode] = {}
    for item in claim:
        # A field that is not known might restrict the access, as `payload` once did.
        if not isinstance(item, dict) or item.keys() != _FIELDS:
            raise ValueError("access")
        name = item["collection"]
        if not isinstance(name, str):
            raise ValueError("collection")
        collections.setdefault(name, CollectionMode(item["access"]))
    return Access(None, collections)


def _condition_of(claim: Any) -> ValueExists:
    """The condition in a claim. Raises ValueError."""
    if not isinstance(claim, dict) or not isinstance(claim.get("collection"), str):
        raise ValueError("value_exists")
    matches = claim.get("matches")
    if not isinstance(matches, list) or not matches:
        raise ValueError("matches")
    return ValueExists(claim["collection"], Filter(must=tuple(map(_match_of, matches))))


def _match_of(claim: Any) -> FieldCondition:
    if not isinstance(claim, dict) or not isinstance(claim.get("key"), str):
        raise ValueError("matches")
    value = claim.get("value")
    if not isinstance(value, str | int):
        raise ValueError("value")
    return FieldCondition(PayloadPath.parse(claim["key"]), MatchValue(value))
