"""How the hub is: for people, for whoever starts and stops processes, and for Prometheus.

`/api/v1/health/live` says that this process answers, `/api/v1/health/ready` that it can be sent callers.
`/metrics` is for this machine, or for who knows the token in the hub's folder.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from hub.api.deps import ApiDeps, Deps, maybe_caller
from hub.api.models import Health, HealthPart
from hub.api.refusals import refused
from hub.auth.tokens import Caller
from hub.health.book import Ill
from hub.health.figures import put_database, put_edges
from hub.health.holding import short_of_room, with_hold
from hub.health.meter import Meter, exposition, joined
from hub.health.report import own_instance, put_process
from hub.health.words import illness
from hub.registry.versions import newest

_TAKEN_NS: Final = 15_000_000_000
"""A version is in use everywhere so long after it was accepted, with room for a large one. [ns]"""

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter()
figures = APIRouter()


@router.get("/health", operation_id="health", response_model_exclude_none=True)
async def health(deps: Deps, caller: Annotated[Caller | None, Depends(maybe_caller)]) -> Health:
    """State of the hub; parts, and what is ill means for the plant, only for a signed-in caller."""
    parts = await _parts(deps)
    status = "ok" if all(part.status == "ok" for part in parts) else "degraded"
    provider = None if deps.provider is None else deps.provider.config.label
    return Health(status=status, parts=None if caller is None else parts, provider=provider)


@router.get("/health/live", include_in_schema=False)
async def live() -> Response:
    """204 as long as this process answers; whoever restarts processes looks here."""
    return Response(status_code=204)


@router.get("/health/ready", include_in_schema=False)
async def ready(deps: Deps) -> Response:
    """204 when this process can answer callers; 503 while it cannot read a database."""
    fault = await deps.series_fault() or await deps.database_fault()
    return Response(status_code=204 if fault is None else 503)


@figures.get("/metrics", include_in_schema=False)
async def metrics(request: Request, deps: Deps) -> Response:
    """Figures of all roles in the format of Prometheus.

    Raises:
        RefusedError: 403 for a caller from elsewhere without the token.
    """
    if not (_is_local(request) or _has_token(request, deps.metrics_token)):
        raise refused("metrics")
    meter = Meter()
    put_process(meter)
    put_edges(meter, deps.registry.site.edges, deps.edges)
    if await deps.database_fault() is None:
        await put_database(meter, deps.sessions, deps.registry.site.id, deps.clock)
    for name, fault in (await _faults(deps)).items():
        meter.put("part_ok", "1 where a part works.", float(fault is None), part=name)
    own = joined([({"role": "api", "instance": own_instance()}, meter.families())])
    whole = joined([({}, own), ({}, deps.roles.families())])
    return PlainTextResponse(exposition(whole), headers={"Content-Type": TEXT, "Cache-Control": "no-store"})


def _is_local(request: Request) -> bool:
    """Whether the caller is on this machine itself, and no proxy stands between."""
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip")):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _has_token(request: Request, token: str) -> bool:
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    return bool(token) and kind.lower() == "bearer" and hmac.compare_digest(shown.encode(), token.encode())


async def _faults(deps: ApiDeps) -> dict[str, str | None]:
    age_s = deps.edges.age_s()
    silent = "never heard" if age_s is None else f"silent for {age_s:.0f} s"
    return {
        "series": await deps.series_fault(),
        "database": await deps.database_fault(),
        "bus": None if deps.edges.bus == "up" else "the bus does not answer",
        "edge": None if deps.edges.link() == "up" else f"the edge is {silent}",
    }


async def _parts(deps: ApiDeps) -> list[HealthPart]:
    faults = await _faults(deps)
    ill = [] if faults["bus"] is not None else deps.roles.ill()  # without the bus nobody can be heard
    edges = deps.registry.site.edges
    ill += short_of_room(edges, deps.edges, bus_down=faults["bus"] is not None)
    if faults["database"] is None:
        ill += await _old_configuration(deps)
    parts = [
        HealthPart(name=name, status="ok", detail="works") for name, fault in faults.items() if fault is None
    ]
    found = [Ill(name, fault) for name, fault in faults.items() if fault is not None]
    return [*parts, *(_part(with_hold(one, edges, deps.edges)) for one in [*found, *ill])]


def _part(ill: Ill) -> HealthPart:
    words = illness(ill.code)
    return HealthPart(
        name=ill.code, status="degraded", detail=ill.detail, text=words.text, effect=words.effect
    )


async def _old_configuration(deps: ApiDeps) -> list[Ill]:
    row = await newest(deps.sessions, deps.registry.site.id) if deps.config_version else None
    fresh_ns = deps.clock.now().wall_ns - _TAKEN_NS
    if row is None or row.version == deps.config_version or row.made_ns > fresh_ns:
        return []
    return [Ill("configuration", f"version {row.version} is accepted, the hub goes by {deps.config_version}")]
