"""Wiring: the stages of the edge meet here and nowhere else.

driver → line → poll → image → gate → line → driver
└→ journal → uplink → bus → commands → gate
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from nats.aio.client import Client

from edge_agent.ask import AskService
from edge_agent.clock_notes import ClockNotes
from edge_agent.commands import CommandPorts, CommandService, CommandSettings
from edge_agent.configuration import ConfigurationPorts, ConfigurationService, Configured
from edge_agent.drivers import make_drivers
from edge_agent.exception import ByException
from edge_agent.health import Health, Vitals
from edge_agent.image import Image
from edge_agent.journal import Journal, JournalPlace
from edge_agent.lines import Lines, line_key
from edge_agent.local_page import pages
from edge_agent.local_server import LocalServer
from edge_agent.meters import Meters
from edge_agent.metrics import Sources, exposition
from edge_agent.options import Options, write_summary
from edge_agent.poll import Poller, PollGroup, poll_groups
from edge_agent.settings import Accepted, Place, bus_login, gate_rules
from edge_agent.trial import PollTally
from edge_agent.uplink import Uplink
from edge_agent.watchdog import Watchdog
from runtime.bus import BusLogin, connect
from runtime.clock import SystemClock
from runtime.supervise import supervise

_log = logging.getLogger(__name__)

DRAIN_S: Final = 15.0
"""How long the end waits for the hub to have every row; what is left is sent at the next start."""


@dataclass(frozen=True, slots=True)
class _Stages:
    """The parts of one run."""

    groups: tuple[PollGroup, ...]
    journal: Journal
    uplink: Uplink
    commands: CommandService
    poller: Poller
    beside: tuple[tuple[str, Callable[[], Awaitable[None]]], ...]
    listeners: tuple[Callable[[Client], Awaitable[None]], ...]


async def run_agent(
    accepted: Accepted, agent_epoch: int, stop: asyncio.Event, options: Options, configured: Configured
) -> None:
    """Poll, journal, send and obey until `stop`; then release all leases, drain and write `summary.json`.

    Ends without these where another run is to follow with another configuration: leases go on there.

    Raises:
        StoreError: The journal or the command store cannot be opened.
        ConfigError: A key is missing, or a driver's package.
    """
    login = bus_login(accepted.place)
    async with _stages(accepted, agent_epoch, options, configured) as stages, asyncio.TaskGroup() as tasks:
        lasting = [tasks.create_task(supervise(name, work)) for name, work in stages.beside]
        lasting.append(tasks.create_task(supervise("bus", partial(_on_bus, stages, login))))
        polling = tasks.create_task(stages.poller.run())
        _log.info("%s polls %d groups of points", accepted.place.edge, len(stages.groups))
        ends = [tasks.create_task(event.wait()) for event in (stop, configured.turn.again)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        polling.cancel()
        await asyncio.wait({polling})
        if stop.is_set():
            await _farewell(stages, accepted.place)
        else:
            await stages.commands.hand_over()
        for task in (*lasting, *ends):
            task.cancel()


async def _farewell(stages: _Stages, place: Place) -> None:
    await stages.commands.release_all()
    await stages.journal.flush()
    if not await stages.uplink.drained(stages.journal, DRAIN_S):
        _log.warning("some rows are not at the hub yet; the next start sends them")
    write_summary(place.state / "summary.json", await stages.journal.runs())


@asynccontextmanager
async def _stages(
    accepted: Accepted, agent_epoch: int, options: Options, configured: Configured
) -> AsyncIterator[_Stages]:
    clock, image, site, place = SystemClock(), Image(), accepted.site, accepted.place
    groups = poll_groups(site)
    uplink = Uplink(place.edge, [group.catalogue for group in groups], clock)
    where = JournalPlace(place.state / "journal.db", place.edge, options.journal_bytes)
    meters = Meters(groups, clock)
    rules = gate_rules(accepted, agent_epoch)
    settings = CommandSettings(rules, accepted.local_points, place.state / "control.db")
    async with (
        Lines(site, meters.on_drivers(make_drivers(site, place.state)), clock) as lines,
        Journal(where, clock, uplink.announce) as journal,
    ):
        tally = PollTally(groups, clock)
        ports = ConfigurationPorts(journal, tally, clock, options.trial_s)
        configuration = ConfigurationService(accepted, configured, ports)
        commands = CommandService(settings, CommandPorts(lines, image, journal, clock))
        vitals = Vitals(
            agent_epoch, lines.links, commands.leases, commands.fence, configuration.state, lines.known
        )
        keys = {device.id: line_key(device) for device in site.edge.devices}
        sources = Sources(meters, journal, uplink, lines.links, keys)
        on = tally.counted(meters.counted(ByException(site, groups).thinned(journal.put)))
        poller = Poller(groups, lines, image, on, clock)
        health = Health(accepted, vitals, journal, clock)
        try:
            ask = AskService(accepted, lines)
            local = pages(site, image, clock, partial(exposition, sources))
            beside = (
                ("journal", journal.run),
                ("commands", commands.run),
                ("configuration", configuration.run),
                ("clock notes", ClockNotes(place.edge, journal, clock).run),
                ("local page", LocalServer(local, place.state, options.metrics_port).run),
                ("watchdog", Watchdog(lambda: commands.ticked_s, clock).run),
            )
            listeners = (configuration.listen, ask.run, health.run)
            yield _Stages(groups, journal, uplink, commands, poller, beside, listeners)
        finally:
            commands.close()


async def _on_bus(stages: _Stages, login: BusLogin) -> None:
    client = await connect(login, stages.uplink.on_bus)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stages.uplink.run(client, stages.journal))
            tasks.create_task(stages.commands.listen(client))
            for listen in stages.listeners:
                tasks.create_task(supervise(listen.__qualname__, partial(listen, client)))
    finally:
        await client.close()
