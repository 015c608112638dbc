"""What the server tells of itself, and the endpoints that only a cluster has."""

from __future__ import annotations

from ... import QDRANT_COMMIT, QDRANT_TITLE, QDRANT_VERSION
from ...model.errors import Standalone
from ..answers import Answer, json_answer, text_answer
from ..call import Call
from ..routing import Routes

routes = Routes()


@routes.read("GET", "/", is_open=True)
async def root(call: Call) -> Answer:
    """Name and version, without an envelope."""
    return json_answer({"title": QDRANT_TITLE, "version": QDRANT_VERSION, "commit": QDRANT_COMMIT})


@routes.read("GET", "/healthz", is_open=True)
@routes.read("GET", "/livez", is_open=True)
async def health(call: Call) -> Answer:
    """The process answers."""
    return text_answer("healthz check passed")


@routes.read("GET", "/readyz", is_open=True)
async def readiness(call: Call) -> Answer:
    """The server takes requests, or it would not listen."""
    return text_answer("all shards are ready")


@routes.read("GET", "/issues")
async def issues(call: Call) -> object:
    """No complaints: a filter on a field without an index is fast, too."""
    return {"issues": []}


@routes.write("DELETE", "/issues")
async def clear_issues(call: Call) -> object:
    """There is nothing to forget."""
    return True


@routes.read("GET", "/cluster")
async def cluster_status(call: Call) -> object:
    """There is no cluster."""
    return {"status": "disabled"}


@routes.write("POST", "/cluster/recover")
@routes.write("DELETE", "/cluster/peer/<peer_id>")
@routes.read("GET", "/cluster/metadata/keys")
@routes.read("GET", "/cluster/metadata/keys/<key>")
@routes.write("PUT", "/cluster/metadata/keys/<key>")
@routes.write("DELETE", "/cluster/metadata/keys/<key>")
async def cluster_only(call: Call) -> object:
    """Refuse what makes sense in a cluster only."""
    raise Standalone()


@routes.write("POST", "/collections/<collection>/cluster")
@routes.write("PUT", "/collections/<collection>/shards")
@routes.write("POST", "/collections/<collection>/shards/delete")
async def placement(call: Call) -> object:
    """Refuse to place shards, which makes sense in a cluster only."""
    # Read for its check.
    _ = call.collection
    raise Standalone()
