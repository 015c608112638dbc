"""Where snapshots are restored from: files in the folder of snapshots, and other servers.

Blocks, in a thread of its own. The library is that of Python, since it speaks TLS, which Twisted is
kept from importing, and since this thread has nothing else to do.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from typing import IO, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
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

from attrs import frozen

from ..engine.data_folder import storage_errors
from ..engine.snapshot_archives import SnapshotFolder, is_archive, open_joined
from ..model.errors import BadRequest, Forbidden, StorageFull
from ..model.snapshots import SnapshotSource

_PIECE_BYTES = 1 << 20
_SILENCE_S = 30.0
"""Seconds in which another server must send something."""

_LONGEST_S = 12 * 3600.0
"""Seconds that a whole download may take."""

_KEPT_FREE_BYTES = 64 << 20
"""What a download leaves free on the device."""

_KEY_HEADER = "Api-key"


@frozen
class OpenedArchive:
    """An archive that is there already. Whoever uses `file` closes it."""

    file: BinaryIO


class TemporaryArchive:
    """A file in the folder that has no name, and is gone when it is closed. See ReceivedFile."""

    def __init__(self, folder: SnapshotFolder) -> None:
        self.file = folder.temporary()
        self._path = folder.path

    def write(self, data: bytes | memoryview) -> None:
        """See ReceivedFile."""
        left = memoryview(data)
        with storage_errors(self._path):
            while left:
                left = left[os.write(self.file.fileno(), left) :]

    def close(self) -> None:
        """See ReceivedFile."""
        self.file.close()


def open_source(
    source: SnapshotSource,
    folder: SnapshotFolder,
    check: Callable[[], object],
    *,
    takes_urls: bool,
) -> OpenedArchive | TemporaryArchive:
    """The archive of a source as a file, downloaded to disk if it is elsewhere.

    `check` is called about every MiB; what it raises ends the download. Raises BadRequest,
    Forbidden, StorageFull and OSError.
    """
    try:
        parts = urlsplit(source.location)
    except ValueError as error:
        raise BadRequest(f"Invalid snapshot URI: {error}") from None
    if parts.scheme == "file":
        return _open_file(parts.netloc, unquote(parts.path), folder)
    if parts.scheme in ("http", "https"):
        if not takes_urls:
            raise Forbidden("Snapshots are not restored from URLs by this server")
        return _download(source, folder, check)
    raise BadRequest(f"Invalid snapshot URI, scheme `{parts.scheme}` is not supported")


def _open_file(host: str, path: str, folder: SnapshotFolder) -> OpenedArchive:
    if host not in ("", "localhost") or not path.startswith("/"):
        raise BadRequest("Invalid snapshot URI, file path must be absolute or on localhost")
    file = Path(path)
    if not _is_there(file):
        raise BadRequest(f'Snapshot file "{path}" does not exist')
    if not folder.has(file):
        text = f"Snapshot file path must be inside the snapshots directory: {folder.path}"
        raise Forbidden(text)
    if not is_archive(file):
        raise BadRequest(f'Snapshot file "{path}" is not a file')
    return OpenedArchive(open_joined(file))


def _is_there(file: Path) -> bool:
    try:
        return file.exists() or is_archive(file)
    except (OSError, ValueError):
        # The name is too long, or none.
        return False


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


def _download(
    source: SnapshotSource, folder: SnapshotFolder, check: Callable[[], object]
) -> TemporaryArchive:
    headers = {} if source.api_key is None else {_KEY_HEADER: source.api_key}
    file = TemporaryArchive(folder)
    try:
        request = Request(source.location, headers=headers)
        with _opener().open(request, timeout=_SILENCE_S) as response:
            if response.status != 200:
                raise BadRequest(f"Snapshot cannot be downloaded: status {response.status}")
            _copy(response, file, folder, check)
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


def _copy(
    response: IO[bytes], file: TemporaryArchive, folder: SnapshotFolder, check: Callable[[], object]
) -> None:
    end = monotonic() + _LONGEST_S
    while piece := response.read(_PIECE_BYTES):
        check()
        if monotonic() > end:
            raise TimeoutError("it takes too long")
        if shutil.disk_usage(folder.path).free < _KEPT_FREE_BYTES:
            raise StorageFull("no room left on the device")
        file.write(piece)
