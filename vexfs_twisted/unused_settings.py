"""Warnings about unused settings: unknown ones, and those of Qdrant without effect here.

The names are those of Qdrant's configuration files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from .settings import FoundSetting

_WITHOUT_EFFECT = frozenset(
    {
        "telemetry_disabled",
        "service.max_workers",
        "service.static_content_dir",
        "service.enable_static_content",
        "service.hardware_reporting",
        "storage.temp_path",
        "storage.update_concurrency",
        "storage.node_type",
        "storage.shard_transfer_method",
        "storage.max_collections",
        "storage.handle_collection_load_errors",
        "storage.recovery_mode",
        "cluster.enabled",
    }
)

_SECTIONS_WITHOUT_EFFECT = (
    "logger.on_disk.",
    "storage.performance.",
    "storage.collection.",
    "cluster.",
    "audit.",
    "gpu.",
    "inference.",
    "feature_flags.",
)


def ignored_keys() -> list[str]:
    """The keys of Qdrant's that have no effect here, sorted; `section.*` is a whole section."""
    return sorted({*_WITHOUT_EFFECT, *(f"{section}*" for section in _SECTIONS_WITHOUT_EFFECT)})


def notices(found: Mapping[str, FoundSetting], used: Collection[str]) -> Iterator[str]:
    """Warnings, a line each: every unknown key with the nearest known, then those without effect.

    `used` are the keys that this server reads; the warnings are about other keys in `found`.
    """
    known = [*used, *_WITHOUT_EFFECT]
    idle = []
    for key, given in found.items():
        if key in used:
            continue
        if key in _WITHOUT_EFFECT or key.startswith(_SECTIONS_WITHOUT_EFFECT):
            idle.append(given.origin)
            continue
        nearest = get_close_matches(key, known, n=1)
        hint = f", the nearest known is {nearest[0]}" if nearest else ""
        yield f"{given.origin} is no setting of this server{hint}"
    if idle:
        yield f"without effect in this server: {', '.join(idle)}"
