"""Sends mutated requests to a running daemon, over both wires, and watches what comes back.

Whatever a request is, it must be answered, in time, and never by an internal error. Of gRPC, the
answer to a message that does not parse is INTERNAL too, as the protocol has it; its text tells.
"""

from __future__ import annotations

import http.client
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import grpc

from tests.support import DaemonProcess

from .decoders import request_types
from .mutation import json_text, mutated_bytes, mutated_json, random_message
from .seeds import CREATE, rest_seeds

NAME = "fuzz"
ANSWER_S = 30.0
"""Seconds within which each request must be answered."""

_UNCHANGED = 0.15
"""The share of requests over REST that are not mutated."""

_UNPARSED = "failed to decode Protobuf message"
_LEFT_OUT = ("/qdrant.Qdrant/Stream", "/qdrant.Collections/Delete", "/qdrant.Qdrant/DeleteColl")
"""Methods that are not called: those of streams, and those that would leave nothing to ask."""

_RENEWED = 300
"""Requests after which collections that mutated requests have made are deleted."""


class Sender:
    """A client that sends what `seed` makes of the requests. `statuses` counts the answers."""

    def __init__(self, daemon: DaemonProcess, seed: str) -> None:
        self.daemon = daemon
        self.statuses: Counter[str] = Counter()
        self._random = Random(seed)
        self._rest = rest_seeds(NAME)
        self._types = request_types()
        self._methods = [path for path in self._types if not path.startswith(_LEFT_OUT)]
        self._channel = grpc.insecure_channel(daemon.grpc_address)
        self._http = self._connect()
        self._sent = 0

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.daemon.http_port, timeout=ANSWER_S)

    def renew(self) -> None:
        """Delete all collections and make that of the requests, without limits."""
        _, listed = self.send("GET", "/collections", b"")
        for own in json.loads(listed)["result"]["collections"]:
            self.send("DELETE", f"/collections/{quote(own['name'], safe='')}", b"")
        status, body = self.send("PUT", f"/collections/{NAME}", json.dumps(CREATE).encode())
        if status != 200:
            raise AssertionError(f"the collection is not made: {body!r}")
        for method, path, seed in sorted(self._rest, key=_makes_points, reverse=True):
            self.send(method, path, json.dumps(seed).encode())

    def run(self, requests: int) -> None:
        """Send so many requests, half of them over each wire."""
        for _ in range(requests):
            if self._sent % _RENEWED == 0:
                self.renew()
            self._sent += 1
            if self._random.random() < 0.5:
                self._send_rest()
            else:
                self._send_rpc()

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()
        self._http.close()

    def send(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Send one request over REST; the status and body of the answer."""
        try:
            return self._ask(method, path, body)
        except (http.client.RemoteDisconnected, ConnectionError):
            # The server closes connections that were idle for a minute. Once more, on a new one.
            self._http.close()
            self._http = self._connect()
            return self._ask(method, path, body)

    def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        self._http.request(method, path, body, {"Content-Type": "application/json"})
        answer = self._http.getresponse()
        return answer.status, answer.read()

    def _send_rest(self) -> None:
        method, path, seed = self._random.choice(self._rest)
        if self._random.random() < _UNCHANGED:
            body = json.dumps(seed).encode()
        else:
            body = json_text(mutated_json(seed, self._random), self._random)
        status, answer = self.send(method, path, body)
        self.statuses[f"rest {status}"] += 1
        if status == 500 or status >= 502:
            raise AssertionError(f"{method} {path} {body!r}: {status} {answer!r}")

    def _send_rpc(self) -> None:
        path = self._random.choice(self._methods)
        data = self._message(path)
        try:
            call: Any = self._channel.unary_unary(path)
            call(data, timeout=ANSWER_S)
        except grpc.RpcError as error:
            self._check(path, data, error)
        else:
            self.statuses["grpc OK"] += 1

    def _message(self, path: str) -> bytes:
        message: Any = self._types[path]()
        random_message(message, self._random)
        if "collection_name" in message.DESCRIPTOR.fields_by_name and self._random.random() < 0.9:
            message.collection_name = NAME
        data: bytes = message.SerializeToString()
        return mutated_bytes(data, self._random) if self._random.random() < 0.3 else data

    def _check(self, path: str, data: bytes, error: Any) -> None:
        code, text = error.code(), error.details() or ""
        self.statuses[f"grpc {code.name}"] += 1
        is_told = code is grpc.StatusCode.INTERNAL and text.startswith(_UNPARSED)
        is_wrong = code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
        is_wrong |= code is grpc.StatusCode.DEADLINE_EXCEEDED and "Deadline Exceeded" in text
        if is_wrong and not is_told:
            raise AssertionError(f"{path} {data!r}: {code.name} {text}")


def _makes_points(request: tuple[str, str, Any]) -> bool:
    return request[:2] == ("PUT", f"/collections/{NAME}/points")


def resident_bytes(pid: int) -> int:
    """The memory of a process that is its own: not mapped from files."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the memory of the process is not told")
