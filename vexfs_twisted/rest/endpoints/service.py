"""Service endpoints: version, health, issues, and those that need a cluster."""

from __future__ import annotations

from ... import QDRANT_COMMIT, QDRANT_TITLE, QDRANT_VERSION
from ...model.access import ANYONE_KNOWN, MANAGE_COLLECTION, MANAGE_SERVER, READ_SERVER
from ...model.errors import Standalone
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..codecs.service import issue_to_json, read_log_level, slow_call_to_json
from ..request_context import RequestContext
from ..responses.response import Response, json_response, text_response
from ..routing import Routes

routes = Routes()


@routes.read("GET", "/", is_open=True)
async def root(call: RequestContext) -> Response:
    """Title, version and commit, without an envelope."""
    return json_response(
        {"title": QDRANT_TITLE, "version": QDRANT_VERSION, "commit": QDRANT_COMMIT}
    )


@routes.read("GET", "/healthz", is_open=True)
@routes.read("GET", "/livez", is_open=True)
async def health(call: RequestContext) -> Response:
    """Liveness: the process responds."""
    return text_response("healthz check passed")


@routes.read("GET", "/readyz", is_open=True)
async def readiness(call: RequestContext) -> Response:
    """Readiness: 200 once the collections are open, 503 before."""
    if call.status.is_ready():
        return text_response("all shards are ready")
    return text_response("some shards are not ready", 503)


@routes.read("GET", "/issues", needs=ANYONE_KNOWN)
async def issues(call: RequestContext) -> object:
    """The fields without a payload index that slow reads of visible collections are filtered by."""
    visible = await call.operations.list_collections()
    found = [own for own in call.status.issues() if own.collection in visible]
    return {"issues": [issue_to_json(own) for own in found]}


@routes.write("DELETE", "/issues", needs=MANAGE_SERVER)
async def clear_issues(call: RequestContext) -> object:
    """Forget the issues that were found."""
    call.status.clear_issues()
    return True


@routes.read("GET", "/profiler/slow_requests", needs=MANAGE_SERVER)
async def slow_requests(call: RequestContext) -> object:
    """The slowest calls since the start."""
    return {"requests": [slow_call_to_json(own) for own in call.status.slow_calls()]}


@routes.read("GET", "/logger", needs=READ_SERVER)
async def log_settings(call: RequestContext) -> object:
    """The settings of the log that can be changed."""
    return {"log_level": call.status.log_level()}


@routes.write("POST", "/logger", JsonBody(SMALL), needs=MANAGE_SERVER)
async def change_log(call: RequestContext) -> object:
    """Change the level of the log. Raises NotSupported for other settings."""
    level = await call.read(read_log_level)
    if level is not None:
        call.status.set_log_level(level)
    return True


@routes.read("GET", "/cluster", needs=READ_SERVER)
async def cluster_status(call: RequestContext) -> object:
    """The status of a server without a cluster."""
    return {"status": "disabled"}


@routes.write("POST", "/cluster/recover", needs=MANAGE_SERVER)
@routes.write("DELETE", "/cluster/peer/<peer_id>", needs=MANAGE_SERVER)
@routes.read("GET", "/cluster/metadata/keys", needs=READ_SERVER)
@routes.read("GET", "/cluster/metadata/keys/<key>", needs=READ_SERVER)
@routes.write("PUT", "/cluster/metadata/keys/<key>", needs=MANAGE_SERVER)
@routes.write("DELETE", "/cluster/metadata/keys/<key>", needs=MANAGE_SERVER)
async def cluster_only(call: RequestContext) -> object:
    """Refuse operations that need a cluster."""
    raise Standalone()


@routes.write("POST", "/collections/<collection>/cluster", needs=MANAGE_COLLECTION)
@routes.write("PUT", "/collections/<collection>/shards", needs=MANAGE_COLLECTION)
@routes.write("POST", "/collections/<collection>/shards/delete", needs=MANAGE_COLLECTION)
async def placement(call: RequestContext) -> object:
    """Refuse operations on shards, which need a cluster."""
    # Validates the name.
    _ = call.collection
    raise Standalone()
