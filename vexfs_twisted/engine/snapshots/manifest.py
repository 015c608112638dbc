"""The first and the last member of an archive: what is in it, and the checksums of that.

Both are checksummed values (see `storage.checksummed`), so an archive tells its version before
anything else of it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, frozen

from ..storage.checksummed import Damaged, OtherVersion, seal, unseal
from ..storage.files import NO_GAP, Gap
from .errors import UnusableArchive

MANIFEST = "manifest"
CHECKSUMS = "checksums"
LARGEST_BYTES = 1 << 22
"""The most bytes that either of both may have."""

_COLLECTION_KIND = "vexfs-snapshot"
_STORAGE_KIND = "vexfs-storage-snapshot"
_CHECKSUMS_KIND = "vexfs-checksums"
_VERSION = 1
_VERSION_WITH_GAPS = 2
_LARGEST_GAP = 1 << 44
_DIGEST = "0" * 64


@frozen
class MemberFacts:
    """The name and the size in bytes of a member of an archive.

    It has not the bytes of the file that are in its `gap`.
    """

    name: str
    size: int
    gap: Gap = NO_GAP


@frozen
class Manifest:
    """The manifest of a snapshot of one collection, as of one commit.

    `created` is in seconds since 1970; `config` is the collection's configuration as JSON; `points`
    is their number. `members` are all that follow, but for the checksums, in their order.
    """

    collection: str
    created: float
    config: Mapping[str, Any]
    points: int
    operation: int
    command: int
    members: Sequence[MemberFacts]

    def sealed(self) -> bytes:
        """The manifest as bytes; of the first version if no member has a gap."""
        has_gaps = any(member.gap.size for member in self.members)
        plain = {**asdict(self), "members": [_plain(member) for member in self.members]}
        return seal(_COLLECTION_KIND, _VERSION_WITH_GAPS if has_gaps else _VERSION, plain)

    @classmethod
    def unsealed(cls, data: bytes) -> Manifest:
        """The manifest from bytes. Raises UnusableArchive."""
        plain = _unsealed(_COLLECTION_KIND, data, "manifest", _VERSION_WITH_GAPS)
        try:
            members = list(map(_facts, plain.pop("members")))
            return cls(**plain, members=members)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise UnusableArchive(f"its manifest is not understood: {error}") from None


@frozen
class StorageManifest:
    """The manifest of a snapshot of a whole data folder: each collection is as of one commit.

    The archive of `collections[n]` is the member `collection-<n>`.
    """

    created: float
    collections: Sequence[str]
    aliases: Mapping[str, str]

    def sealed(self) -> bytes:
        """The manifest as bytes."""
        return seal(_STORAGE_KIND, _VERSION, asdict(self))

    @classmethod
    def unsealed(cls, data: bytes) -> StorageManifest:
        """The manifest from bytes. Raises UnusableArchive."""
        plain = _unsealed(_STORAGE_KIND, data, "manifest")
        try:
            names, aliases = plain.pop("collections"), plain.pop("aliases")
            texts = map(str, names)
            targets = {str(alias): str(target) for alias, target in aliases.items()}
            return cls(**plain, collections=list(texts), aliases=targets)
        except (TypeError, KeyError, AttributeError) as error:
            raise UnusableArchive(f"its manifest is not understood: {error}") from None


def sealed_checksums(checksums: Mapping[str, str]) -> bytes:
    """The SHA-256 of each member by its name, as bytes whose number does not depend on them."""
    return seal(_CHECKSUMS_KIND, _VERSION, checksums)


def checksums_size(names: Sequence[str]) -> int:
    """How many bytes the checksums of members of these names have."""
    return len(sealed_checksums(dict.fromkeys(names, _DIGEST)))


def unsealed_checksums(data: bytes) -> Mapping[str, str]:
    """The checksums from bytes. Raises UnusableArchive."""
    found: Mapping[str, str] = _unsealed(_CHECKSUMS_KIND, data, "list of checksums")
    return found


def is_of_storage(data: bytes) -> bool:
    """Whether the first bytes of a manifest are those of a StorageManifest."""
    return data.startswith(_STORAGE_KIND.encode() + b" ")


def _plain(member: MemberFacts) -> dict[str, Any]:
    plain = {"name": member.name, "size": member.size}
    return {**plain, "gap": asdict(member.gap)} if member.gap.size else plain


def _facts(plain: Mapping[str, Any]) -> MemberFacts:
    own = plain.get("gap", {})
    gap = Gap(int(own["start"]), int(own["size"])) if own else NO_GAP
    facts = MemberFacts(str(plain["name"]), int(plain["size"]), gap)
    if not (0 <= gap.start <= facts.size and 0 <= gap.size <= _LARGEST_GAP):
        raise ValueError(f"{facts.name} cannot have that gap")
    return facts


def _unsealed(kind: str, data: bytes, what: str, version: int = _VERSION) -> Any:
    try:
        plain = unseal(kind, version, data, _VERSION)
    except OtherVersion as error:
        raise UnusableArchive(f"its {what} is of {error}, which is unknown") from None
    except Damaged:
        raise UnusableArchive(f"its {what} is damaged, or it is something else") from None
    if not isinstance(plain, dict):
        raise UnusableArchive(f"its {what} is not understood")
    return plain
