"""Authentication by a key that clients send along."""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest

from ..middleware import CallInfo
from ..model.errors import Unauthenticated

_SCHEME = "bearer "


class Authentication:
    """Lets calls through that carry one of the keys, which are all worth the same.

    The key comes in `api-key`, or in `authorization` as a bearer token; where both are there, they
    must be the same. A header that comes twice is no key: a proxy may have looked at the other one.
    What takes no key is open: the kinds of calls say so themselves. Stateless, so usable from any
    thread.

    What a key allows beyond everything is for an middleware, or the operations, to say: this one
    only asks whether it is known.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def before(self, call: CallInfo) -> None:
        """Raise Unauthenticated for a call without a key, or with a wrong one."""
        if call.kind.is_open:
            return
        key, token = call.header("api-key"), _bearer_token(call.header("authorization"))
        given = key or token
        if given is None:
            raise Unauthenticated("Must provide an API key or an Authorization bearer token")
        if not self._knows(given.encode("utf-8", "replace")):
            raise Unauthenticated("Invalid API key or JWT")
        if token is not None and token != given:
            raise Unauthenticated("The API key and the Authorization bearer token differ")

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Nothing is kept."""

    def _knows(self, given: bytes) -> bool:
        """Compare with every key, in a time that tells nothing of them."""
        matches = [compare_digest(key, given) for key in self._keys]
        return any(matches)


def _bearer_token(authorization: str | None) -> str | None:
    if authorization is None or not authorization.lower().startswith(_SCHEME):
        return None
    return authorization[len(_SCHEME) :].strip()
