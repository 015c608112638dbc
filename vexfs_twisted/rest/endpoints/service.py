"""Service endpoints: version, health, issues, and those that need a cluster."""

from __future__ import annotations

from ... import QDRANT_COMMIT, QDRANT_TITLE, QDRANT_VERSION
from ...model.errors import Standalone
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


@routes.read("GET", "/issues")
async def issues(call: RequestContext) -> object:
    """No issues: Qdrant reports unindexed fields, but filters on them are fast here."""
    return {"issues": []}


@routes.write("DELETE", "/issues")
async def clear_issues(call: RequestContext) -> object:
    """Clear the issues, of which there are none."""
    return True


@routes.read("GET", "/cluster")
async def cluster_status(call: RequestContext) -> object:
    """The status of a server without a cluster."""
    return {"status": "disabled"}


@routes.write("POST", "/cluster/recover")
@routes.write("DELETE", "/cluster/peer/<peer_id>")
@routes.read("GET", "/cluster/metadata/keys")
@routes.read("GET", "/cluster/metadata/keys/<key>")
@routes.write("PUT", "/cluster/metadata/keys/<key>")
@routes.write("DELETE", "/cluster/metadata/keys/<key>")
async def cluster_only(call: RequestContext) -> object:
    """Refuse operations that need a cluster."""
    raise Standalone()


@routes.write("POST", "/collections/<collection>/cluster")
@routes.write("PUT", "/collections/<collection>/shards")
@routes.write("POST", "/collections/<collection>/shards/delete")
async def placement(call: RequestContext) -> object:
    """Refuse operations on shards, which need a cluster."""
    # Validates the name.
    _ = call.collection
    raise Standalone()
