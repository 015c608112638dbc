"""Where the snapshots of a server are kept, as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .config import Config
from .engine.snapshot_archives import SnapshotFolder, SnapshotStore

if TYPE_CHECKING:
    from .storage.snapshot_bucket import SnapshotBucket


def snapshot_bucket(config: Config) -> SnapshotBucket | None:
    """The bucket that keeps snapshots; None where a folder does."""
    if config.snapshots_storage != "s3":
        return None
    # Imported late: most servers have a folder, and not this library.
    from .storage.snapshot_bucket import BucketSettings, SnapshotBucket

    assert config.s3_bucket is not None
    return SnapshotBucket(
        BucketSettings(
            config.s3_bucket,
            config.s3_region,
            config.s3_access_key,
            config.s3_secret_key,
            config.s3_endpoint_url,
        )
    )


def snapshot_store(config: Config) -> SnapshotStore:
    """The bucket, or the folder, that keeps snapshots."""
    is_incremental = config.incremental_snapshots
    folder = SnapshotFolder(config.snapshots_folder, is_incremental=is_incremental)
    return snapshot_bucket(config) or folder
