"""Authentication: who makes a call, by API keys and tokens."""

from __future__ import annotations

from hmac import compare_digest
from time import time
from typing import TYPE_CHECKING

from attrs import frozen

from ..middleware import CallInfo, Header
from ..model.access import MANAGE, MANAGE_SERVER, READ, Caller, Means, unknown
from ..model.errors import TokenRefused, Unauthenticated

if TYPE_CHECKING:
    from .tokens import Tokens

_SCHEME = "bearer "


@frozen
class ApiKeys:
    """The keys of a server, of which any may be missing. `main` and `alternative` permit all.

    `signs_tokens`: these two sign tokens, which are accepted as well.
    """

    main: str | None = None
    alternative: str | None = None
    read_only: str | None = None
    signs_tokens: bool = False

    def callers(self) -> list[tuple[bytes, Caller]]:
        """The keys that are set, and their callers."""
        found = (
            (self.main, Caller("", Means.API_KEY, MANAGE)),
            (self.alternative, Caller("", Means.ALT_API_KEY, MANAGE)),
            (self.read_only, Caller("", Means.READ_ONLY_API_KEY, READ)),
        )
        return [(key.encode(), caller) for key, caller in found if key is not None]


class Authentication:
    """Identifies callers by their API key or token, and refuses those that it does not know.

    The key is in the header `api-key`, or in `authorization` as a bearer token; if both are given,
    they must be equal. A repeated header is not a valid key, as a proxy may have checked the other
    value. Methods with `is_open` need no key. Thread-safe.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self.use(keys)

    def use(self, keys: ApiKeys) -> None:
        """Take these keys, and no others, from now on."""
        self._keys = keys.callers()
        self._tokens: Tokens | None = None
        if keys.signs_tokens:
            # Imported late: most servers take none, and it imports much.
            from .tokens import Tokens

            self._tokens = Tokens([key for key in (keys.main, keys.alternative) if key], time)

    def identify(self, header: Header) -> Caller:
        """See Identifier."""
        key, token = header("api-key"), _bearer_token(header("authorization"))
        given = key or token
        if given is None:
            return unknown(
                Unauthenticated("Must provide an API key or an Authorization bearer token")
            )
        caller = self._by_key(given.encode("utf-8", "replace"))
        if caller is None and self._tokens is not None:
            try:
                caller = self._tokens.caller(given)
            except TokenRefused as error:
                return unknown(error)
        if caller is None:
            return unknown(Unauthenticated("Invalid API key or JWT"))
        if token is not None and token != given:
            return unknown(Unauthenticated("The API key and the Authorization bearer token differ"))
        return caller

    def before(self, call: CallInfo) -> None:
        """Refuse a caller that is not known, and what a caller may not do, unless it is open.

        Raises Unauthenticated, TokenRefused and Forbidden. Over gRPC, a collection is not known
        yet: what a caller may do with it is up to the operations.
        """
        if call.kind.is_open:
            return
        if call.caller.refusal is not None:
            raise call.caller.refusal
        if call.caller.access is not MANAGE:
            needs = call.kind.needs or MANAGE_SERVER
            call.caller.access.check(needs, call.collection or None)

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """No-op."""

    def _by_key(self, given: bytes) -> Caller | None:
        """The caller of a key; compares all keys in constant time."""
        found = None
        for key, caller in self._keys:
            if compare_digest(key, given) and found is None:
                found = caller
        return found


def _bearer_token(authorization: str | None) -> str | None:
    if authorization is None or not authorization.lower().startswith(_SCHEME):
        return None
    return authorization[len(_SCHEME) :].strip()
