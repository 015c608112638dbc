"""The file `damage` in a collection's directory: what was found damaged in it.

It tells other processes, and the next start, what this one has found. A collection without a known
damage has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from attrs import asdict, frozen

from ..model.damage import Damage
from .storage.checksummed import Damaged, OtherVersion, seal, unseal
from .storage.files import sync_directory, write_durably

DAMAGE_FILE = "damage"
_KIND = "vexfs-damage"
_VERSION = 1


@frozen
class KnownDamage:
    """What is damaged. A collection is `closed` if none of it can be read safely."""

    damages: Sequence[Damage] = ()
    closed: bool = False


def read_damage(path: Path) -> KnownDamage:
    """Read the file in the directory `path`; a missing or unreadable one says nothing."""
    with suppress(OSError, Damaged, OtherVersion):
        plain = unseal(_KIND, _VERSION, (path / DAMAGE_FILE).read_bytes())
        return KnownDamage([Damage(**own) for own in plain["damages"]], plain["closed"])
    return KnownDamage()


def write_damage(path: Path, known: KnownDamage) -> None:
    """Replace the file in the directory `path` durably, or remove it. Raises OSError."""
    if known.damages:
        plain = {"damages": [asdict(own) for own in known.damages], "closed": known.closed}
        write_durably(path / DAMAGE_FILE, seal(_KIND, _VERSION, plain))
    elif (path / DAMAGE_FILE).exists():
        (path / DAMAGE_FILE).unlink()
        sync_directory(path)
