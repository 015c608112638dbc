"""The format of gRPC-Web: what is written is read, and what is none is refused."""

from __future__ import annotations

from base64 import b64decode, b64encode
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.grpc_web.frames import (
    message_frame,
    messages_of,
    status_trailers,
    timeout_of,
    trailers_frame,
)
from vexfs_twisted.model.errors import BadRequest


class Frames(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=50), max_size=5), st.booleans(), st.integers(1, 20))
    def test_messages_come_as_they_went(
        self, messages: list[bytes], as_text: bool, size: int
    ) -> None:
        body = b"".join(message_frame(message, as_text=as_text) for message in messages)
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        self.assertEqual(messages_of(pieces, is_text=as_text), messages)

    @given(st.binary(max_size=60), st.booleans())
    def test_any_bytes_are_messages_or_refused(self, body: bytes, is_text: bool) -> None:
        try:
            messages = messages_of([body], is_text=is_text)
        except BadRequest:
            return
        self.assertLessEqual(sum(map(len, messages)), len(body))

    def test_what_is_refused(self) -> None:
        for body in (b"\0", pack(">BI", 0, 2) + b"x", pack(">BI", 0x80, 0), pack(">BI", 2, 0)):
            self.assertRaises(BadRequest, messages_of, [body], is_text=False)
            self.assertRaises(BadRequest, messages_of, [b64encode(body)], is_text=True)
        for text in (b"AAA", b"====", b"AAAA-AAA", b"A\n=="):
            self.assertRaises(BadRequest, messages_of, [text], is_text=True)

    def test_compressed_messages_stay_so(self) -> None:
        self.assertEqual(messages_of([pack(">BI", 1, 3) + b"abc"], is_text=False), [b"abc"])

    def test_trailers(self) -> None:
        trailers = status_trailers(5, "kein 100% „Punkt“\r\nx", (("X-Own", "1"), ("a-bin", b"\0")))
        frame = trailers_frame(trailers, as_text=False)
        lines = (
            b"grpc-status: 5\r\n"
            b"grpc-message: kein 100%25 %E2%80%9EPunkt%E2%80%9C%0D%0Ax\r\n"
            b"x-own: 1\r\na-bin: AA==\r\n"
        )
        self.assertEqual(frame, pack(">BI", 0x80, len(lines)) + lines)
        self.assertEqual(b64decode(trailers_frame(trailers, as_text=True)), frame)
        self.assertEqual(status_trailers(0, "", ()), (("grpc-status", "0"),))

    def test_timeouts(self) -> None:
        cases = {"1H": 3600.0, "2M": 120.0, "3S": 3.0, "4m": 0.004, "5u": 5e-6, "99999999n": 0.1}
        for text, seconds in cases.items():
            self.assertAlmostEqual(timeout_of(text) or 0.0, seconds, places=6)
        self.assertIsNone(timeout_of(None))
        for text in ("", "1", "S", "-1S", "123456789S", "1s", "1.5S"):
            self.assertRaises(BadRequest, timeout_of, text)
