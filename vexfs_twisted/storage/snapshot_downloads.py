"""Downloads of snapshots from other servers, and copies of those elsewhere. Blocks, in a thread.

The library is that of Python, since it speaks TLS, which Twisted is kept from importing, and since
the thread has nothing else to do.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from email.message import Message
from http.client import HTTPException
from time import monotonic
from typing import IO, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from ..engine.snapshot_archives import SnapshotFolder
from ..model.errors import BadRequest, StorageFull
from ..model.snapshots import SnapshotSource
from .received_archives import TemporaryArchive

_PIECE_BYTES = 1 << 20
_SILENCE_S = 30.0
"""Seconds in which another server must send something."""

_LONGEST_S = 12 * 3600.0
"""Seconds that a whole download may take."""

_KEPT_FREE_BYTES = 64 << 20
"""What a download leaves free on the device."""

_KEY_HEADER = "Api-key"


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but gives the key to no other server."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if new is not None and urlsplit(new.full_url).netloc != urlsplit(req.full_url).netloc:
            new.headers.pop(_KEY_HEADER, None)
        return new


_HANDLERS = (
    ProxyHandler,
    UnknownHandler,
    HTTPHandler,
    HTTPSHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    _Redirects,
)


def _opener() -> OpenerDirector:
    """What speaks HTTP and HTTPS, and nothing else."""
    opener = OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    return opener


def download(
    source: SnapshotSource, folder: SnapshotFolder, check: Callable[[], object]
) -> TemporaryArchive:
    """Download the archive of a source to disk.

    `check` is called about every MiB; what it raises ends the download. Raises BadRequest,
    StorageFull and OSError.
    """
    headers = {} if source.api_key is None else {_KEY_HEADER: source.api_key}
    file = TemporaryArchive(folder)
    try:
        request = Request(source.location, headers=headers)
        with _opener().open(request, timeout=_SILENCE_S) as response:
            if response.status != 200:
                raise BadRequest(f"Snapshot cannot be downloaded: status {response.status}")
            # What is there, so that a server which sends a byte now and then is noticed.
            _copy(response.read1, file, folder, check)
    except HTTPError as error:
        file.close()
        raise BadRequest(f"Snapshot cannot be downloaded: status {error.code}") from None
    except (URLError, HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        file.close()
        raise BadRequest(f"Snapshot cannot be downloaded: {error}") from None
    except BaseException:
        file.close()
        raise
    return file


def copied(
    source: BinaryIO, folder: SnapshotFolder, check: Callable[[], object]
) -> TemporaryArchive:
    """Copy an archive to disk. `check` is as that of `download`, and so is what is raised."""
    file = TemporaryArchive(folder)
    try:
        _copy(source.read, file, folder, check)
    except BaseException:
        file.close()
        raise
    return file


def _copy(
    read: Callable[[int], bytes],
    file: TemporaryArchive,
    folder: SnapshotFolder,
    check: Callable[[], object],
) -> None:
    end = monotonic() + _LONGEST_S
    while piece := read(_PIECE_BYTES):
        check()
        if monotonic() > end:
            raise TimeoutError("it takes too long")
        if shutil.disk_usage(folder.path).free < _KEPT_FREE_BYTES:
            raise StorageFull("no room left on the device")
        file.write(piece)
