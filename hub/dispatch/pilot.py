"""The core with its hands: snapshots from the store, plans from the child process, rows for the ledger."""

from __future__ import annotations

import asyncio
import logging
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from hub.auth.roles import COMMAND, roles_at
from hub.command.wishes import Wish
from hub.dispatch import core
from hub.dispatch.approved import Standing, over
from hub.dispatch.kept import chooses_alike, without_choices
from hub.dispatch.lookback import recall
from hub.dispatch.record import Record
from hub.dispatch.report import row_of
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import MachineSeen, Seen, Snapshot
from hub.dispatch.solving import Accepted
from hub.dispatch.standing import PlanStanding
from hub.dispatch.tasks import task_of
from hub.dispatch.view import PlantView, links_of
from hub.dispatch.worker import solve_apart, spare
from hub.ledger import book
from hub.ledger.approvals import Over, approvals, let_go
from protocols.clock import Clock
from protocols.errors import SolveError, StoreError, WorseThanOwnControlError
from protocols.heartbeat import Heartbeat

_log = logging.getLogger(__name__)
_BEAT_S: Final = 10.0
"""An edge silent for longer has all its devices down. [s]"""
RENEWED: Final = "a new configuration"
"""Why a plan is wanted after one took effect."""
NEW_PRICES: Final = "new prices"
"""The same where tariff or emission factors are what is new."""

_FIRST_LOOK_S: Final = 10.0
"""How long the first plan waits for every machine to be seen. [s]"""

_NOT_TAKEN: Final = SolveError(
    "a plan was made, and the database did not take it", zh="计划已生成，但数据库未能保存"
)

Beats = Mapping[str, tuple[Heartbeat, float]]


class Pilot:
    """Decides once a second; plans one at a time."""

    def __init__(self, site: DispatchSite, view: PlantView, sessions: book.Sessions, clock: Clock) -> None:
        self._site = site
        self._view = view
        self._sessions = sessions
        self._clock = clock
        self._memory = core.Memory()
        self._revision = 0
        self._plan_id: str | None = None
        self._plans: dict[str, tuple[Accepted, int]] = {}
        self._of_person: dict[str, str] = {}
        self._asked: asyncio.Queue[tuple[core.Decision, Snapshot]] = asyncio.Queue(1)
        self._begin_s = clock.mono_s()
        self._above: Callable[[], Mapping[str, float | None]] = dict
        self._away: set[str] = set()
        self._changed_ns: dict[str, int] = {}
        self._judged = False
        self._seen: Seen | None = None
        self._blind = False
        self._solving: Process | None = None
        self._given_up = False
        self._term = 0
        self._record = Record()

    def in_term(self, epoch: int) -> None:
        """Decide for this term of office; 0: none, another hub may lead.

        What was planned in another term is forgotten, a plan on its way is not used: others commanded since,
        or nobody, so nothing is told before there is a plan of this term.
        """
        if epoch == self._term:
            return
        if self._term:
            self._site = replace(self._site)  # no plan that is being made is of this one
            self._memory, self._seen, self._record = core.Memory(), None, Record()
            self._plans, self._plan_id, self._of_person = {}, None, {}
            self._away = set()
            self._drop_search()
        self._term, self._begin_s = epoch, self._clock.mono_s()

    def take(self, site: DispatchSite, view: PlantView, since_ns: int | None = None) -> None:
        """Go by another configuration from now on; a plan on its way by the last one is not used.

        Modes, limits and labels hold with the next decision. As long as the plant is the same one the plan in
        force goes on until the new one is there; one of another plant would tell machines what is not meant.
        Where the levels to choose from or their limits are others, none that was chosen is told until then.

        Args:
            site: The other one.
            view: What looks at its plant.
            since_ns: When it was accepted; approvals given since were given under it. None: now.
        """
        same = site.plant.flowsheet == self._site.plant.flowsheet
        memory = self._memory if same else core.Memory()
        self._seen = self._seen if same else None
        self._plans = self._plans if same else {}
        if not chooses_alike(site.planning, self._site.planning):
            memory = replace(memory, plan=None if memory.plan is None else without_choices(memory.plan))
            self._plans = {name: (without_choices(plan), at) for name, (plan, at) in self._plans.items()}
        dearer = (site.supply, site.contract) != (self._site.supply, self._site.contract)
        why = NEW_PRICES if same and dearer else RENEWED
        event = None if memory.asked_ns is None else why
        self._memory = replace(memory, waiting=False, event=event, hurry=event is not None)
        since_ns = self._clock.now().wall_ns + 1 if since_ns is None else since_ns
        changed = (name for name in site.commanded if site.modes.of(name) != self._site.modes.of(name))
        self._changed_ns |= dict.fromkeys(changed, since_ns)
        self._site, self._view = site, view
        self._record.renewed()
        self._drop_search()

    def _drop_search(self) -> None:
        """Nothing is asked for, and nothing searched for, any more."""
        self._give_up()
        while not self._asked.empty():
            self._asked.get_nowait()

    def hear(self, above: Callable[[], Mapping[str, float | None]]) -> None:
        """Ask here which points are held by somebody above the plan, and at what value."""
        self._above = above

    def standing(self) -> PlanStanding | None:
        """How planning stands here; None before the plant was looked at in this term."""
        return self._record.standing(self._site.id)

    def _held(self) -> dict[str, float | None]:
        """By point "device/point" of this site."""
        begin = f"{self._site.id}/"
        return {p.removeprefix(begin): value for p, value in self._above().items() if p.startswith(begin)}

    async def decide(self, beats: Beats) -> dict[str, list[Wish]]:
        """Look, decide, and give what shall be held, by edge.

        While the store cannot be read the plan in force goes on by its steps; while the database cannot be
        asked, approvals stand as they were, without those that an event or another mode has ended since.
        """
        try:
            await self._ask_people()
        except SQLAlchemyError as error:
            _log.warning("approvals stand as they were, the database cannot be asked: %s", error)
        try:
            snapshot, past = await self._look(beats)
        except StoreError as error:
            return self._go_on(beats, error)
        self._blind = False
        snapshot = replace(snapshot, held=self._held())
        self._memory = replace(self._memory, approved=self._approved())
        if not self._complete(snapshot):
            return {}
        recalled = recall(self._site, snapshot, self._memory.seen, past)
        self._memory = replace(self._memory, seen=recalled)
        self._memory, decision = core.step(self._site, self._memory, snapshot, snapshot.now_ns)
        self._seen = decision.seen
        self._record.look(self._site, self._memory, snapshot.now_ns)
        self._away |= decision.ended
        if decision.replan is not None:
            self._asked.put_nowait((decision, snapshot))
        elif core.gives_way(self._memory) and self._give_up():
            self._memory = core.gave_way(self._memory)
        return self._wishes(decision)

    async def _look(self, beats: Beats) -> tuple[Snapshot, dict[str, MachineSeen]]:
        """The plant now, and what its machines did before."""
        while True:
            view, now_ns = self._view, self._clock.now().wall_ns
            snapshot = await asyncio.to_thread(view.snapshot, now_ns, beats, _BEAT_S)
            past = await asyncio.to_thread(view.before, now_ns)
            if view is self._view:  # else another one came while the store was read
                return snapshot, past

    def _go_on(self, beats: Beats, error: Exception) -> dict[str, list[Wish]]:
        """What the plan in force says for now; nothing where the plant was never seen."""
        if not self._blind:
            _log.warning("the plant cannot be looked at, the plan in force goes on by its steps: %s", error)
        self._blind = True
        if self._seen is None:
            return {}
        self._memory = replace(self._memory, approved=self._approved())
        links, now_ns = links_of(beats, _BEAT_S), self._clock.now().wall_ns
        self._record.look(self._site, self._memory, now_ns, blind=True)
        return self._wishes(core.unseen(self._site, self._memory, self._seen, links, now_ns))

    async def plan_when_asked(self) -> None:
        """Wait until a plan is wanted, make it, keep it; one that cannot be had leaves the last in force.

        A plan is in force only once its row is committed: no set-point ever follows a plan nobody can read.
        The process that will make it is begun before anybody asks.
        """
        asked = None if self._asked.empty() else self._asked.get_nowait()
        site = self._site
        async with spare() as child:
            if asked is None:
                asked = await self._asked.get()
                site = self._site  # that of now: it may have changed while nobody asked
            decision, snapshot = asked
            self._solving, self._given_up = child, False
            try:
                await self._plan(site, decision, snapshot, child)
            finally:
                self._solving = None

    def _give_up(self) -> bool:
        """End the search that goes on; whether there was one."""
        child = self._solving
        if child is None or child.returncode is not None:
            return False
        child.kill()
        self._given_up = True
        return True

    def _wanted(self, site: DispatchSite) -> bool:
        """Whether the plan that is being made is still one that will be used."""
        return self._site is site and not self._given_up

    async def _plan(
        self, site: DispatchSite, decision: core.Decision, snapshot: Snapshot, child: Process
    ) -> None:
        reason = decision.replan
        kept: Accepted | None = None
        own_control = False
        try:
            task = await asyncio.to_thread(task_of, site, self._memory, decision, snapshot)
            if not self._wanted(site):
                return
            accepted = await solve_apart(task, child)
            if not self._wanted(site):
                return
            row = row_of(site, accepted, self._clock.now().wall_ns, self._revision + 1)
            await book.save_plan(self._sessions, row)
            self._revision = row.revision
            if not self._wanted(site):  # the configuration or the term changed while its row was written
                return
            kept, self._plan_id = accepted, row.id
            self._record.planned(row.id, row.created_ns)
            self._remember(row.id, accepted)
            text = "plan (%s): cost %.0f, under own control %.0f, gap %.2f %%, solved in %.1f s"
            _log.info(text, reason, row.cost, row.baseline_cost, 100.0 * row.gap, row.solve_s)
        except SolveError as error:
            own_control = isinstance(error, WorseThanOwnControlError)
            if self._wanted(site):
                _log.warning("no new plan (%s): %s", reason, error)
                self._record.failed(error, reason or "", self._clock.now().wall_ns)
        except SQLAlchemyError:
            self._record.failed(_NOT_TAKEN, reason or "", self._clock.now().wall_ns)
            raise
        finally:
            if self._wanted(site):
                self._memory = core.planned(self._memory, kept, own_control=own_control)

    def _remember(self, ident: str, accepted: Accepted) -> None:
        """Plans a person may still approve or have approved; older ones are over."""
        self._plans[ident] = (accepted, self._revision)
        now_ns = self._clock.now().wall_ns
        for name, (plan, _) in list(self._plans.items()):
            at = plan.plan.step_at(now_ns)
            if name != ident and (at is None or at >= plan.plan.binary_steps):
                del self._plans[name]

    async def _ask_people(self) -> None:
        """Which plan each machine that waits for a person may follow; what is over is taken back.

        An approval is over with its plan, with the right of who gave it, with the mode of its machine, also
        when that comes back, and with an event of its station.
        """
        waits = {name for name in self._site.commanded if self._site.modes.of(name) == "approve"}
        if self._judged and not (waits or self._away or self._changed_ns):
            self._of_person = {}
            return
        away, changed_ns = set(self._away), dict(self._changed_ns)
        known = await approvals(self._sessions, self._site.id)
        may = await self._who_may({one.person for one in known.values()})
        now_ns = self._clock.now().wall_ns
        why = dict(over(known, Standing(waits, changed_ns, away, self._plans, may, now_ns)))
        self._of_person = {
            name: one.plan_id
            for name, one in known.items()
            if name in waits - why.keys() and one.plan_id in self._plans
        }
        if why:  # over from now on, also where the database does not take it yet
            gone = [Over(name, known[name], found) for name, found in why.items()]
            await let_go(self._sessions, self._site.id, gone, now_ns)
        self._away -= away
        self._changed_ns = {n: at for n, at in self._changed_ns.items() if changed_ns.get(n) != at}
        self._judged = known.keys() == why.keys() | self._of_person.keys()

    async def _who_may(self, people: set[str]) -> set[str]:
        """Those who still have a role that commands here: an approval ends with the right to give one."""
        async with self._sessions() as session:
            roles = await roles_at(session, self._site.id, people)
        return {name for name, role in roles.items() if role in COMMAND}

    def _approved(self) -> dict[str, Accepted]:
        """What people let machines follow; nothing that has ended since the database was asked last."""
        ended = self._away | self._changed_ns.keys()
        standing = ((name, ident) for name, ident in self._of_person.items() if name not in ended)
        known = ((name, self._plans.get(ident)) for name, ident in standing)
        return {name: plan[0] for name, plan in known if plan is not None}

    def _complete(self, snapshot: Snapshot) -> bool:
        """Whether every machine has been seen, or the wait for it is over."""
        waited = self._clock.mono_s() - self._begin_s > _FIRST_LOOK_S
        return waited or set(self._site.edges) <= set(snapshot.links)

    def _wishes(self, decision: core.Decision) -> dict[str, list[Wish]]:
        wishes: dict[str, list[Wish]] = {}
        for wanted in decision.set_points:
            edge = self._site.edges[wanted.point.split("/")[0]]
            point = f"{self._site.id}/{wanted.point}"
            ident = self._plan_of(wanted.machine) if wanted.of_plan else None
            if wanted.of_plan and ident is None:  # nobody could read why
                continue
            revision = self._revision if ident not in self._plans else self._plans[ident][1]
            wishes.setdefault(edge, []).append(
                Wish(point, wanted.value, wanted.unit, wanted.reason, revision, ident)
            )
        return wishes

    def _plan_of(self, machine: str) -> str | None:
        """Id of the plan it follows: the approved one if it waits for a person, else the one in force."""
        waits = self._site.modes.of(machine) == "approve"
        return self._of_person.get(machine) if waits else self._plan_id
