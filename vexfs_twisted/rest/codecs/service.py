"""Issues, slow calls and the level of the log as JSON values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...model.errors import NotSupported
from ...model.issues import Issue, SlowCall
from .fields import optional, read_object, read_string


def issue_to_json(issue: Issue) -> dict[str, Any]:
    """An issue, with the request that solves it."""
    kind = issue.kind.value
    return {
        "id": f"UNINDEXED_FIELD/{issue.collection}/{issue.field}",
        "description": (
            f"Unindexed field '{issue.field}' is slowing down queries in collection "
            f"'{issue.collection}'"
        ),
        "solution": {
            "immediate": {
                "message": f"Create an index on field '{issue.field}' of schema {kind}",
                "action": {
                    "method": "PUT",
                    "uri": f"/collections/{issue.collection}/index",
                    "headers": {"content-type": "application/json"},
                    "body": {"field_name": issue.field, "field_schema": kind},
                },
            }
        },
        "timestamp": _moment(issue.found),
        "related_collection": issue.collection,
    }


def slow_call_to_json(slow: SlowCall) -> dict[str, Any]:
    """A slow call. Bodies are not kept."""
    return {
        "collection_name": slow.collection or None,
        "request_name": slow.method,
        "duration": slow.seconds,
        "datetime": _moment(slow.ended),
        "request_id": slow.request_id,
        "outcome": slow.outcome,
    }


def read_log_level(body: Any) -> str | None:
    """The level of a change of the log; None if it changes nothing. Raises NotSupported."""
    fields = read_object(body, "LoggerConfig")
    others = sorted(name for name in fields if name != "log_level" and fields[name] is not None)
    if others:
        raise NotSupported(f"Changing `{others[0]}` of a running server is not supported")
    return optional(fields, "log_level", read_string, None)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
