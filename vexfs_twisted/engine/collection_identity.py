"""The identity file of a collection's directory, so that the directory describes itself."""

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
    """The name of a collection, the name of the directory created for it, and the creation time.

    By `directory`, a copied or renamed directory is recognized. `created` is in seconds since 1970.
    """

    name: str
    directory: str
    created: float


def write_first_identity(path: Path, identity: Identity) -> None:
    """Write the identity of a new directory; durable except for the file's directory entry.

    Raises OSError, also if there is an identity already.
    """
    with open(path / _FILE, "xb") as file:
        file.write(_sealed(identity))
        file.flush()
        os.fsync(file.fileno())


def write_identity(path: Path, identity: Identity) -> None:
    """Replace the identity of the directory `path` durably. Raises OSError."""
    write_durably(path / _FILE, _sealed(identity))


def _sealed(identity: Identity) -> bytes:
    return seal(_KIND, _VERSION, asdict(identity))


def read_identity(path: Path) -> Identity | None:
    """Read the identity of the directory `path`; None if there is none.

    Raises Damaged, and UnknownFormat for an unknown version.
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
