"""The FastAPI application: routes, problems, page. `create_app(deps)` is all a role or a test needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from hub.api import (
    account_routes,
    alarm_routes,
    audit_routes,
    auth_routes,
    config_routes,
    config_writing,
    curve_routes,
    edge_routes,
    export_routes,
    forecast_routes,
    health_routes,
    join_routes,
    me_routes,
    order_routes,
    people_routes,
    place_routes,
    plan_page,
    plan_routes,
    problems,
    report_routes,
    series_routes,
    site_routes,
    system_routes,
)
from hub.api.deps import ApiDeps
from hub.api.etags import Etags
from hub.api.live import LiveHub
from hub.api.models import Problem
from hub.api.openapi import completed
from hub.api.refusals import refused
from hub.api.static import Guard, page
from protocols.config import Config

_PREFIX = "/api/v1"


def create_app(deps: ApiDeps, live: LiveHub | None = None) -> FastAPI:
    """The application; `live` is handed in by the role that feeds it."""
    app = _with_routes()
    app.state.deps = deps
    app.state.exports = export_routes.Exports()
    hub = live or LiveHub(deps)

    @app.websocket(f"{_PREFIX}/live")
    async def follow(socket: WebSocket) -> None:
        await hub.serve(socket)

    @app.get("/{path:path}", include_in_schema=False)
    def file(path: str) -> Response:
        if path == "api" or path.startswith("api/"):
            raise refused("route")
        return page(Path(deps.static), path)

    app.add_middleware(Etags)
    app.add_middleware(Guard)
    return app


def openapi_document() -> dict[str, Any]:
    """OpenAPI of the API, the same for the same version."""
    app = _with_routes()
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    models: tuple[type[Config], ...] = (Problem, *config_writing.BODIES)
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}
    return completed(document)


def _with_routes() -> FastAPI:
    app = FastAPI(title="Ai4Energy EMS hub", version="1", openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(auth_routes.router, prefix=_PREFIX)
    app.include_router(health_routes.router, prefix=_PREFIX)
    app.include_router(health_routes.figures)
    app.include_router(site_routes.router, prefix=_PREFIX)
    app.include_router(plan_routes.router, prefix=_PREFIX)
    app.include_router(plan_page.router, prefix=_PREFIX)
    app.include_router(series_routes.router, prefix=_PREFIX)
    app.include_router(export_routes.router, prefix=_PREFIX)
    app.include_router(system_routes.router, prefix=_PREFIX)
    app.include_router(edge_routes.router, prefix=_PREFIX)
    app.include_router(forecast_routes.router, prefix=_PREFIX)
    app.include_router(curve_routes.router, prefix=_PREFIX)
    app.include_router(config_routes.router, prefix=_PREFIX)
    app.include_router(config_writing.router, prefix=_PREFIX)
    app.include_router(place_routes.router, prefix=_PREFIX)
    app.include_router(order_routes.router, prefix=_PREFIX)
    app.include_router(alarm_routes.router, prefix=_PREFIX)
    app.include_router(audit_routes.router, prefix=_PREFIX)
    app.include_router(account_routes.router, prefix=_PREFIX)
    app.include_router(report_routes.router, prefix=_PREFIX)
    app.include_router(join_routes.router, prefix=_PREFIX)
    app.include_router(me_routes.router, prefix=_PREFIX)
    app.include_router(people_routes.router, prefix=_PREFIX)
    problems.install(app)
    return app
