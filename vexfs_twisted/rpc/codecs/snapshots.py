"""Codecs of descriptions of snapshots."""

from __future__ import annotations

from collections.abc import Iterable

from ...model.snapshots import SnapshotDescription
from ..generated import snapshots_service_pb2 as pb


def write_created(found: SnapshotDescription) -> pb.CreateSnapshotResponse:
    """The response with a new snapshot."""
    return pb.CreateSnapshotResponse(snapshot_description=_described(found))


def write_list(found: Iterable[SnapshotDescription]) -> pb.ListSnapshotsResponse:
    """The response with all snapshots of an owner."""
    return pb.ListSnapshotsResponse(snapshot_descriptions=map(_described, found))


def write_deleted(_: object) -> pb.DeleteSnapshotResponse:
    """The response to a deletion."""
    return pb.DeleteSnapshotResponse()


def _described(found: SnapshotDescription) -> pb.SnapshotDescription:
    description = pb.SnapshotDescription(name=found.name, size=found.size, checksum=found.checksum)
    description.creation_time.FromSeconds(int(found.created))
    return description
