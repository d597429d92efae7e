"""How the hub itself is doing, for the page: how far it is, how much room there is, what runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Depends
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hub.api.deps import ApiDeps, Deps, SiteId, problems
from hub.api.models import from_ns
from hub.api.policy import permitted
from hub.api.system_models import EdgeFlow, Process, Sealing, StoreSize, System
from hub.backup.tables import MarkRow
from hub.health.meter import Family, Meter, joined
from hub.health.report import own_instance, put_process
from hub.store.port import Keeping
from protocols.errors import StoreError

_NS: Final = 1_000_000_000

router = APIRouter(dependencies=[Depends(permitted)])


@router.get("/sites/{site}/system", operation_id="system", responses=problems(401, 403, 404, 422))
async def system(site: SiteId, deps: Deps) -> System:
    """Backlog, sealing, sizes, backup and processes; `/health` says what is ill and what that means."""
    now_ns = deps.clock.now().wall_ns
    figures = _Figures(deps.roles.families())
    keeping = await _keeping(deps)
    return System(
        time=from_ns(now_ns),
        edges=await _flows(deps, now_ns),
        sealing=None if keeping is None else _sealing(keeping, now_ns),
        waiting_messages=figures.whole("consumer_pending", "consumer_unacknowledged"),
        bus_bytes=figures.one("stream_bytes"),
        stores=[StoreSize(part=part, size_bytes=size) for part, size in figures.sizes()],
        disk_free_bytes=figures.one("disk_free_bytes"),
        disk_bytes=figures.one("disk_bytes"),
        backup=await _backup(deps, site),
        processes=_processes(deps),
    )


class _Figures:
    """Figures of the role that takes in, by the name of their family."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = {family.name: family for family in families}

    def one(self, name: str) -> float | None:
        """A figure; of several workers that of any, for they look at the same bus or disk."""
        family = self._families.get(name)
        return None if family is None else next(iter(family.rows.values()), None)

    def whole(self, *names: str) -> int | None:
        """Sum over the consumers of the bus; None where nobody told."""
        found: dict[tuple[str, str], float] = {}
        for name in names:
            family = self._families.get(name)
            for (_, labels), value in family.rows.items() if family is not None else ():
                found[name, dict(labels).get("consumer", "")] = value
        return int(sum(found.values())) if found else None

    def sizes(self) -> list[tuple[str, float]]:
        """Sizes of the parts of the store, largest first."""
        family = self._families.get("store_bytes")
        rows = {} if family is None else family.rows
        files = {dict(labels).get("part", ""): value for (_, labels), value in rows.items()}
        found: dict[str, float] = {}
        for file, size in files.items():
            part = file.removesuffix("-wal").removesuffix("-shm")
            found[part] = found.get(part, 0.0) + size
        return sorted(found.items(), key=lambda row: -row[1])


async def _keeping(deps: ApiDeps) -> Keeping | None:
    try:
        return await deps.ask_series(lambda series: series.keeping())
    except StoreError:
        return None  # `/health` says that the store cannot be read, and what that means


async def _flows(deps: ApiDeps, now_ns: int) -> list[EdgeFlow]:
    newest_ns: dict[str, int] = {}
    try:
        newest = await asyncio.to_thread(deps.newest.read)
    except StoreError:
        newest = {}  # as above
    for point, last in newest.items():
        known = deps.registry.devices.get(point.device)
        if known is not None:
            newest_ns[known.edge] = max(newest_ns.get(known.edge, 0), last.time_ns)
    return [_flow(deps, edge, newest_ns.get(edge), now_ns) for edge in deps.registry.site.edges]


def _flow(deps: ApiDeps, edge: str, newest_ns: int | None, now_ns: int) -> EdgeFlow:
    return EdgeFlow(
        edge=edge,
        link=deps.edges.edge_link(edge),
        newest=None if newest_ns is None else from_ns(newest_ns),
        lag_s=None if newest_ns is None else max(now_ns - newest_ns, 0) / _NS,
        backlog_rows=deps.edges.pending(edge),
        hold_s=deps.edges.hold_s(edge),
        clock_ahead_s=deps.edges.clock_ahead_s(edge),
    )


def _sealing(keeping: Keeping, now_ns: int) -> Sealing:
    since_ns = keeping.waits_since_ns
    return Sealing(
        waits_since=None if since_ns is None else from_ns(since_ns),
        waits_s=None if since_ns is None else max(now_ns - since_ns, 0) / _NS,
        damaged_files=keeping.damaged,
    )


async def _backup(deps: ApiDeps, site: str) -> datetime | None:
    try:
        async with deps.sessions() as session:
            found = await session.execute(select(func.max(MarkRow.at_ns)).where(MarkRow.site == site))
            at_ns = found.scalar()
    except SQLAlchemyError:
        return None  # `/health` says that the database cannot be read
    return None if at_ns is None else from_ns(at_ns)


def _processes(deps: ApiDeps) -> list[Process]:
    """This process and those that told of themselves."""
    meter = Meter()
    put_process(meter)
    own = joined([({"role": "api", "instance": own_instance()}, meter.families())])
    found: dict[tuple[str, str], dict[str, float]] = {}
    for family in [*own, *deps.roles.families()]:
        if family.name in {"resident_bytes", "cpu_seconds"}:
            for (_, labels), value in family.rows.items():
                who = dict(labels)
                found.setdefault((who["role"], who["instance"]), {})[family.name] = value
    return [
        Process(role=role, instance=instance, memory_bytes=one["resident_bytes"], cpu_s=one["cpu_seconds"])
        for (role, instance), one in sorted(found.items())
    ]
