"""Compression of responses: who gets it, and what is compressed."""

from __future__ import annotations

import gzip

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import inline
from vexfs_twisted.rest.responses.compression import accepts_gzip, compressed
from vexfs_twisted.rest.responses.response import Response, StreamingResponse

LARGE = b"a text " * 20_000


class Pieces:
    """A source of pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)
        self.is_closed = False

    async def next(self) -> bytes:
        return self.left.pop(0) if self.left else b""

    def close(self) -> None:
        self.is_closed = True


class Compression(SynchronousTestCase):
    def test_who_accepts_it(self) -> None:
        for header in ("gzip", "br, gzip", "GZIP;q=1.0, *;q=0", "deflate , x-gzip ; q=0.1,br"):
            self.assertTrue(accepts_gzip(header), header)
        self.assertFalse(accepts_gzip(None))
        for header in ("", "identity", "gzip;q=0", "gzip; q=0.000, br", "gzipped", "not-gzip"):
            self.assertFalse(accepts_gzip(header), header)

    def packed(self, answer: Response | StreamingResponse) -> Response | StreamingResponse:
        return self.successResultOf(Deferred.fromCoroutine(compressed(answer, inline)))

    def test_what_is_held_whole(self) -> None:
        answer = self.packed(Response(LARGE))
        assert isinstance(answer, Response)
        self.assertEqual(gzip.decompress(answer.body), LARGE)
        self.assertIn((b"Content-Encoding", b"gzip"), answer.headers)
        for as_it_is in (Response(b"small"), Response(LARGE, content_type=b"image/png")):
            self.assertIs(self.packed(as_it_is), as_it_is)

    def test_what_is_streamed(self) -> None:
        source = Pieces(b"x", LARGE, b"", b"not read")
        answer = self.packed(StreamingResponse(source))
        assert isinstance(answer, StreamingResponse)
        found = []
        while piece := self.successResultOf(Deferred.fromCoroutine(answer.source.next())):
            found.append(piece)
        self.assertEqual(gzip.decompress(b"".join(found)), b"x" + LARGE)
        answer.source.close()
        self.assertTrue(source.is_closed)
        file = StreamingResponse(Pieces(), headers=((b"Content-Length", b"3"),))
        self.assertIs(self.packed(file), file)
