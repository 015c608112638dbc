"""Where snapshots are restored from: files in their folder, and other servers. Blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..engine.snapshot_archives import SnapshotFolder, is_archive, open_joined
from ..model.errors import BadRequest, Forbidden
from ..model.snapshots import SnapshotSource
from .received_archives import OpenedArchive, TemporaryArchive
from .snapshot_downloads import copied, download

if TYPE_CHECKING:
    from .snapshot_bucket import SnapshotBucket


def open_source(
    source: SnapshotSource,
    folder: SnapshotFolder,
    check: Callable[[], object],
    *,
    takes_urls: bool,
    bucket: SnapshotBucket | None = None,
) -> OpenedArchive | TemporaryArchive:
    """The archive of a source as a file, downloaded to disk if it is elsewhere.

    `bucket` is where snapshots are kept, if that is one. `check` is called about every MiB; what it
    raises ends the download. Raises BadRequest, Forbidden, StorageFull and OSError.
    """
    try:
        parts = urlsplit(source.location)
    except ValueError as error:
        raise BadRequest(f"Invalid snapshot URI: {error}") from None
    if parts.scheme == "file":
        return _open_file(parts.netloc, unquote(parts.path), folder)
    if parts.scheme == "s3":
        if bucket is None:
            raise BadRequest("Snapshots are not kept in a bucket by this server")
        with bucket.open_location(parts.netloc, parts.path) as kept:
            return copied(kept, folder, check)
    if parts.scheme in ("http", "https"):
        if not takes_urls:
            raise Forbidden("Snapshots are not restored from URLs by this server")
        return download(source, folder, check)
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
