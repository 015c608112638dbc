"""What the server tells of itself, and the endpoints that only a cluster has."""

from __future__ import annotations

from ... import QDRANT_COMMIT, QDRANT_TITLE, QDRANT_VERSION
from ...model.errors import Standalone
from ..request_context import RequestContext
from ..responses.response import Response, json_response, text_response
from ..routing import Routes

routes = Routes()


@routes.read("GET", "/", is_open=True)
async def root(call: RequestContext) -> Response:
    """Name and version, without an envelope."""
    return json_response(
        {"title": QDRANT_TITLE, "version": QDRANT_VERSION, "commit": QDRANT_COMMIT}
    )


@routes.read("GET", "/healthz", is_open=True)
@routes.read("GET", "/livez", is_open=True)
async def health(call: RequestContext) -> Response:
    """The process answers."""
    return text_response("healthz check passed")


@routes.read("GET", "/readyz", is_open=True)
async def readiness(call: RequestContext) -> Response:
    """The server takes requests, or it would not listen."""
    return text_response("all shards are ready")


@routes.read("GET", "/issues")
async def issues(call: RequestContext) -> object:
    """No complaints: a filter on a field without an index is fast, too."""
    return {"issues": []}


@routes.write("DELETE", "/issues")
async def clear_issues(call: RequestContext) -> object:
    """There is nothing to forget."""
    return True


@routes.read("GET", "/cluster")
async def cluster_status(call: RequestContext) -> object:
    """There is no cluster."""
    return {"status": "disabled"}


@routes.write("POST", "/cluster/recover")
@routes.write("DELETE", "/cluster/peer/<peer_id>")
@routes.read("GET", "/cluster/metadata/keys")
@routes.read("GET", "/cluster/metadata/keys/<key>")
@routes.write("PUT", "/cluster/metadata/keys/<key>")
@routes.write("DELETE", "/cluster/metadata/keys/<key>")
async def cluster_only(call: RequestContext) -> object:
    """Refuse what makes sense in a cluster only."""
    raise Standalone()


@routes.write("POST", "/collections/<collection>/cluster")
@routes.write("PUT", "/collections/<collection>/shards")
@routes.write("POST", "/collections/<collection>/shards/delete")
async def placement(call: RequestContext) -> object:
    """Refuse to place shards, which makes sense in a cluster only."""
    # Read for its check.
    _ = call.collection
    raise Standalone()
