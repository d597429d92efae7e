"""One seed: a plant, its load and its faults are drawn; half a minute goes wrong, then all must be well."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge_agent.gate import audit
from hub.command import leader
from hub.command.wishes import Wish
from hub.ledger.moves import ISSUED, Standing, moved
from hub.ledger.tables import CommandRow
from protocols.receipt import TERMINAL, Receipt, Received, Refused, Verified, encode_receipt, kind_of
from tests.simulation.api import Api, writables_of
from tests.simulation.bus import Bus, Store
from tests.simulation.database import new_database
from tests.simulation.devices import machines_of
from tests.simulation.edge import SimEdge, Site
from tests.simulation.hub import Installation, SimHub
from tests.simulation.judge import Finding, Judge
from tests.simulation.persons import Console
from tests.simulation.plant import Spec, draw_edge
from tests.simulation.timeline import NS, Story, Timeline
from tests.simulation.weather import Weather

CHAOS_S: Final = 30.0
HEALED_S: Final = CHAOS_S + 13.0
"""By now the longest fault has healed."""
LAST_WISH_S: Final = HEALED_S + 9.0
END_S: Final = LAST_WISH_S + 18.0
"""By now every lease is over, and its last receipt is in the ledger."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed showed."""

    seed: int
    findings: tuple[Finding, ...]
    writes: int
    writes_of_leases: int
    digest: str
    story: str


class Whole:
    """Everything there is in one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.chance = Random(seed)  # noqa: S311  a seed replays
        self.timeline = Timeline()
        self.story = Story(self.timeline)
        self.judge = Judge(self.story)
        bus = Bus(self.timeline, self.story, Random(f"{seed}/bus"))  # noqa: S311  a seed replays
        self.site = Site(self.timeline, self.story, bus, Store(), self.judge)
        self.specs: dict[str, tuple[Spec, ...]] = {}
        self.edges: dict[str, SimEdge] = {}
        for number in range(1, self.chance.randint(1, 3) + 1):
            self._add_edge(number, folder)
        self.plan = self._draw_plan()
        shared = Installation(
            bus, new_database(), self.site.store, self.judge, tuple(self.edges), self._wishes,
            writables_of(self.specs),
            self.chance.choice([6.0, 10.0]),
        )  # fmt: skip
        self.shared = shared
        self.hubs = [SimHub(f"hub{number}", shared, str(seed)) for number in (1, 2)]
        self.api = Api(shared.engine, self.judge, self.specs, str(seed))
        self.console = Console(bus, self.judge, self.specs, str(seed))
        self.weather = Weather(Random(f"{seed}/weather"), self.site, self.edges, self.hubs)  # noqa: S311  a seed replays

    def run(self) -> Outcome:
        """Let it all happen, then judge what is left."""
        machine, one_host = vars(leader), self.chance.random() < 0.5
        asked = machine["is_gone"]
        machine["is_gone"] = lambda name: one_host and any(hub.is_over(name) for hub in self.hubs)
        try:
            return self._play()
        finally:
            machine["is_gone"] = asked

    def _play(self) -> Outcome:
        for edge in self.edges.values():
            edge.start(new_boot=True)
        for hub in self.hubs:
            self.timeline.after(self.chance.uniform(0.0, 2.0), hub.start)
        self._watchdogs()
        self._spread(3.0, CHAOS_S, self.chance.uniform(1.0, 6.0), self.weather.strike)
        self._spread(3.0, CHAOS_S, self.chance.uniform(0.7, 4.0), self.console.act_at_will)
        self._spread(3.0, CHAOS_S, self.chance.uniform(1.0, 6.0), self.api.order_at_will)
        self._spread(3.0, END_S, 1.0, self.api.judge_leases)
        self._spread(HEALED_S, HEALED_S + 8.0, 1.5, self._lift_all)
        if self.chance.random() < 0.5:
            self.timeline.after(LAST_WISH_S, self._hubs_away)
        self.timeline.run(round(END_S * NS))
        self._finish()
        for edge in self.edges.values():
            if edge.alive:
                edge.store.close()
        self.shared.engine.dispose()
        text = self.story.text()
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        judge = self.judge
        found = tuple(judge.findings)
        return Outcome(self.seed, found, judge.writes_seen, judge.writes_of_leases, digest, text)

    def _add_edge(self, number: int, folder: Path) -> None:
        name = f"edge{number}"
        specs = draw_edge(self.chance, number)
        machines = machines_of(specs, self.timeline, self.story, str(self.seed))
        self.specs[name] = specs
        self.judge.add_edge(name, specs, machines)
        home = folder / name
        home.mkdir()
        self.edges[name] = SimEdge(name, self.site, specs, machines, home)

    # -- the load --------------------------------------------------------------------------------

    def _draw_plan(self) -> dict[str, list[tuple[float, float | None]]]:
        """From when on which value is wanted, by point."""
        plan: dict[str, list[tuple[float, float | None]]] = {}
        for spec in (spec for specs in self.specs.values() for spec in specs):
            if spec.duty.get("two_step"):
                continue
            every_s = self.chance.choice([2.0, 5.0, 15.0])
            count = int(LAST_WISH_S / every_s)
            wanted = [self.chance.choice([*spec.values, *spec.values, None]) for _ in range(count)]
            plan[spec.point] = [(every_s * n, value) for n, value in enumerate(wanted)]
        return plan

    def _wishes(self) -> Mapping[str, Sequence[Wish]]:
        now_s = self.timeline.now_ns / NS
        found: dict[str, list[Wish]] = {}
        for edge, specs in self.specs.items():
            for spec in specs:
                steps = self.plan.get(spec.point, ())
                value = next((value for at_s, value in reversed(steps) if at_s <= now_s), None)
                if value is not None and now_s < LAST_WISH_S:
                    wish = Wish(spec.point, value, spec.unit, "plan", 1, None)
                    found.setdefault(edge, []).append(wish)
        return found

    def _spread(self, begin_s: float, end_s: float, every_s: float, do: object) -> None:
        at_s = begin_s
        while at_s < end_s:
            self.timeline.at(round(at_s * NS), do)  # type: ignore[arg-type]  # a function without arguments
            at_s += self.chance.expovariate(1 / every_s)

    def _watchdogs(self) -> None:
        for edge in self.edges.values():
            for machine in edge.machines.values():
                machine.watchdog()
        self.timeline.after(0.5, self._watchdogs)

    def _lift_all(self) -> None:
        if self.chance.random() < 0.5:
            self.api.undo_all()
            return
        for name, book in self.judge.books.items():
            for kind, scope in sorted(book.latches):
                self.console.lift(name, kind, scope)

    def _hubs_away(self) -> None:
        for hub in self.hubs:
            if hub.alive:
                hub.end("is killed, and stays away for a while")
            self.timeline.after(11.0, hub.start)

    # -- the end -----------------------------------------------------------------------------------

    def _finish(self) -> None:
        judge = self.judge
        if sum(1 for hub in self.hubs if hub.alive and hub.leader.may_speak()) != 1:
            judge.find("office", "long after all has healed not one hub leads")
        for name, edge in self.edges.items():
            self._edge_is_at_rest(name, edge)
        self._receipts_are_whole()
        self._ledger_is_true()
        self.api.judge_orders()

    def _edge_is_at_rest(self, name: str, edge: SimEdge) -> None:
        for machine in edge.machines.values():
            for point, register in machine.registers.items():
                book = self.judge.books[name]
                if book.hands_off(point, book.now_ns):
                    continue
                if register.ours and register.value not in {register.spec.home, *register.native}:
                    self.judge.find("stuck", f"{point} shows {register.value} when no lease lives any more")
        if edge.leases() or edge.store.load().leases:
            self.judge.find("stuck", f"{name} still has leases")
        broken = audit.broken_at(edge.store._db)
        if broken is not None:
            self.judge.find("chain", f"the chain of {name} breaks at entry {broken}")

    def _receipts_are_whole(self) -> None:
        stored = set(self.site.store.rows)
        for ident, receipts in self.judge.told.items():
            missing = [kind_of(r) for r in receipts if encode_receipt(r) not in stored]
            if missing:
                self.judge.find("receipts", f"{ident.hex()}: the store never got {', '.join(missing)}")
            accepted = any(isinstance(r, Received) for r in receipts)
            ends = [r for r in receipts if isinstance(r, TERMINAL)]
            if accepted and len(ends) != 1:
                kinds = ", ".join(kind_of(r) for r in receipts)
                self.judge.find("receipts", f"{ident.hex()} has {len(ends)} last receipts: {kinds}")

    def _ledger_is_true(self) -> None:
        chain = bytes(32)
        with Session(self.shared.engine) as session:
            for row in session.scalars(select(CommandRow).order_by(CommandRow.number)):
                chain = hashlib.sha256(chain + row.body).digest()
                if row.chain != chain:
                    self.judge.find("chain", f"the hub's chain breaks at command {row.number}")
                    return
                why = _untrue(row, self.judge.told.get(row.id, []))
                if why:
                    self.judge.find("ledger", f"{row.kind} {row.point}, {row.id.hex()}: {why}")


def _untrue(row: CommandRow, told: Sequence[Receipt]) -> str:
    """Why a row does not say what its receipts say; empty: it does."""
    true = Standing(ISSUED)
    for receipt in told:
        true = moved(true, row.kind, receipt)
    if told and row.state != true.state:
        return f"stands as {row.state}, its receipts say {true.state}"
    if any(isinstance(receipt, Verified) for receipt in told) and row.verdict not in {"verified", "failed"}:
        return f"verdict {row.verdict}, it was verified"
    if any(isinstance(receipt, Refused) for receipt in told) and row.verdict != "refused":
        return f"verdict {row.verdict}, it was refused"
    return ""
