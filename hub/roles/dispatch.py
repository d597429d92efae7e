"""The role that plans and commands: the only process that opens the signing key (`hub_sign.key`)."""

from __future__ import annotations

from typing import Final

from hub.command.issuer import CommandIssuer
from hub.command.lane import CommandLane
from hub.command.leader import Company, Leader
from hub.command.order_service import OrderService
from hub.command.receipts import ReceiptIntake
from hub.database import Sessions, create_engine, sessions_of
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import load_site
from hub.dispatch.view import PlantView
from hub.ledger import book
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from hub.roles.dispatch_loops import DispatchLoops
from hub.roles.options import RoleOptions
from hub.store.reader import EmbeddedReader
from runtime.bus import connect
from runtime.clock import SystemClock
from runtime.keys import load_or_create_signing_key

SIGNING_KEY: Final = "hub_sign.key"
LEASE_S: Final = 10.0
"""Length of each lease; the write blocks of the demo grant no more. [s]"""


async def run(options: RoleOptions) -> None:
    """Plan and command until cancelled; then release everything, at most 3 s.

    Raises:
        ConfigError: The site cannot be read.
        KeyFileError: The signing key cannot be used.
        StoreError: A database cannot be opened.
    """
    clock = SystemClock()
    site = load_site(options.config, options.site)
    writables = load_writables(options.config, load_registry(options.config, options.site))
    key = load_or_create_signing_key(options.keys / SIGNING_KEY)
    engine = create_engine(options.business_url)
    sessions = sessions_of(engine)
    reader, history = EmbeddedReader(options.series_path), EmbeddedReader(options.series_path)
    try:
        lane = CommandLane(sorted(set(site.edges.values())))
        bus = await connect(options.login, lane.on_bus)
        issuer = CommandIssuer(site.id, lane.edges, sessions, clock, LEASE_S)
        leader = Leader(Company(site.id, bus, sessions), clock, issuer.fence, options.leader_lease_s)
        issuer.arm(key, bus, leader)
        people = OrderService(site.id, sessions, issuer, writables, clock)
        intake = ReceiptIntake(site.id, sessions, reader, clock)
        pilot = Pilot(site, PlantView(site, history), sessions, clock)
        role = DispatchLoops(options.site, bus, lane, leader, issuer, people, intake, pilot, clock)
        try:
            await role.work()
        finally:
            await _end(role, sessions)
    finally:
        await engine.dispose()
        reader.close()
        history.close()


async def _end(role: DispatchLoops, sessions: Sessions) -> None:
    await role.farewell()
    if role.issuer.epoch and role.leader.may_speak():  # orders of another hub are open for good reason
        await book.close_all(sessions, role.site, role.clock.now().wall_ns)
    await role.leader.resign()
    await role.bus.close()
