"""The role that plans and commands: the only process that opens the signing key (`hub_sign.key`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hub.command.issuer import CommandIssuer
from hub.command.lane import CommandLane
from hub.command.leader import Company, Leader
from hub.command.order_service import OrderService
from hub.command.receipts import ReceiptIntake
from hub.curves.service import CurveLearner
from hub.database import Sessions, create_engine, sessions_of
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import load_site
from hub.dispatch.view import PlantView
from hub.forecast.issue import Newest
from hub.forecast.service import Forecaster, load_forecast_site
from hub.ledger import book
from hub.roles.dispatch_loops import DispatchLoops, Planner
from hub.roles.dispatch_renewal import DispatchRenewal, PilotRenewal, load_limits
from hub.roles.options import RoleOptions
from hub.store.engine import open_reader
from hub.values.cleaning import RuleMarker
from hub.values.kept import cleaning_rules
from protocols.clock import Clock
from runtime.bus import connect
from runtime.clock import SystemClock
from runtime.keys import load_or_create_signing_key

SIGNING_KEY: Final = "hub_sign.key"
LEASE_S: Final = 10.0
"""Length of each lease; the write blocks of the demo grant no more. [s]"""


async def run(options: RoleOptions) -> None:
    """Plan and command until cancelled; then release what the plan holds, at most 3 s.

    Raises:
        ConfigError: The site cannot be read.
        KeyFileError: The signing key cannot be used.
        StoreError: A database cannot be opened.
    """
    marker = RuleMarker(cleaning_rules(options.config, options.site))
    site, history = load_site(options.config, options.site), open_reader(options.store_place, marker)
    learnt = load_forecast_site(options.config, options.site), open_reader(options.store_place, marker)
    newest = Newest()
    renewal = PilotRenewal(history, marker, newest)

    def pilot_of(hands: tuple[Sessions, Clock]) -> Pilot:
        forecaster = Forecaster(learnt[0], newest, learnt[1], (hands[0], options.state), hands[1])
        return renewal.steer(Pilot(site, PlantView(site, history, newest), *hands), forecaster)

    try:
        await carry_out(options, pilot_of, renewal=renewal)
    finally:
        history.close()
        learnt[1].close()


async def carry_out(
    options: RoleOptions,
    planner_of: Callable[[tuple[Sessions, Clock]], Planner],
    lease_s: float = LEASE_S,
    renewal: PilotRenewal | None = None,
) -> None:
    """Command what people and a planner want until cancelled; then release what the planner holds.

    Args:
        options: Where.
        planner_of: Makes the planner, from business database and clock.
        lease_s: Length of each lease. [s]
        renewal: How the planner takes a newer configuration; None: it has none.

    Raises:
        ConfigError: The site cannot be read.
        KeyFileError: The signing key cannot be used.
        StoreError: A database cannot be opened.
    """
    clock, limits = SystemClock(), load_limits(options.config, options.site)
    key = load_or_create_signing_key(options.keys / SIGNING_KEY)
    engine = create_engine(options.business_url)
    receipts = create_engine(options.business_url, durable=False)  # a power cut: they are read once more
    sessions, reader = sessions_of(engine), open_reader(options.store_place)
    try:
        lane = CommandLane(limits.edges, options.bus_replicas)
        bus = await connect(options.login, lane.on_bus)
        issuer = CommandIssuer(options.site, lane.edges, sessions, clock, lease_s)
        company = Company(options.site, bus, sessions, options.bus_replicas or 1)
        leader = Leader(company, clock, issuer.fence, options.leader_lease_s)
        issuer.arm(key, bus, leader)
        people = OrderService(options.site, sessions, issuer, limits.writables, clock)
        intake = ReceiptIntake(options.site, sessions_of(receipts), reader, clock)
        planner = planner_of((sessions, clock))
        role = DispatchLoops(options.site, bus, lane, leader, issuer, people, intake, planner, clock)
        fresh = DispatchRenewal(options, people, issuer, lane).follower
        role.follow = fresh(renewal, sessions, clock, role.meter).run
        _learn_beside(role, renewal, CurveLearner((options.state, options.site), sessions, clock))
        try:
            await role.work()
        finally:
            await _end(role, sessions)
    finally:
        await engine.dispose()
        await receipts.dispose()
        reader.close()


def _learn_beside(role: DispatchLoops, renewal: PilotRenewal | None, curves: CurveLearner) -> None:
    if renewal is not None:  # else there is no planner that needs either
        role.foresee, role.learn, role.standing = renewal.foresee, curves.run, renewal.standing


async def _end(role: DispatchLoops, sessions: Sessions) -> None:
    await role.farewell()
    if role.issuer.epoch and role.leader.may_speak():  # orders of another hub are open for good reason
        await book.close_all(sessions, role.site, role.clock.now().wall_ns)
    await role.leader.resign()
    await role.bus.close()
