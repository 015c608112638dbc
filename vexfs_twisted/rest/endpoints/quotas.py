"""The endpoints of quotas."""

from __future__ import annotations

from ...jsonform.quotas import quota_config_to_json, quota_part_to_json, read_quota_config
from ...model.access import MANAGE_SERVER, READ_SERVER
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import SMALL
from ..parameters import read_wait
from ..request_context import RequestContext
from ..routing import Routes

routes = Routes()


@routes.read("GET", "/quotas", needs=READ_SERVER)
async def quotas(call: RequestContext) -> object:
    """The configuration in effect, and what is used now."""
    report, usage = await call.status.quotas()
    return {"config": quota_config_to_json(report.config), "usage": quota_part_to_json(usage)}


@routes.write("PUT", "/quotas", JsonBody(SMALL), needs=MANAGE_SERVER)
async def set_quotas(call: RequestContext) -> object:
    """Replace the configuration. It is on disk and enforced then, whatever `wait` says."""
    read_wait(call.arguments, default=False)
    await call.status.set_quotas(await call.read(read_quota_config))
    return True
