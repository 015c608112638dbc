"""Plain requests: small ones that arrive as a whole, and in which no header changes their handling.

They are most requests. twisted.web parses a head line by line, with a call of several methods for
each; here one regular expression accepts what it would accept. Everything else, and all that may
be malformed, is left to it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from twisted.web.http_headers import Headers

MAX_PLAIN_HEAD = 4096
"""The maximum size of the head of a plain request, in bytes."""

_HEAD = re.compile(
    rb"(GET|POST|PUT|PATCH|DELETE) (/[!-~]*) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]+:[^\r\n\x00]*\r\n)+)\r\n"
)
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"(?im)^Content-Length:[ \t]*([0-9]{1,8})[ \t]*\r\n")

_DECIDING = frozenset({b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Expect"})
"""Headers with which a request is not plain; a second Content-Length is one of them."""


class PlainRequest(NamedTuple):
    """A complete request. `target` has the query string; `path` has not."""

    method: bytes
    target: bytes
    path: bytes
    headers: Headers
    body: bytes


class PlainReader:
    """Reads the plain requests of one connection.

    Clients repeat their headers: those that are equal to the last ones, but for Content-Length, are
    not parsed again. The headers of a plain request have no Content-Length, and nobody may change
    them.
    """

    def __init__(self) -> None:
        self._lines = b""
        self._headers: Headers | None = None

    def read(self, data: bytes, limit: int) -> PlainRequest | None:
        """The request that `data` consists of; None unless it is plain.

        `limit` is the maximum size of its body in bytes.
        """
        end = data.find(_END, 0, MAX_PLAIN_HEAD)
        if end < 0:
            return None
        head = _HEAD.match(data, 0, end + len(_END))
        if head is None:
            return None
        method, target, lines = head.groups()
        length = 0
        found = _LENGTH.search(lines)
        if found is not None:
            length = int(found.group(1))
            lines = lines[: found.start()] + lines[found.end() :]
        if lines != self._lines:
            self._lines, self._headers = lines, _parsed(lines)
        if self._headers is None or length > limit or len(data) != head.end() + length:
            return None
        body = data[head.end() :] if length else b""
        return PlainRequest(method, target, target.partition(b"?")[0], self._headers, body)


def _parsed(lines: bytes) -> Headers | None:
    """The headers in `lines`; None unless the request is plain."""
    headers = Headers()
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        headers.addRawHeader(name, value.strip(b" \t"))
    values = dict(headers.getAllRawHeaders())
    if not _DECIDING.isdisjoint(values) or len(values.get(b"Host", ())) != 1:
        return None
    if any(value.lower() != b"keep-alive" for value in values.get(b"Connection", ())):
        return None
    return headers
