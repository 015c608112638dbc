"""A torture run: writers under load, a kill at a random instant, and a check of what is there."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Self

import grpc
import httpx
from attrs import define, field
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from tests.support import DaemonProcess

from .contents import KINDS, Command, Contents, after
from .drawing import Drawing
from .sending import create_main, send
from .stored import Stored, Wrong

WRITERS = 4
_LONGEST_LOAD_S = 1.2
_STARTS_KILLED = 0.15
"""The share of starts that are killed as well, before or shortly after they are ready."""

_CUT_OFF = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)


@define
class Writer:
    """One writer: what it has written, and the command that was cut off by a kill, if any."""

    number: int
    drawing: Drawing
    contents: Contents = field(factory=Contents)
    unanswered: Command | None = None
    sent: int = 0


@define
class Figures:
    """What a run has come to."""

    cycles: int = 0
    acknowledged: Counter[str] = field(factory=Counter)
    unanswered_done: Counter[str] = field(factory=Counter)
    unanswered_undone: Counter[str] = field(factory=Counter)
    starts_killed: int = 0

    def __str__(self) -> str:
        done, undone = self.unanswered_done.total(), self.unanswered_undone.total()
        return (
            f"{self.cycles} kills under load, {self.starts_killed} of starts, "
            f"{self.acknowledged.total()} commands acknowledged; of {done + undone} without an "
            f"answer {done} are done and {undone} not"
        )


class Torture:
    """One folder, killed again and again. `home` keeps the log of what was sent and answered.

    The commands and the instants follow from `seed`; which command a kill meets does not.
    """

    def __init__(self, home: Path, seed: str, *options: str) -> None:
        self.figures = Figures()
        self._daemon = DaemonProcess(home / "data", *options)
        self._chance = Random(seed)
        self._log = (home / "sent").open("a", buffering=1)
        self._logging = threading.Lock()
        self._writers = [Writer(number, Drawing(number, seed)) for number in range(WRITERS)]
        self._are_connected = threading.Barrier(WRITERS + 1)
        self._is_killed = threading.Event()
        self._failures: list[str] = []

    def close(self) -> None:
        """End the server."""
        self._daemon.close()
        self._log.close()

    def run(self, cycles: int, tell: Callable[[Figures], object] = lambda _: None) -> None:
        """Kill the server so many times under load, and `tell` after each. Raises Wrong."""
        self._daemon.start()
        with self._clients()[0] as client:
            create_main(client)
        for _ in range(cycles):
            self._cycle()
            tell(self.figures)
        self._daemon.stop()
        self._daemon.start()
        self._check()

    def unused_kinds(self) -> frozenset[str]:
        """The kinds of commands of which none was acknowledged."""
        return KINDS - self.figures.acknowledged.keys()

    def _cycle(self) -> None:
        self._is_killed.clear()
        threads = [
            threading.Thread(target=self._write, args=(writer,), daemon=True)
            for writer in self._writers
        ]
        for thread in threads:
            thread.start()
        self._are_connected.wait()
        time.sleep(self._chance.uniform(0.02, _LONGEST_LOAD_S))
        self._is_killed.set()
        self._daemon.kill()
        for thread in threads:
            thread.join()
        if self._failures:
            raise Wrong("; ".join(self._failures))
        while self._chance.random() < _STARTS_KILLED:
            self._kill_start()
        self._daemon.start()
        self._check()
        self.figures.cycles += 1

    def _kill_start(self) -> None:
        """Start the server, and kill it before it is ready or soon after."""
        self._daemon._launch()
        time.sleep(self._chance.uniform(0.2, 1.5))
        self._daemon.kill()
        self.figures.starts_killed += 1

    def _write(self, writer: Writer) -> None:
        rest, rpc = self._clients()
        with rest, rpc:
            self._are_connected.wait()
            while not self._is_killed.is_set() and writer.unanswered is None:
                command = writer.drawing.next(writer.contents)
                client = rest if writer.drawing.is_over_rest() else rpc
                writer.sent += 1
                self._note(writer, {"sent": command.kind, "data": command.data})
                try:
                    send(client, command, wait=writer.drawing.waits())
                except Exception as error:
                    writer.unanswered = command
                    if not (_is_cut_off(error) and self._is_killed.wait(1)):
                        self._failures.append(f"{command.kind}: {error!r} {error}")
                    return
                self._note(writer, {"acknowledged": True})
                writer.contents = after(writer.contents, command)
                self.figures.acknowledged[command.kind] += 1

    def _note(self, writer: Writer, what: dict[str, object]) -> None:
        line = json.dumps({"writer": writer.number, "command": writer.sent, **what})
        with self._logging:
            self._log.write(f"{line}\n")

    def _check(self) -> None:
        """Check over one wire, then the other, what is stored."""
        clients = self._clients()
        self._chance.shuffle(clients)
        with clients[0], clients[1]:
            stored = Stored(clients[0])
            for writer in self._writers:
                self._settle(writer, stored)
            stored.check()

    def _settle(self, writer: Writer, stored: Stored) -> None:
        """Compare what a writer has stored; its last command is done wholly or not at all."""
        difference = stored.difference(writer.number, writer.contents)
        unanswered, writer.unanswered = writer.unanswered, None
        if difference is None:
            if unanswered is not None and after(writer.contents, unanswered) != writer.contents:
                self.figures.unanswered_undone[unanswered.kind] += 1
            return
        if unanswered is not None:
            contents = after(writer.contents, unanswered)
            other = stored.difference(writer.number, contents)
            if other is None:
                writer.contents = contents
                self.figures.unanswered_done[unanswered.kind] += 1
                return
            difference += f"; with the unanswered {unanswered}: {other}"
        raise Wrong(f"writer {writer.number}, command {writer.sent}: {difference}")

    def _clients(self) -> list[_Client]:
        """New clients, of REST and gRPC: channels of a killed server wait before they connect."""
        daemon = self._daemon
        return [
            _Client(
                port=daemon.http_port,
                grpc_port=daemon.grpc_port,
                prefer_grpc=prefers_grpc,
                timeout=60,
                check_compatibility=False,
            )
            for prefers_grpc in (False, True)
        ]


class _Client(QdrantClient):
    """A client that a `with` block closes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_cut_off(error: Exception) -> bool:
    """Whether an error says that the connection is gone, and not what the server thinks."""
    if isinstance(error, grpc.RpcError):
        return error.code() in _CUT_OFF
    if isinstance(error, UnexpectedResponse):
        # Of a reader, whose writer was killed.
        return error.status_code == 503
    return isinstance(error, ResponseHandlingException | httpx.HTTPError | OSError)
