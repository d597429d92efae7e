"""Figures that are looked up when they are wanted: edges, ledger, plan, backup, queues of the bus, disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError
from sqlalchemy import func, select

from hub.backup.tables import MarkRow
from hub.database import Sessions
from hub.health.meter import Meter
from hub.health.report import put_folder
from hub.ledger.order_tables import OrderRow
from hub.ledger.tables import CommandRow, LeaderEpochRow, PlanRow
from hub.registry.version_tables import VersionRow
from protocols.clock import Clock
from protocols.subjects import STREAM_TELEMETRY

_NS: Final = 1e9


class Edges(Protocol):
    """What is known of the edges."""

    def edge_link(self, edge: str) -> str:
        """`up` or `down`."""
        ...

    def pending(self, edge: str) -> int | None:
        """Rows the hub has not covered; None when it was never heard."""
        ...

    def hold_s(self, edge: str) -> float | None:
        """How long it has room for its samples without the hub; None: not known. [s]."""
        ...

    def clock_ahead_s(self, edge: str) -> float | None:
        """How far its wall clock is ahead. [s]."""
        ...


def put_edges(meter: Meter, edges: Iterable[str], known: Edges) -> None:
    """Whether edges are heard, what they still hold back, how their clocks go."""
    for edge in edges:
        meter.put("edge_up", "1 while an edge is heard.", float(known.edge_link(edge) == "up"), edge=edge)
        pending, ahead_s, hold_s = known.pending(edge), known.clock_ahead_s(edge), known.hold_s(edge)
        if pending is not None:
            meter.put(
                "edge_backlog_rows", "Rows of an edge that are not in the store yet.", pending, edge=edge
            )
        if hold_s is not None:
            meter.put(
                "edge_hold_seconds",
                "How long an edge has room for its samples without the hub.",
                hold_s,
                edge=edge,
            )
        if ahead_s is not None:
            meter.put(
                "edge_clock_ahead_seconds", "Wall clock of an edge against the hub's.", ahead_s, edge=edge
            )


async def put_database(meter: Meter, sessions: Sessions, site: str, clock: Clock) -> None:
    """Open commands and orders, the plan in force, the newest backup and configuration."""
    now_ns = clock.now().wall_ns
    async with sessions() as session:
        commands = select(func.count()).where(CommandRow.site == site, CommandRow.verdict.is_(None))
        orders = select(func.count()).where(OrderRow.site == site, OrderRow.state.in_(("asked", "taken")))
        plan = select(PlanRow.created_ns, PlanRow.solve_s, PlanRow.gap).where(PlanRow.site == site)
        plan_row = (await session.execute(plan.order_by(PlanRow.created_ns.desc()).limit(1))).first()
        marked_ns = (
            await session.execute(select(func.max(MarkRow.at_ns)).where(MarkRow.site == site))
        ).scalar()
        version = (
            await session.execute(select(func.max(VersionRow.version)).where(VersionRow.site == site))
        ).scalar()
        epoch = (
            await session.execute(select(LeaderEpochRow.epoch).where(LeaderEpochRow.site == site))
        ).scalar()
        open_commands = (await session.execute(commands)).scalar_one()
        open_orders = (await session.execute(orders)).scalar_one()
    meter.put("ledger_open_commands", "Commands without a verdict.", open_commands)
    meter.put("ledger_open_orders", "Orders of people that are asked or worked on.", open_orders)
    meter.put("leader_epoch", "Term of office of the hub that commands.", epoch or 0)
    meter.put("configuration_version", "Configuration that is accepted.", version or 0)
    if plan_row is not None:
        meter.put("plan_age_seconds", "Age of the newest plan.", (now_ns - plan_row.created_ns) / _NS)
        meter.put("plan_solve_seconds", "Time its solver took.", plan_row.solve_s)
        meter.put("plan_gap", "Proven distance from the best plan, as a fraction.", plan_row.gap)
    if marked_ns is not None:
        meter.put("backup_age_seconds", "Age of the newest backup.", (now_ns - marked_ns) / _NS)


async def put_intake(meter: Meter, bus: Client, state: Path) -> None:
    """What the role that takes in tells besides its counts: queues of the bus, sizes of the store, disk."""
    await asyncio.to_thread(put_folder, meter, state)
    if bus.is_connected:
        with contextlib.suppress(NatsError, TimeoutError):
            await put_queues(meter, bus)


async def put_queues(meter: Meter, bus: Client) -> None:
    """What waits on the bus for the workers that take in, by consumer."""
    stream = bus.jetstream()
    for info in await stream.consumers_info(STREAM_TELEMETRY):
        text = "Messages of the bus that wait for a consumer."
        meter.put("consumer_pending", text, info.num_pending or 0, consumer=info.name)
        text = "Messages that a consumer has and did not acknowledge yet."
        meter.put("consumer_unacknowledged", text, info.num_ack_pending or 0, consumer=info.name)
    state = (await stream.stream_info(STREAM_TELEMETRY)).state
    meter.put("stream_bytes", "Size of the stream of samples on the bus.", state.bytes)
    meter.put("stream_messages", "Messages in the stream of samples on the bus.", state.messages)
