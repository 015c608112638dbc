"""A client of the snapshots of a running server, for the command line. Blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import orjson

_PIECE_BYTES = 1 << 20
_SECONDS = 24 * 3600.0
_MOST_ANSWER_BYTES = 1 << 20


class ServerRefused(Exception):
    """The server has refused, or cannot be asked; the text says why."""


class SnapshotClient:
    """A client of the server at `url`, with an API key where that has one."""

    def __init__(self, url: str, api_key: str | None) -> None:
        self._parts = urlsplit(url)
        self._headers = {} if api_key is None else {"api-key": api_key}
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ServerRefused(f"{url} is no URL of a server")

    def create(self, collection: str | None) -> str:
        """Have a snapshot taken of a collection, or of everything; its name."""
        at = "" if collection is None else f"/collections/{quote(collection, safe='')}"
        return str(self._ask("POST", f"{at}/snapshots?wait=true")["name"])

    def upload(self, collection: str, file: BinaryIO) -> None:
        """Have a collection restored from a file."""
        boundary = f"vexfs-{os.urandom(12).hex()}"
        lead = (
            f"--{boundary}\r\nContent-Disposition: form-data; name=snapshot; filename=s\r\n"
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        end = f"\r\n--{boundary}--\r\n".encode()
        size = os.fstat(file.fileno()).st_size
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(lead) + size + len(end)),
        }
        path = f"/collections/{quote(collection, safe='')}/snapshots/upload?wait=true"
        self._ask("POST", path, _form(lead, file, end), headers)

    def _ask(
        self,
        method: str,
        path: str,
        body: Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The result of a request. Raises ServerRefused."""
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        wire = kind(self._parts.hostname or "", self._parts.port, timeout=_SECONDS)
        try:
            target = self._parts.path.rstrip("/") + path
            wire.request(method, target, body, self._headers | (headers or {}))
            response = wire.getresponse()
            answer = response.read(_MOST_ANSWER_BYTES)
        except (OSError, HTTPException) as error:
            raise ServerRefused(f"the server cannot be asked: {error}") from None
        finally:
            wire.close()
        try:
            told = orjson.loads(answer)
            if response.status == 200:
                return told["result"]
            text = told["status"]["error"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            text = answer.decode(errors="replace")
        raise ServerRefused(f"status {response.status}: {text}")


def _form(lead: bytes, file: BinaryIO, end: bytes) -> Iterator[bytes]:
    yield lead
    while piece := file.read(_PIECE_BYTES):
        yield piece
    yield end
