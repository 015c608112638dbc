"""The authentication middleware: checks API keys."""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest

from ..middleware import CallInfo
from ..model.errors import Unauthenticated

_SCHEME = "bearer "


class Authentication:
    """Refuses calls without one of the API keys, all of which have the same permissions.

    The key is in the header `api-key`, or in `authorization` as a bearer token; if both are given,
    they must be equal. A repeated header is not a valid key, as a proxy may have checked the other
    value. Methods with `is_open` need no key. Thread-safe.

    It authenticates only; restricting what a key permits is up to another middleware or to the
    operations.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.use(keys)

    def use(self, keys: Iterable[str]) -> None:
        """Take these keys, and no others, from now on."""
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
        """No-op."""

    def _knows(self, given: bytes) -> bool:
        """Whether `given` is one of the keys; compares all of them in constant time."""
        matches = [compare_digest(key, given) for key in self._keys]
        return any(matches)


def _bearer_token(authorization: str | None) -> str | None:
    if authorization is None or not authorization.lower().startswith(_SCHEME):
        return None
    return authorization[len(_SCHEME) :].strip()
