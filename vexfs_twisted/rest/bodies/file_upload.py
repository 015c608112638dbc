"""Bodies of forms with one file, which is written to disk while it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar
from weakref import finalize

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from ...interfaces import ReceivedFile
from ...model.errors import BadRequest
from ..parameters import Arguments
from ..settings import RestSettings
from .content import is_packed
from .streaming_body import WAITING_BYTES, BodyHead

T = TypeVar("T")

MOST_BYTES = 1 << 44
"""The largest file: 16 TiB. What there is room for on the device is the bound that counts."""

_STEP_BYTES = 256 * 1024
_MOST_BUFFERED = 4 * _STEP_BYTES
"""The bytes that a part's headers may take, or what is before the first part."""

_MOST_PARTS = 16


class FileUpload:
    """The BodyFormat of a form with the file `field`.

    `check` is called with the parameters of the query before the body is read, and may refuse it.
    """

    small_bytes = 0

    def __init__(self, field: str, check: Callable[[Arguments], object]) -> None:
        self._field = field
        self._check = check

    def max_bytes(self, settings: RestSettings) -> int:
        """See BodyFormat."""
        return MOST_BYTES

    def consumer(self, head: BodyHead, limit: int) -> FileReceiver:
        """See BodyFormat. Raises BadRequest, and what the check of the parameters raises."""
        self._check(head.arguments)
        if is_packed(head.encoding):
            raise BadRequest("A compressed upload is not supported")
        kind, options = parse_options_header((head.content_type or b"").decode("latin-1"))
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not boundary:
            raise BadRequest("Multipart error: the Content-Type is no form with a boundary")
        decoder = MultipartDecoder(
            boundary.encode("latin-1"), _MOST_BUFFERED, max_parts=_MOST_PARTS
        )
        return FileReceiver(decoder, self._field, head.new_file)


class FileReceiver:
    """The BodyConsumer of a form: writes its file, and drops what else is in it.

    `finish` gives the file to its reader, which has to close it.
    """

    def __init__(
        self, decoder: MultipartDecoder, field: str, new_file: Callable[[], ReceivedFile]
    ) -> None:
        self._decoder = decoder
        self._field = field
        self._new_file = new_file
        self._file: ReceivedFile | None = None
        self._is_wanted = False
        self._is_complete = False

    def held(self, received: int) -> int:
        """See BodyConsumer. What waits for the thread is held, and nothing else."""
        return min(received, WAITING_BYTES)

    def feed(self, pieces: Sequence[bytes]) -> None:
        """See BodyConsumer. Raises BadRequest, StorageFull and OSError."""
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), _STEP_BYTES):
                self._receive(bytes(view[start : start + _STEP_BYTES]))

    def finish(self, pieces: Sequence[bytes], read: Callable[[Any], T]) -> T:
        """See BodyConsumer. Raises BadRequest for a form without the file."""
        self.feed(pieces)
        self._receive(None)
        if self._file is None:
            raise BadRequest(f"Multipart error: field `{self._field}` is missing")
        self._closing.detach()
        return read(self._file)

    def _receive(self, data: bytes | None) -> None:
        if self._is_complete:
            return
        try:
            self._decoder.receive_data(data)
            for part in self._parts():
                self._take(part)
        except (ValueError, AttributeError, HTTPException) as error:
            raise BadRequest(f"Multipart error: {error}") from None

    def _parts(self) -> Iterator[object]:
        while not self._is_complete:
            event = self._decoder.next_event()
            if isinstance(event, NeedData):
                return
            yield event

    def _take(self, event: object) -> None:
        if isinstance(event, File | Field):
            self._is_wanted = event.name == self._field
            if self._is_wanted:
                if self._file is not None:
                    raise BadRequest(f"Multipart error: field `{self._field}` is there twice")
                self._file = self._new_file()
                # A client may leave at any time, and nobody closes a consumer.
                self._closing = finalize(self, self._file.close)
        elif isinstance(event, Data) and self._is_wanted:
            assert self._file is not None
            self._file.write(event.data)
        elif isinstance(event, Epilogue):
            self._is_complete = True
