"""What a site is, does and did: read-only, all behind a token."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from hub.api.deps import ApiDeps, Deps, SiteId, problems
from hub.api.models import (
    Command,
    Device,
    Plan,
    Point,
    Site,
    Value,
    fit,
)
from hub.api.policy import permitted
from hub.api.refusals import refused
from hub.api.value_answers import values_json
from hub.ledger.queries import latest_plan, recent_commands
from hub.registry.site import Registry
from hub.values.reading import newest
from hub.values.site import Virtual
from protocols.command import CommandKind

MOST_COMMANDS: Final = 500

router = APIRouter(dependencies=[Depends(permitted)])


@router.get("/sites", operation_id="sites", responses=problems(401, 403))
async def sites(deps: Deps) -> list[Site]:
    """Sites the caller may see."""
    site = deps.registry.site
    return [
        Site(id=site.id, label=site.label, mode=site.mode, time_zone=site.time_zone, currency=site.currency)
    ]


@router.get("/sites/{site}/devices", operation_id="devices", responses=problems(401, 403, 404, 422))
async def devices(site: SiteId, deps: Deps) -> list[Device]:  # noqa: ARG001  checked by its type
    """Devices with their link and mode."""
    return [
        Device(
            id=name,
            label=known.device.label,
            kind=known.profile.equipment,
            protocol=known.profile.protocol,
            link=deps.edges.device_link(known.edge, name),
            mode=deps.registry.site.modes.of(name),
        )
        for name, known in deps.registry.devices.items()
    ] + [
        Device(id=name, label=label, kind="virtual", protocol="", link="up", mode="advice")
        for name, label in deps.values.devices.items()
    ]


@router.get("/sites/{site}/points", operation_id="points", responses=problems(401, 403, 404, 422))
async def points(site: SiteId, deps: Deps) -> list[Point]:  # noqa: ARG001  checked by its type
    """All points, by device."""
    return [
        Point(
            id=str(point),
            device=point.device,
            name=point.point,
            unit=spec.unit,
            kind=spec.kind.value,
            label=spec.label,
            low=spec.low,
            high=spec.high,
            stale_after_s=deps.registry.stale_after_s(point),
        )
        for point, spec in deps.registry.points.items()
    ] + [virtual_point(deps.registry, one) for one in deps.values.virtual.values()]


@router.get(
    "/sites/{site}/values",
    operation_id="values",
    responses=problems(401, 403, 404, 422, 503),
    response_model=list[Value],
)
async def values(site: SiteId, deps: Deps) -> Response:  # noqa: ARG001  checked by its type
    """Newest sample of each point; a point never read is left out."""
    known, registered = deps.values, list(deps.registry.points)

    def read() -> bytes:  # in a thread to its last byte: thousands of values must hold up nobody
        found = deps.newest.judged(known.cleaning, registered)
        now_ns = deps.clock.now().wall_ns
        shown = {point: found[point] for point in registered if point in found} | newest(known, found)
        return values_json(shown, now_ns)

    return Response(await asyncio.to_thread(read), media_type="application/json")


@router.get("/sites/{site}/plan", operation_id="plan", responses=problems(401, 403, 404, 422))
async def plan(site: SiteId, deps: Deps) -> Plan:
    """The plan accepted last; 404 before the first."""
    async with deps.sessions() as session:
        row = await latest_plan(session, site)
    if row is None:
        raise refused("no_plan_yet")
    return Plan.model_validate(fit(Plan, row))


@router.get("/sites/{site}/commands", operation_id="commands", responses=problems(401, 403, 404, 422))
async def commands(
    site: SiteId,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=MOST_COMMANDS)] = 50,
    before: Annotated[str | None, Query(pattern=r"^([0-9a-f]{2}){1,32}$")] = None,
) -> list[Command]:
    """Newest set-points, newest first; `before` is the id of the last one already seen."""
    return await commands_of(deps, site, limit, before)


def virtual_point(registry: Registry, one: Virtual) -> Point:
    """A virtual point as an answer; it is as old as its oldest input may be."""
    return Point(
        id=str(one.id),
        device=one.id.device,
        name=one.id.point,
        unit=one.declared.unit,
        kind="virtual",
        label=one.declared.label,
        low=None,
        high=None,
        stale_after_s=max(registry.stale_after_s(point) for point in one.inputs),
        expression=one.declared.expression,
        inputs=[str(point) for point in one.inputs],
    )


async def commands_of(deps: ApiDeps, site: str, limit: int, before: str | None = None) -> list[Command]:
    """Set-points of the ledger as answers; releases show in the state of what they end."""
    async with deps.sessions() as session:
        rows = await recent_commands(session, site, limit, before)
    return [
        Command.model_validate(
            fit(Command, row | {"reason": deps.why.of_command(row["level"], row["reason"])})
        )
        for row in rows
        if row.get("kind", "set") == CommandKind.SET
    ]
