"""History of points: windows by length, calendar or pixels; samples, consumption, balances.

Every number leads back to samples: windows to `/samples` of the same time, a virtual point to its inputs.
"""

from __future__ import annotations

from typing import Annotated, Final

import numpy as np
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from hub.api.deps import ApiDeps, Deps, SiteId, problems
from hub.api.models import from_ns, number, to_ns, told_time
from hub.api.policy import permitted
from hub.api.refusals import NOTHING, refused
from hub.api.series_answers import (
    Page,
    comparison,
    complete,
    ms,
    numbers,
    overall,
    page,
    point_series,
    trace_of,
)
from hub.api.series_models import Balance, BalanceName, Consumption, CounterEvent, History, Samples, Series
from hub.api.time_range import PageAsk, TimeRange, Within
from hub.store.port import Origins, SeriesReader
from hub.values.cleaning import RuleMarker
from hub.values.counters import Consumption as Counted
from hub.values.counters import consumption
from hub.values.reading import Compared, compare, windows
from hub.values.virtual import windows_of
from protocols.errors import ContractError
from protocols.point import PointId, PointKind, parse_point
from protocols.quality import is_bad

MOST_CELLS: Final = 200_000
"""Windows times points of one answer."""
MOST_POINTS: Final = 50

_AHEAD_NS: Final = 86_400 * 1_000_000_000
"""So far after now samples are looked for: clocks of devices differ."""
_MOST_TRACE_NS: Final = 2 * _AHEAD_NS
"""Rows are looked up poll by poll; more than two days of a plant are too many at once."""
_READ: Final = problems(401, 403, 404, 422, 503)

router = APIRouter(dependencies=[Depends(permitted)])


@router.get("/sites/{site}/history", operation_id="history", responses=_READ)
async def history(
    site: SiteId,
    deps: Deps,
    point: str,
    span: Annotated[TimeRange, Depends()],
    window_s: Annotated[int, Query(ge=1, le=86_400)],
) -> History:
    """Time-weighted windows of one point; the last one ends now at the latest."""
    ident = known_point(deps, site, point)
    edges = Within(span, window_s).edges_ns(deps)
    found = (await deps.ask_series(lambda series: windows(series, deps.values, [ident], edges)))[ident]
    return History(
        point=str(ident),
        unit=deps.units[ident],
        window_s=window_s,
        times=[from_ns(start) for start in found.starts_ns.tolist()],
        mean=numbers(found.mean),
        min=numbers(found.low),
        max=numbers(found.high),
        complete_pct=complete(found.covered_s, edges),
        worst=found.worst.tolist(),
        completeness_pct=overall(found.covered_s, edges),
    )


@router.get("/sites/{site}/series", operation_id="series", responses=_READ, response_model=Series)
async def series(
    site: SiteId,
    deps: Deps,
    point: Annotated[list[str], Query(min_length=1, max_length=MOST_POINTS)],
    within: Annotated[Within, Depends()],
) -> Response:
    """Windows of several points: by a fixed length, by the site's calendar, or one a pixel of a chart."""
    idents = list(dict.fromkeys(known_point(deps, site, text) for text in point))
    edges = within.edges_ns(deps)
    if len(edges) * len(idents) > MOST_CELLS:
        raise refused("cells", most=MOST_CELLS)

    def read(reader: SeriesReader) -> str:
        found = windows(reader, deps.values, idents, edges)
        rows = [point_series(ident, deps.units[ident], found[ident], edges) for ident in idents]
        return Series(edges_ms=ms(edges), points=rows).model_dump_json()

    return Response(await deps.ask_series(read), media_type="application/json")


@router.get("/sites/{site}/samples", operation_id="samples", responses=_READ)
async def samples(
    site: SiteId,
    deps: Deps,
    point: str,
    within: Annotated[TimeRange, Depends()],
    ask: Annotated[PageAsk, Depends()],
) -> Samples:
    """Samples of one point as they came, with told times, marks of cleaning rules and, if asked, rows."""
    ident = known_point(deps, site, point)
    if ident in deps.values.virtual:
        inputs = ", ".join(str(one) for one in deps.values.virtual[ident].inputs)
        raise refused("calculated", point=ident, inputs=inputs)
    start_ns, end_ns = to_ns(within.start), min(to_ns(within.end), deps.clock.now().wall_ns + _AHEAD_NS)
    if ask.trace and end_ns - start_ns > _MOST_TRACE_NS:
        raise refused("trace_span")
    marker = RuleMarker(deps.values.cleaning)

    def read(reader: SeriesReader) -> tuple[Page, Origins | None]:
        got = page(reader, marker, ident, (start_ns, end_ns, ask.limit))
        return got, reader.origins(ident, got.found) if ask.trace else None

    (found, marks, next_ns), origins = await deps.ask_series(read)
    qualities = found.qualities.tolist()
    return Samples(
        point=str(ident),
        unit=deps.units[ident],
        times=[from_ns(time_ns) for time_ns in found.times_ns.tolist()],
        values=[
            None if is_bad(quality) else number(value)
            for value, quality in zip(found.values.tolist(), qualities, strict=True)
        ],
        qualities=qualities,
        marks=marks,
        source_times=[told_time(told_ns) for told_ns in found.source_ns.tolist()],
        next_from=None if next_ns is None else from_ns(next_ns),
        trace=None if origins is None else trace_of(origins),
    )


@router.get("/sites/{site}/consumption", operation_id="consumption", responses=_READ)
async def consumed(site: SiteId, deps: Deps, point: str, within: Annotated[Within, Depends()]) -> Consumption:
    """What a counter counted in each window, and how that compares with the integral of its power."""
    ident = known_point(deps, site, point)
    spec = deps.registry.points.get(ident)
    if spec is None or spec.kind is not PointKind.COUNTER:
        raise refused("counter", point=ident)
    edges = within.edges_ns(deps)
    if not len(edges):
        raise refused("not_yet")
    counter = deps.values.counters.get(ident)

    def read(reader: SeriesReader) -> tuple[Counted, Compared | None]:
        counted = consumption(reader, ident, counter, edges)
        if counter is None or counter.power is None:
            return counted, None
        return counted, compare(reader, deps.values, deps.units, (counter, ident), edges)

    found, compared = await deps.ask_series(read)
    return Consumption(
        point=str(ident),
        unit=spec.unit,
        edges_ms=ms(edges),
        amount=numbers(found.amount),
        total=found.total,
        complete_pct=complete(found.covered_s, edges),
        events=[
            CounterEvent(
                kind=event.kind, time_from=from_ns(event.from_ns), time_to=from_ns(event.to_ns),
                before=event.before, after=event.after, amount=number(event.amount),
            )
            for event in found.events
        ],
        comparison=None if compared is None or counter is None else comparison(
            f"{site}/{counter.power}", compared, edges
        ),
    )  # fmt: skip


@router.get("/sites/{site}/balances", operation_id="balances", responses=problems(401, 403, 404, 422))
async def balances(site: SiteId, deps: Deps) -> list[BalanceName]:
    """Balances of the site: which meter stands above which."""
    return [
        BalanceName(
            id=name,
            label=one.declared.label,
            unit=one.parent.declared.unit,
            parent=f"{site}/{one.declared.parent}",
            children=[f"{site}/{child}" for child in one.declared.children],
        )
        for name, one in deps.values.balances.items()
    ]


@router.get("/sites/{site}/balance", operation_id="balance", responses=_READ)
async def balance(
    site: SiteId,  # noqa: ARG001  checked by its type
    deps: Deps,
    balance: Annotated[str, Query(alias="id", max_length=32)],
    within: Annotated[Within, Depends()],
) -> Balance:
    """A meter, the sum below it, and what is not accounted for."""
    one = deps.values.balances.get(balance)
    if one is None:
        known = ", ".join(deps.values.balances)
        raise refused("balance", balance=balance, known=known or NOTHING)
    edges = within.edges_ns(deps)
    sides = (one.parent, one.children, one.residual)
    found = await deps.ask_series(lambda reader: windows_of(reader, sides, edges))
    parent, children, residual = (found[side.id] for side in sides)
    with np.errstate(all="ignore"):
        share = 100.0 * residual.mean / np.where(parent.mean == 0.0, np.nan, parent.mean)
    return Balance(
        id=balance,
        unit=one.parent.declared.unit,
        edges_ms=ms(edges),
        parent=numbers(parent.mean),
        children=numbers(children.mean),
        residual=numbers(residual.mean),
        residual_pct=numbers(share),
        complete_pct=complete(residual.covered_s, edges),
        worst=residual.worst.tolist(),
    )


def known_point(deps: ApiDeps, site: str, text: str) -> PointId:
    """A point of the site, measured or virtual.

    Raises:
        RefusedError: 422 for what is no point id, 404 for an unknown one.
    """
    try:
        ident = parse_point(text)
    except ContractError as error:
        raise refused("point_id", point=text) from error
    if ident not in deps.units or ident.site != site:
        raise refused("point", point=text)
    return ident
