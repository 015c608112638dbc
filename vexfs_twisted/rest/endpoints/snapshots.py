"""Endpoints of snapshots: of collections, of their only shard, and of everything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ...interfaces import ISnapshots, ReceivedFile
from ...logs import get_logger
from ...model.access import MANAGE_SERVER, READ_COLLECTION, READ_SERVER, WRITE_COLLECTION
from ...model.errors import BadRequest, DomainError, FormatError, NotFound, Place
from ...model.snapshots import (
    SnapshotDescription,
    SnapshotOwner,
    SnapshotSource,
    check_checksum,
)
from ..bodies.file_upload import FileUpload
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.fields import optional, read_object, read_string, required, shallow
from ..parameters import Arguments, read_upload_parameters, read_wait
from ..request_context import RequestContext
from ..responses.files import RangeRequest, file_response
from ..responses.response import Response
from ..routing import Routes

log = get_logger("vexfs.rest")

routes = Routes()

_COLLECTION = "/collections/<collection>"
_SHARD = f"{_COLLECTION}/shards/<shard_id>"
_PRIORITIES = ("no_sync", "snapshot", "replica")
_ONLY_SHARD = "0"


def _check_upload(arguments: Arguments) -> None:
    """Raise ValidationError or QueryFormatError for parameters that an upload cannot have."""
    read_upload_parameters(arguments)


_UPLOAD = FileUpload("snapshot", _check_upload)


def _owner(call: RequestContext) -> SnapshotOwner:
    """Whose snapshots the path is about. Raises ValidationError, and NotFound for a shard."""
    if "collection" not in call.path:
        return SnapshotOwner()
    shard = call.path.get("shard_id")
    name = call.collection
    if shard not in (None, _ONLY_SHARD):
        raise NotFound(f"Shard {shard} not found")
    return SnapshotOwner(name, is_shard=shard is not None)


@routes.read("GET", "/snapshots", needs=READ_SERVER)
@routes.read("GET", f"{_COLLECTION}/snapshots", needs=READ_COLLECTION)
@routes.read("GET", f"{_SHARD}/snapshots", needs=READ_COLLECTION)
async def list_snapshots(call: RequestContext) -> object:
    """The snapshots of an owner."""
    found = await _snapshots(call).list(_owner(call))
    return [_described(one) for one in found]


@routes.write("POST", "/snapshots", needs=MANAGE_SERVER)
@routes.write("POST", f"{_COLLECTION}/snapshots", needs=WRITE_COLLECTION)
@routes.write("POST", f"{_SHARD}/snapshots", needs=WRITE_COLLECTION)
async def create(call: RequestContext) -> object:
    """Take a snapshot."""
    is_awaited = read_wait(call.arguments, default=True)
    taking = _snapshots(call).create(_owner(call))
    return await _done(taking, is_awaited, _described)


@routes.write("DELETE", "/snapshots/<snapshot_name>", needs=MANAGE_SERVER)
@routes.write("DELETE", f"{_COLLECTION}/snapshots/<snapshot_name>", needs=WRITE_COLLECTION)
@routes.write("DELETE", f"{_SHARD}/snapshots/<snapshot_name>", needs=WRITE_COLLECTION)
async def delete(call: RequestContext) -> object:
    """Delete a snapshot."""
    is_awaited = read_wait(call.arguments, default=True)
    deleting = _snapshots(call).delete(_owner(call), call.path["snapshot_name"])
    return await _done(deleting, is_awaited, _true)


@routes.read("GET", "/snapshots/<snapshot_name>", needs=READ_SERVER)
@routes.read("GET", f"{_COLLECTION}/snapshots/<snapshot_name>", needs=READ_COLLECTION)
@routes.read("GET", f"{_SHARD}/snapshots/<snapshot_name>", needs=READ_COLLECTION)
async def download(call: RequestContext) -> object:
    """The bytes of a snapshot, or a range of them."""
    snapshots = _snapshots(call)
    file, found = await snapshots.open(_owner(call), call.path["snapshot_name"])
    asked = RangeRequest(call.header("range"), call.header("if-range"))
    return file_response(file, found.size, found.checksum, asked, snapshots.read)


@routes.read("GET", f"{_SHARD}/snapshot", needs=WRITE_COLLECTION)
async def stream(call: RequestContext) -> object:
    """The bytes of a new snapshot, which is not kept."""
    snapshots = _snapshots(call)
    file = await snapshots.stream(_owner(call))
    size = file.seek(0, 2)
    file.seek(0)
    return file_response(file, size, None, RangeRequest(), snapshots.read)


@routes.write("PUT", f"{_COLLECTION}/snapshots/recover", JsonBody(SMALL), needs=MANAGE_SERVER)
async def recover(call: RequestContext) -> object:
    """Restore a collection, which need not be there, from a file or a URL."""
    name, is_awaited = call.collection, read_wait(call.arguments, default=True)
    source = await call.read(shallow(_read_source))
    check_checksum(source.checksum, Place.BODY)
    restoring = _snapshots(call).restore(name, source)
    return await _done(restoring, is_awaited, _true)


@routes.write("PUT", f"{_SHARD}/snapshots/recover", JsonBody(SMALL), needs=MANAGE_SERVER)
async def recover_shard(call: RequestContext) -> object:
    """Restore the only shard of a collection, which must be there."""
    await _check_shard(call)
    return await recover(call)


@routes.write("POST", f"{_COLLECTION}/snapshots/upload", _UPLOAD, needs=MANAGE_SERVER)
async def upload(call: RequestContext) -> object:
    """Restore a collection, which need not be there, from the file in the form."""
    parameters = read_upload_parameters(call.arguments)
    name, snapshots = call.collection, _snapshots(call)
    file = await _uploaded(call)
    restoring = snapshots.restore_file(name, file, parameters.checksum)
    return await _done(restoring, parameters.wait, _true)


@routes.write("POST", f"{_SHARD}/snapshots/upload", _UPLOAD, needs=MANAGE_SERVER)
async def upload_shard(call: RequestContext) -> object:
    """Restore the only shard of a collection, which must be there, from the file in the form."""
    await _check_shard(call)
    return await upload(call)


async def _check_shard(call: RequestContext) -> None:
    owner = _owner(call)
    assert owner.collection is not None
    # Raises NotFound.
    await call.operations.cluster_info(owner.collection)


async def _uploaded(call: RequestContext) -> ReceivedFile:
    if call.streaming_body is None:
        raise BadRequest("Multipart error: field `snapshot` is missing")
    return await call.streaming_body.finish(_as_it_is)


async def _done(doing: Deferred[Any], is_awaited: bool, encode: Callable[[Any], object]) -> object:
    """The result once it is there, or at once that it has been accepted."""
    if is_awaited:
        return encode(await doing)
    started = perf_counter()
    doing.addErrback(_log_failure)
    text = orjson.dumps({"status": "accepted", "time": perf_counter() - started})
    return Response(text, 202)


def _log_failure(failure: Failure) -> None:
    """Log why something failed that nobody waits for."""
    error = failure.value
    if isinstance(error, DomainError):
        log.warning("accepted, but not done", error=error.message)
    else:
        log.error("accepted, but not done", exc_info=error)


def _snapshots(call: RequestContext) -> ISnapshots:
    return call.operations.snapshots


def _read_source(body: Any) -> SnapshotSource:
    fields = read_object(body, "SnapshotRecover")
    location = required(fields, "location", read_string)
    if ":" not in location:
        raise FormatError("location: relative URL without a base")
    optional(fields, "priority", _read_priority, None)
    return SnapshotSource(
        location,
        optional(fields, "checksum", read_string, None),
        optional(fields, "api_key", read_string, None),
    )


def _read_priority(value: Any) -> str:
    text = read_string(value)
    if text not in _PRIORITIES:
        expected = ", ".join(f"`{name}`" for name in _PRIORITIES)
        raise FormatError(f"unknown variant `{text}`, expected one of {expected}")
    return text


def _described(found: SnapshotDescription) -> dict[str, Any]:
    created = datetime.fromtimestamp(int(found.created), UTC).replace(tzinfo=None)
    return {
        "name": found.name,
        "creation_time": created.isoformat(),
        "size": found.size,
        "checksum": found.checksum,
    }


def _true(_: object) -> bool:
    return True


def _as_it_is(value: Any) -> Any:
    return value
