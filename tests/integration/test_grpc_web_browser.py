"""A browser calls the services of a running server from a page of another origin."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from google.protobuf.message import Message
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.test_grpc_web import POINTS, VECTORS, made
from tests.support import DaemonProcess
from vexfs_twisted.proto import qdrant_pb2 as pb

CHROMIUM = shutil.which("chromium")
PAGE = Path(__file__).parents[1] / "programs" / "grpc_web_page.html"
NAME = "of-a-browser"
_PATIENCE_S = 120.0
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
)


class PageServer(ThreadingHTTPServer):
    """Serves the page and what it is to call, and takes what it was answered."""

    daemon_threads = True

    def __init__(self, todo: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.todo = json.dumps(todo).encode()
        self.answers: Queue[list[dict[str, Any]]] = Queue()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        is_page = self.path == "/"
        self._answer(
            PAGE.read_bytes() if is_page else self.server.todo,
            "text/html" if is_page else "application/json",
        )

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"", "text/plain")
        self.server.answers.put(json.loads(data))

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


class Browser(SynchronousTestCase):
    if CHROMIUM is None:
        skip = "needs chromium"

    def answers_to(self, *calls: tuple[str, Message, bool]) -> list[dict[str, Any]]:
        """What a page is answered to calls of methods, each as text or not."""
        told = [
            {
                "method": method,
                "message": b64encode(request.SerializeToString()).decode(),
                "text": as_text,
            }
            for method, request, as_text in calls
        ]
        server = PageServer({"address": self.daemon.rest_url, "calls": told})
        self.addCleanup(server.server_close)
        Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        profile = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, profile, ignore_errors=True)
        url = f"http://127.0.0.1:{server.server_port}/"
        assert CHROMIUM is not None
        browser = subprocess.Popen(
            [CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}", url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return server.answers.get(timeout=_PATIENCE_S)
        except Empty:
            raise AssertionError("the page has not told what it was answered") from None
        finally:
            browser.terminate()
            browser.wait()

    def setUp(self) -> None:
        self.daemon = DaemonProcess()
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        made(self.daemon, NAME)

    def test_unary_and_streaming_calls(self) -> None:
        counting = pb.CountPoints(collection_name=NAME)
        scrolling = pb.ScrollRequest(collection_name=NAME, with_vectors=VECTORS)
        answers = self.answers_to(
            ("/qdrant.Points/Count", counting, False),
            ("/qdrant.Points/Count", counting, True),
            ("/qdrant.Qdrant/StreamScroll", scrolling, False),
            ("/qdrant.Qdrant/StreamScroll", scrolling, True),
            ("/qdrant.Points/Count", pb.CountPoints(collection_name="none"), False),
        )
        self.assertEqual(len(answers), 5, answers)
        self.assertEqual([answer["left"] for answer in answers], [0] * 5)
        for answer in answers[:2]:
            (message,) = map(b64decode, answer["messages"])
            self.assertEqual(pb.CountResponse.FromString(message).result.count, POINTS)
            self.assertIn("grpc-status: 0", answer["trailers"])
        for answer in answers[2:4]:
            messages = [pb.ScrollResponse.FromString(b64decode(m)) for m in answer["messages"]]
            self.assertGreater(len(messages), 10)
            ids = [point.id.num for message in messages for point in message.result]
            self.assertEqual(ids, list(range(POINTS)))
            self.assertGreater(answer["pieces"], 1)
            self.assertIn("grpc-status: 0", answer["trailers"])
        # Which a page may read only if it is exposed.
        self.assertEqual(answers[4]["header"], "5")
        self.assertTrue(answers[4]["id"])
        self.assertIn("grpc-status: 5", answers[4]["trailers"])
