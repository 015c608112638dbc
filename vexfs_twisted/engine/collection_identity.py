"""What the directory of a collection says of itself, so that no other file is needed to know it."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import asdict, frozen

from .errors import UnknownFormat
from .storage.checksummed import Damaged, OtherVersion, seal, unseal
from .storage.files import write_durably

_FILE = "identity"
_KIND = "vexfs-collection"
_VERSION = 1


@frozen
class Identity:
    """The name of a collection, the directory that was made for it, and when.

    A directory that was copied or renamed still tells which one it was. `created` is in seconds
    since 1970.
    """

    name: str
    directory: str
    created: float


def write_first_identity(path: Path, identity: Identity) -> None:
    """Have a new directory say so, durable except the entry in it. Raises OSError."""
    with open(path / _FILE, "xb") as file:
        file.write(_sealed(identity))
        file.flush()
        os.fsync(file.fileno())


def write_identity(path: Path, identity: Identity) -> None:
    """Have the directory `path` say so from now on, durably. Raises OSError."""
    write_durably(path / _FILE, _sealed(identity))


def _sealed(identity: Identity) -> bytes:
    return seal(_KIND, _VERSION, asdict(identity))


def read_identity(path: Path) -> Identity | None:
    """What the directory `path` says of itself; None where that is missing.

    Raises Damaged, and UnknownFormat for a version that is not known.
    """
    file = path / _FILE
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from error
    try:
        return Identity(**unseal(_KIND, _VERSION, data))
    except OtherVersion as error:
        raise UnknownFormat(file, str(error)) from None
