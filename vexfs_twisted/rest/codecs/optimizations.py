"""Reports of optimizations as JSON values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from ...model.optimizations import (
    Optimization,
    Optimizations,
    PendingOptimization,
    Progress,
    SegmentSummary,
)


def optimizations_to_json(
    told: Optimizations, parts: Collection[str], completed_limit: int
) -> dict[str, Any]:
    """Running optimizations and a summary, and those of the other lists that `parts` names.

    `completed_limit` bounds the list of completed optimizations.
    """
    waiting = [segment for pending in told.queued for segment in pending.segments]
    plain: dict[str, Any] = {
        "running": list(map(_optimization_to_json, told.running)),
        "summary": {
            "queued_optimizations": len(told.queued),
            "queued_segments": len(waiting),
            "queued_points": sum(segment.points_count for segment in waiting),
            "idle_segments": len(told.idle_segments),
        },
    }
    if "queued" in parts:
        plain["queued"] = list(map(_pending_to_json, told.queued))
    if "completed" in parts:
        plain["completed"] = list(map(_optimization_to_json, told.completed[:completed_limit]))
    if "idle_segments" in parts:
        plain["idle_segments"] = _segments_to_json(told.idle_segments)
    return plain


def _optimization_to_json(told: Optimization) -> dict[str, Any]:
    return {
        "uuid": told.uuid,
        "optimizer": told.optimizer,
        "status": _status_to_json(told),
        "segments": _segments_to_json(told.segments),
        "progress": _progress_to_json(told.progress),
    }


def _status_to_json(told: Optimization) -> object:
    if told.error is not None:
        return {"error": told.error}
    if told.cancelled is not None:
        return {"cancelled": told.cancelled}
    return "optimizing" if told.progress.finished_at is None else "done"


def _progress_to_json(progress: Progress) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "name": progress.name,
        "started_at": _time_to_json(progress.started_at),
        "done": progress.done,
        "total": progress.total,
    }
    if progress.finished_at is not None:
        plain["finished_at"] = _time_to_json(progress.finished_at)
        plain["duration_sec"] = progress.finished_at - progress.started_at
    return plain


def _time_to_json(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _pending_to_json(told: PendingOptimization) -> dict[str, Any]:
    return {"optimizer": told.optimizer, "segments": _segments_to_json(told.segments)}


def _segments_to_json(segments: Sequence[SegmentSummary]) -> list[dict[str, Any]]:
    return [{"uuid": told.uuid, "points_count": told.points_count} for told in segments]
