"""What a site is, does and did: read-only, all behind a token."""

from __future__ import annotations

from typing import Annotated, Final

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import AwareDatetime

from hub.api.deps import ApiDeps, Deps, SiteId, problems
from hub.api.models import (
    Command,
    Device,
    History,
    Plan,
    Point,
    Samples,
    Site,
    Value,
    fit,
    from_ns,
    number,
    to_ns,
    told_time,
    value_of,
)
from hub.api.policy import permitted
from hub.ledger.queries import latest_plan, recent_commands
from hub.store.port import FloatArray
from protocols.command import CommandKind
from protocols.errors import ContractError
from protocols.point import PointId, parse_point
from protocols.quality import is_bad

MOST_WINDOWS: Final = 5000
MOST_COMMANDS: Final = 500
MOST_SAMPLES: Final = 10_000
MOST_SAMPLES_S: Final = 86_400
"""Longest time of one answer of samples. [s]"""

_NS: Final = 1_000_000_000

router = APIRouter(dependencies=[Depends(permitted)])


class TimeRange:
    """`from` and `to`."""

    def __init__(
        self,
        start: Annotated[AwareDatetime, Query(alias="from")],
        end: Annotated[AwareDatetime, Query(alias="to")],
    ) -> None:
        if start >= end:
            raise HTTPException(422, "`from` must lie before `to`")
        self.start = start
        self.end = end


class HistoryRange:
    """`from`, `to` and `window_s` of a history."""

    def __init__(
        self, span: Annotated[TimeRange, Depends()], window_s: Annotated[int, Query(ge=1, le=86_400)]
    ) -> None:
        self.start = span.start
        self.end = span.end
        self.window_s = window_s


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
    ]


@router.get("/sites/{site}/values", operation_id="values", responses=problems(401, 403, 404, 422, 503))
async def values(site: SiteId, deps: Deps) -> list[Value]:  # noqa: ARG001  checked by its type
    """Newest sample of each point; a point never read is left out."""
    found = await deps.ask_series(lambda series: series.last())
    now_ns = deps.clock.now().wall_ns
    return [value_of(str(point), found[point], now_ns) for point in deps.registry.points if point in found]


@router.get("/sites/{site}/history", operation_id="history", responses=problems(401, 403, 404, 422, 503))
async def history(
    site: SiteId,
    deps: Deps,
    point: str,
    within: Annotated[HistoryRange, Depends()],
) -> History:
    """Time-weighted windows of one point; the last one ends now at the latest."""
    ident, unit = _known_point(deps, site, point)
    start_ns = to_ns(within.start)
    end_ns = min(to_ns(within.end), deps.clock.now().wall_ns)
    if (end_ns - start_ns) / _NS > within.window_s * MOST_WINDOWS:
        raise HTTPException(
            422, f"more than {MOST_WINDOWS} windows; ask for a shorter time or longer windows"
        )
    found = await deps.ask_series(lambda series: series.windows(ident, start_ns, end_ns, within.window_s))
    asked_s = max(end_ns - start_ns, 0) / _NS
    return History(
        point=str(ident),
        unit=unit,
        window_s=within.window_s,
        times=[from_ns(start) for start in found.starts_ns.tolist()],
        mean=_numbers(found.mean),
        min=_numbers(found.low),
        max=_numbers(found.high),
        completeness_pct=100.0 * float(np.sum(found.covered_s)) / asked_s if asked_s else 0.0,
    )


@router.get("/sites/{site}/samples", operation_id="samples", responses=problems(401, 403, 404, 422, 503))
async def samples(site: SiteId, deps: Deps, point: str, within: Annotated[TimeRange, Depends()]) -> Samples:
    """Samples of one point as they came, with the times its device told."""
    ident, unit = _known_point(deps, site, point)
    start_ns, end_ns = to_ns(within.start), to_ns(within.end)
    if end_ns - start_ns > MOST_SAMPLES_S * _NS:
        raise HTTPException(422, f"more than {MOST_SAMPLES_S // 3600} h; ask for a shorter time")
    found = await deps.ask_series(lambda series: series.raw(ident, start_ns, end_ns))
    if len(found.times_ns) > MOST_SAMPLES:
        raise HTTPException(422, f"more than {MOST_SAMPLES} samples; ask for a shorter time")
    qualities = found.qualities.tolist()
    return Samples(
        point=str(ident),
        unit=unit,
        times=[from_ns(time_ns) for time_ns in found.times_ns.tolist()],
        values=[
            None if is_bad(quality) else number(value)
            for value, quality in zip(found.values.tolist(), qualities, strict=True)
        ],
        qualities=qualities,
        source_times=[told_time(told_ns) for told_ns in found.source_ns.tolist()],
    )


@router.get("/sites/{site}/plan", operation_id="plan", responses=problems(401, 403, 404, 422))
async def plan(site: SiteId, deps: Deps) -> Plan:
    """The plan accepted last; 404 before the first."""
    async with deps.sessions() as session:
        row = await latest_plan(session, site)
    if row is None:
        raise HTTPException(404, "there is no plan yet")
    return Plan.model_validate(fit(Plan, row))


@router.get("/sites/{site}/commands", operation_id="commands", responses=problems(401, 403, 404, 422))
async def commands(
    site: SiteId, deps: Deps, limit: Annotated[int, Query(ge=1, le=MOST_COMMANDS)] = 50
) -> list[Command]:
    """Newest set-points, newest first."""
    return await commands_of(deps, site, limit)


async def commands_of(deps: ApiDeps, site: str, limit: int) -> list[Command]:
    """Set-points of the ledger as answers; releases show in the state of what they end."""
    async with deps.sessions() as session:
        rows = await recent_commands(session, site, limit)
    return [
        Command.model_validate(fit(Command, row)) for row in rows if row.get("kind", "set") == CommandKind.SET
    ]


def _known_point(deps: ApiDeps, site: str, text: str) -> tuple[PointId, str]:
    try:
        ident = parse_point(text)
    except ContractError as error:
        raise HTTPException(422, str(error)) from error
    spec = deps.registry.points.get(ident)
    if spec is None or ident.site != site:
        raise HTTPException(404, f"there is no point {text!r} on this site")
    return ident, spec.unit


def _numbers(values: FloatArray) -> list[float | None]:
    return [number(value) for value in values.tolist()]
