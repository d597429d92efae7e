"""Wiring: the stages of the edge meet here and nowhere else.

driver → line → poll → image → gate → line → driver
                         └→ controllers → gate
└→ journal → uplink → bus → commands → gate
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from edge_agent.alone import Alone, Listener
from edge_agent.ask import AskService
from edge_agent.clock_notes import ClockNotes
from edge_agent.commands import CommandPorts, CommandService, CommandSettings
from edge_agent.configuration import ConfigurationPorts, ConfigurationService, Configured
from edge_agent.controllers.stage import Around, ControllerStage
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
from edge_agent.options import Options
from edge_agent.outlet.stage import OutletStage
from edge_agent.poll import Poller, PollGroup, poll_groups
from edge_agent.settings import Accepted, gate_rules
from edge_agent.trial import PollTally
from edge_agent.uplink import Uplink
from edge_agent.watchdog import Watchdog
from runtime.bus import LinkState
from runtime.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of one run."""

    groups: tuple[PollGroup, ...]
    journal: Journal
    uplink: Uplink
    commands: CommandService
    poller: Poller
    controllers: ControllerStage
    beside: tuple[tuple[str, Callable[[], Awaitable[None]]], ...]
    listeners: tuple[Listener, ...]
    """On the connection of the commands."""
    bulk_listeners: tuple[Listener, ...]
    """On that of the samples: what may be large."""
    alone: Alone

    def on_command_bus(self, state: LinkState) -> None:
        """The connection of the commands came or went."""
        self.uplink.on_command_bus(state)
        self.alone.on_bus(state)


@asynccontextmanager
async def stages_of(
    accepted: Accepted, agent_epoch: int, options: Options, configured: Configured
) -> AsyncIterator[Stages]:
    """The stages of one run, lines and journal open.

    Raises:
        StoreError: The journal or the command store cannot be opened.
        ConfigError: A key is missing, a driver's package, or a controller that does not fit.
    """
    clock, image, site, place = SystemClock(), Image(), accepted.site, accepted.place
    groups = poll_groups(site)
    controllers = ControllerStage(accepted, image, clock)
    uplink = Uplink(place.edge, [*(group.catalogue for group in groups), *controllers.catalogues], clock)
    where = JournalPlace(place.state / "journal.db", place.edge, options.journal_bytes)
    meters = Meters(groups, clock)
    settings = CommandSettings(
        gate_rules(accepted, agent_epoch),
        accepted.local_points,
        place.state / "control.db",
        accepted.safety_points,
    )
    async with (
        Lines(site, meters.watched(make_drivers(site, place.state)), clock, meters.devices) as lines,
        Journal(where, clock, uplink.announce) as journal,
    ):
        await uplink.name_rows(journal)
        tally = PollTally(groups, clock)
        configuration = ConfigurationService(
            accepted,
            configured,
            ConfigurationPorts(journal, tally, clock, lambda: controllers.runner.isolated, options.trial_s),
        )
        alone = Alone(place.edge, place.state, agent_epoch, clock, configured.turn.again.set)
        commands = CommandService(
            settings, CommandPorts(lines, image, journal, clock, alone.may_write, alone.lost)
        )
        controllers.join(Around(journal.put, commands.feed, commands.ready_points))
        vitals = Vitals(
            agent_epoch,
            lambda: {**lines.links(), **controllers.links()},
            commands.leases,
            commands.fence,
            configuration.state,
            lines.known,
            lambda: [*uplink.troubles, *controllers.troubles()],
            lambda: alone.trouble,
            lambda: uplink.slow,
        )
        keys = {device.id: line_key(device) for device in site.edge.devices}
        outlet = OutletStage(site.edge, groups, clock, place.state)
        sources = Sources(meters, journal, uplink, lines, keys, outlet.meter, lambda: alone.trouble)
        on = tally.counted(meters.counted(ByException(site, groups).thinned(outlet.beside(journal.put))))
        poller = Poller(groups, lines, image, on, clock)
        health = Health(accepted, vitals, journal, clock)
        try:
            local = {**pages(site, image, clock, partial(exposition, sources)), **controllers.pages}
            beside = (
                ("journal", journal.run),
                ("commands", commands.run),
                ("configuration", configuration.run),
                ("clock notes", ClockNotes(place.edge, journal, clock).run),
                ("local page", LocalServer(local, place.state, options.metrics_port).run),
                ("watchdog", Watchdog(lambda: commands.ticked_s, clock).run),
                *outlet.works,
                *controllers.works,
            )
            bulk = (
                alone.after(configuration.listen),
                alone.after(AskService(accepted, lines, commands.holders.whole).run),
                alone.after(commands.holders.run),
            )
            yield Stages(
                groups, journal, uplink, commands, poller, controllers, beside,
                (alone.run, health.run), bulk, alone,
            )  # fmt: skip
        finally:
            commands.close()
