"""Runs the snippets of a page as a reader would, one after the other, in an empty folder.

The ports that pages name are replaced by free ones, in snippets and, the other way round, in what
they print. Snippets of Python share one interpreter, those of sh the folder and the environment.
Servers are started and stopped as the markers say, see pages.py. A page is given ten minutes.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.request import urlopen

from pages import Block, blocks, complaints, runs

PORTS = ("6333", "6334", "7333", "7334")
"""What pages may name: a server's ports of REST and gRPC, and those of a second one."""

READY_SECONDS = 60
PAGE_SECONDS = 600
STATUS_SKIPPED = 77

# One line of JSON in, one out: the source, and what it printed and the error, if any.
INTERPRETER = """
import contextlib, io, json, sys, traceback
space = {"__name__": "__main__"}
answers = sys.stdout
for line in sys.stdin:
    error = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            exec(compile(json.loads(line), "<page>", "exec"), space)
        except BaseException:
            error = traceback.format_exc()
    print(json.dumps([printed.getvalue(), error]), file=answers, flush=True)
"""


class PageFailed(Exception):
    """A snippet that did not do what the page says."""


class Skipped(Exception):
    """The page needs what this machine does not have."""


def free_ports() -> dict[str, str]:
    """A free port for each of PORTS.

    They are below those that the system gives to whoever asks for any port, so that nobody is given
    one of them before the page uses it.
    """
    candidates = random.sample(range(10_000, 30_000), 100)
    return dict(zip(PORTS, map(str, filter(is_free, candidates)), strict=False))


def is_free(port: int) -> bool:
    """Whether a server could listen at this port."""
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def replaced(text: str, words: dict[str, str]) -> str:
    """The text with numbers replaced, where they stand alone."""
    return re.sub(r"(?<![\w.])\d+\b", lambda found: words.get(found[0], found[0]), text)


def matches(expected: str, printed: str) -> bool:
    """Whether what was printed is what a page shows."""
    parts = [re.escape(line.rstrip()).replace(r"\.\.\.", ".*") for line in expected.splitlines()]
    pattern = "".join("(?:.*\n)*?" if part == ".*" else f"{part}\n" for part in parts)
    lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    return re.fullmatch(pattern, lines) is not None


class PageRun:
    """One run of a page. Everything blocks."""

    def __init__(self, path: Path, folder: Path, ports: dict[str, str]) -> None:
        self._path = path
        self._folder = folder
        self._ports = ports
        self._back = {real: told for told, real in ports.items()}
        self._started: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._python: subprocess.Popen[str] | None = None
        self._printed = ""
        hidden = (
            *("QDRANT__", "API_", "VEXFS_", "LOGGING_LEVEL", "NOTIFY_SOCKET"),
            "PYTHONDONTWRITEBYTECODE",
        )
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(hidden)},
            "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
            "PYTHONWARNINGS": "ignore",
            "QDRANT__SERVICE__HTTP_PORT": ports["6333"],
            "QDRANT__SERVICE__GRPC_PORT": ports["6334"],
        }

    def close(self) -> None:
        """End what the page has left running."""
        for process, _ in reversed(self._started):
            end(process)
        if self._python is not None:
            end(self._python)

    def run(self, block: Block) -> None:
        """Do what a block says. Raises PageFailed with the line of the page."""
        try:
            self._run(block)
        except (PageFailed, subprocess.TimeoutExpired) as error:
            logs = "".join(f"\n{log.read_text()[-2000:]}" for _, log in self._started)
            raise PageFailed(f"{self._path.name}:{block.line}: {error}{logs}") from None

    def _run(self, block: Block) -> None:
        body = replaced(block.body, self._ports)
        match block.kind:
            case "run" | "status":
                self._printed = self._run_snippet(block, body)
            case "server":
                port, _, authority = block.value.partition(" https ")
                server = f"localhost:{self._ports[port]}"
                trusted = self._folder / authority if authority else None
                self._start(body, lambda: is_ready(server, trusted))
            case "background":
                command = replaced(block.value, self._ports)
                self._start(body, lambda: self._shell(command).returncode == 0)
            case "file":
                (self._folder / block.value).write_text(body)
            case "output":
                self._compare(block.body)
            case "stop":
                self._stop()
            case "page":
                self._prepare(block.value)

    def _run_snippet(self, block: Block, body: str) -> str:
        if block.language == "python":
            return self._run_python(body)
        return self._run_shell(body, int(block.value or 0))

    def _compare(self, expected: str) -> None:
        printed = replaced(self._printed, self._back)
        if not matches(expected, printed):
            raise PageFailed(f"this was printed instead:\n{printed}")

    def _prepare(self, words: str) -> None:
        variables, _, needs = words.partition("needs ")
        for name, _, value in (word.partition("=") for word in variables.split()):
            self._environment[name] = value
        for need in needs.split():
            if not (shutil.which(need) or Path(need).exists()):
                raise Skipped(need)

    def _shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PAGE_SECONDS,
        )

    def _run_shell(self, body: str, status: int) -> str:
        done = self._shell(body)
        if done.returncode != status:
            raise PageFailed(f"status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + (done.stderr if status else "")

    def _run_python(self, body: str) -> str:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, "-c", INTERPRETER],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None and self._python.stdout is not None
        self._python.stdin.write(f"{json.dumps(body)}\n")
        self._python.stdin.flush()
        limit = Timer(PAGE_SECONDS, self._python.kill)
        limit.start()
        answer = self._python.stdout.readline()
        limit.cancel()
        if not answer:
            raise PageFailed("the interpreter has ended")
        printed, error = json.loads(answer)
        if error is not None:
            raise PageFailed(f"{printed}{error}")
        return str(printed)

    def _start(self, body: str, is_ready: Callable[[], bool]) -> None:
        log = self._folder / f".log-{len(self._started)}"
        *before, command = body.rstrip().splitlines()
        while before and before[-1].endswith("\\"):
            command = f"{before.pop()}\n{command}"
        if before:
            self._run_shell("\n".join(before), 0)
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-euc", f"exec {command}"],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._started.append((process, log))
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            if process.poll() is not None:
                raise PageFailed(f"ended with status {process.returncode}")
            if time.monotonic() > deadline:
                raise PageFailed("is not ready")
            time.sleep(0.05)

    def _stop(self) -> None:
        process, log = self._started.pop()
        process.send_signal(signal.SIGTERM)
        if process.wait(READY_SECONDS) != 0:
            raise PageFailed(f"ended with status {process.returncode}\n{log.read_text()}")


def end(process: subprocess.Popen[Any]) -> None:
    """End a process that may have ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_ready(server: str, authority: Path | None) -> bool:
    """Whether the server at a host and port says that it is, over TLS where it has an authority."""
    context = ssl.create_default_context(cafile=authority) if authority else None
    url = f"{'https' if authority else 'http'}://{server}/readyz"
    try:
        with urlopen(url, timeout=5, context=context) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def run_page(path: Path) -> int:
    """Run the snippets of a page and print what became of them; returns the exit status."""
    wrong = list(complaints(path))
    if wrong:
        print("\n".join(wrong))
        return 1
    found = blocks(path)
    count = sum(map(runs, found))
    if any("curl" in block.body for block in found if runs(block)) and not shutil.which("curl"):
        print("skipped: needs curl")
        return STATUS_SKIPPED
    with tempfile.TemporaryDirectory(prefix="vexfs-page-") as folder:
        page = PageRun(path, Path(folder), free_ports())
        try:
            for block in found:
                page.run(block)
        except Skipped as error:
            print(f"skipped: needs {error}")
            return STATUS_SKIPPED
        except PageFailed as error:
            print(error)
            return 1
        finally:
            page.close()
    print(f"{count} snippets of {path.name} do what the page says")
    return 0
