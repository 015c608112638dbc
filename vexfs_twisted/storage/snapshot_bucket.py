"""Snapshots in a bucket of S3-compatible storage, through obstore, which is an extra.

Keys are `snapshots/` and the paths that a folder of snapshots has: an archive, and its SHA-256
beside it. An archive is uploaded in parts while it is made, and is there when its upload is
completed, as a whole. What a process uploads that is killed is never there; the storage keeps its
parts until a rule of the bucket removes them.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from threading import Lock
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from attrs import field, frozen

from ..engine.snapshot_archives import (
    SUFFIX,
    BlockFile,
    Piece,
    Section,
    check_name,
    directory_of,
    new_names,
    unknown_snapshot,
)
from ..logs import get_logger
from ..model.errors import BadRequest, Forbidden, InternalError, NotFound, Unavailable
from ..model.snapshots import SnapshotDescription, SnapshotOwner

log = get_logger("vexfs.storage")

PREFIX = "snapshots"

_CHECKSUM = ".checksum"
_CHECKSUM_TEXT = re.compile(r"[0-9a-f]{64}")
_LEAST_PART_BYTES = 8 << 20
_MOST_PARTS = 8_000
"""Of the 10,000 that an upload may have: an archive may become larger than it is said to be."""

_AT_ONCE = 2
"""Parts that are on their way at a time; another one is gathered."""

_BLOCK_BYTES = 1 << 20
_MOST_CHECKSUMS = 10_000
_CONNECT_S = 5
_REQUEST_S = 60
_RETRY_S = 20
_TRIES = 3
_TOLD = re.compile(r"<Code>([^<]{1,100})</Code>(?:.*?<Message>([^<]{0,300})</Message>)?", re.DOTALL)
_AWAY = re.compile(r"HTTP error|status code: 5\d\d|Server error")
_MOST_TEXT = 300
_MOST_LOGGED = 2_000


@frozen
class BucketSettings:
    """A bucket, and how it is reached. What is None is as the environment has it, or by default.

    Plain HTTP is used where `endpoint_url` says so.
    """

    bucket: str
    region: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None


class SnapshotBucket:
    """The SnapshotStore in a bucket. Thread-safe; methods block.

    Methods raise NotFound for a snapshot that is not there, Unavailable where the storage does not
    answer, and InternalError with what it says where it refuses.
    """

    def __init__(self, settings: BucketSettings) -> None:
        """Asks the storage for nothing. Raises InternalError for settings that make no sense."""
        self._settings = settings
        self._naming = Lock()
        self._begun: set[str] = set()
        self._checksums: dict[str, str] = {}
        with self._errors():
            self._store = _store_of(settings)

    def sweep(self) -> None:
        """See SnapshotStore: nothing is left. Tells the log if the bucket cannot be used."""
        try:
            self.list(SnapshotOwner())
        except (Unavailable, InternalError) as error:
            log.warning("snapshots cannot be kept", error=error.message)

    def list(self, owner: SnapshotOwner) -> builtins.list[SnapshotDescription]:
        """See SnapshotStore."""
        import obstore

        with self._errors():
            found = obstore.list_with_delimiter(self._store, self._key(owner))["objects"]
        with self._naming:
            metas = [meta for meta in found if meta["path"] not in self._begun]
        names = [str(meta["path"]).rpartition("/")[2] for meta in metas]
        described = [
            self._described(owner, name, meta)
            for name, meta in zip(names, metas, strict=True)
            if name.endswith(SUFFIX)
        ]
        return sorted(described, key=lambda one: (one.created, one.name))

    def open(self, owner: SnapshotOwner, name: str) -> tuple[BinaryIO, SnapshotDescription]:
        """See SnapshotStore."""
        described = self._described(owner, name, self._head(owner, name))
        return self._file(self._key(owner, name), described.size), described

    def location_of(self, owner: SnapshotOwner, name: str) -> str:
        """See SnapshotStore."""
        self._head(owner, name)
        return f"s3://{self._settings.bucket}/{PREFIX}/{self._key(owner, name)}"

    def open_location(self, bucket: str, path: str) -> BinaryIO:
        """Open the snapshot at `s3://bucket/path`, of any owner, to be read.

        Raises Forbidden for what is not below the snapshots in the bucket, and BadRequest for what
        is not there.
        """
        import obstore

        key = unquote(path).removeprefix(f"/{PREFIX}/")
        if bucket != self._settings.bucket or not unquote(path).startswith(f"/{PREFIX}/"):
            text = f"must be below s3://{self._settings.bucket}/{PREFIX}/"
            raise Forbidden(f"Snapshot path {text}")
        try:
            with self._errors():
                size = obstore.head(self._store, key)["size"]
        except (NotFound, ValueError):
            raise BadRequest(f'Snapshot "s3://{bucket}{path}" does not exist') from None
        return self._file(key, size)

    def write(
        self,
        owner: SnapshotOwner,
        label: str,
        size: int,
        pieces: Iterable[Piece],
        sections: Iterable[Section],
    ) -> SnapshotDescription:
        """See SnapshotStore. Holds few parts in memory, of 8 MiB up to 64 GiB."""
        import obstore

        with self._new_name(owner, label) as name:
            key, digest = self._key(owner, name), sha256()

            def copies() -> Iterator[bytes]:
                for piece in pieces:
                    digest.update(piece)
                    yield bytes(piece)

            with self._errors():
                obstore.put(
                    self._store,
                    key,
                    copies(),
                    use_multipart=True,
                    chunk_size=part_bytes(size),
                    max_concurrency=_AT_ONCE,
                )
            try:
                with self._errors():
                    text = digest.hexdigest().encode()
                    obstore.put(self._store, key + _CHECKSUM, text, use_multipart=False)
                return self._described(owner, name, self._head(owner, name))
            except BaseException:
                self._remove(key, key + _CHECKSUM)
                raise

    def delete(self, owner: SnapshotOwner, name: str) -> None:
        """See SnapshotStore."""
        import obstore

        self._head(owner, name)
        key = self._key(owner, name)
        with self._errors(name):
            obstore.delete(self._store, key)
        self._remove(key + _CHECKSUM)

    def _remove(self, *keys: str) -> None:
        """Remove objects, as far as the storage lets it."""
        import obstore

        for gone in keys:
            with suppress(NotFound, Unavailable, InternalError), self._errors():
                obstore.delete(self._store, gone)

    @contextmanager
    def _new_name(self, owner: SnapshotOwner, label: str) -> Iterator[str]:
        """A name that is free, and is not listed before the end of the block."""
        for name in new_names(_sayable(label)):
            key = self._key(owner, name)
            with self._naming:
                if key in self._begun:
                    continue
                self._begun.add(key)
            try:
                if not self._is_there(owner, name):
                    yield name
                    return
            finally:
                with self._naming:
                    self._begun.discard(key)

    def _is_there(self, owner: SnapshotOwner, name: str) -> bool:
        try:
            self._head(owner, name)
        except NotFound:
            return False
        return True

    def _head(self, owner: SnapshotOwner, name: str) -> Any:
        import obstore

        check_name(name)
        with self._errors(name):
            return obstore.head(self._store, self._key(owner, name))

    def _described(self, owner: SnapshotOwner, name: str, meta: Any) -> SnapshotDescription:
        key = self._key(owner, name)
        created = meta["last_modified"].timestamp()
        return SnapshotDescription(name, created, meta["size"], self._checksum(key, meta["e_tag"]))

    def _checksum(self, key: str, tag: str | None) -> str | None:
        """The checksum of an archive, which is asked for once; None if there is none."""
        import obstore

        known = f"{key} {tag}"
        if known not in self._checksums:
            try:
                with self._errors():
                    text = bytes(obstore.get(self._store, key + _CHECKSUM).bytes()).decode()
            except (NotFound, UnicodeDecodeError):
                return None
            if _CHECKSUM_TEXT.fullmatch(text) is None:
                return None
            while len(self._checksums) >= _MOST_CHECKSUMS:
                self._checksums.pop(next(iter(self._checksums)), None)
            self._checksums[known] = text
        return self._checksums[known]

    def _file(self, key: str, size: int) -> BinaryIO:
        import obstore

        def read(start: int, end: int) -> bytes:
            with self._errors():
                return bytes(obstore.get_range(self._store, key, start=start, end=end))

        return cast(BinaryIO, _BucketFile(size, read))

    def _key(self, owner: SnapshotOwner, *names: str) -> str:
        return "/".join((*directory_of(owner, _is_sayable), *names))

    @contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        """Translate what obstore raises for the block; `name` is of what may not be there."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (FileNotFoundError, BaseError) as error:
            raise self._told(error, name) from None

    def _told(self, error: Exception, name: str) -> Exception:
        line, _, _ = str(error).partition("\n\n")
        found = _TOLD.search(line)
        if isinstance(error, FileNotFoundError) and (found is None or found[1] == "NoSuchKey"):
            return unknown_snapshot(name)
        said = line.rpartition(" - ")[2][:_MOST_TEXT]
        if found is not None:
            said = ": ".join(filter(None, found.groups()))
        log.warning("a request for snapshots has failed", error=line[:_MOST_LOGGED])
        where = f"the bucket `{self._settings.bucket}` of snapshots"
        if _AWAY.search(line) is not None:
            return Unavailable(f"{where} cannot be reached: {said}")
        return InternalError(f"{where} cannot be used: {said}")


class _BucketFile(BlockFile):
    """An object of a bucket as a file to read; `read` gets the bytes from one offset to another.

    Reading raises Unavailable and InternalError.
    """

    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._size = size
        self._read = read
        self._start = 0
        self._block = b""

    @property
    def size(self) -> int:
        """See BlockFile."""
        return self._size

    def block_at(self, offset: int) -> tuple[int, bytes]:
        """See BlockFile."""
        if not self._start <= offset < self._start + len(self._block):
            self._start, self._block = offset, b""
            self._block = self._read(offset, min(offset + _BLOCK_BYTES, self._size))
        return self._start, self._block


def part_bytes(size: int) -> int:
    """The size in bytes of the parts of an archive of about `size` bytes."""
    return max(_LEAST_PART_BYTES, -(-size // _MOST_PARTS))


def _store_of(settings: BucketSettings) -> Any:
    from obstore.store import S3Store

    url = settings.endpoint_url
    given = {
        "endpoint": url,
        "region": settings.region,
        "access_key_id": settings.access_key,
        "secret_access_key": settings.secret_key,
    }
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return S3Store(
        settings.bucket,
        prefix=PREFIX,
        client_options={
            "allow_http": url is not None and url.startswith("http://"),
            "connect_timeout": timedelta(seconds=_CONNECT_S),
            "timeout": timedelta(seconds=_REQUEST_S),
        },
        retry_config={"max_retries": _TRIES, "retry_timeout": timedelta(seconds=_RETRY_S)},
        **options,
    )


def _is_sayable(name: str) -> bool:
    """Whether a name can be a part of a key."""
    return name.isprintable()


def _sayable(label: str) -> str:
    return "".join(character if character.isprintable() else "_" for character in label)
