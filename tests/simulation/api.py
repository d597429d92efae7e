"""Orders of people by the hub's own way: placed in the ledger as the API does, for whoever leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hub.auth.tables import UserRow
from hub.ledger import audit
from hub.ledger.order_tables import OrderRow
from hub.ledger.orders import ENDED, OPEN, REFUSED, Order, Origin, place
from hub.ledger.tables import CommandRow
from hub.registry.writable import Writable
from protocols.command import CommandKind, Level
from protocols.point import parse_point
from protocols.receipt import Received
from tests.simulation.database import sessions_of
from tests.simulation.judge import Judge
from tests.simulation.plant import MAX_LEASE_S, SITE, Spec, cap_hash, limits_of
from tests.simulation.timeline import NS, Process

_WALL_NS: Final = 1_700_000_000 * NS
_ORIGIN: Final = Origin("operator", "loopback")
_HEARD_S: Final = 5.0
"""So long after a receipt its hub may not know of it yet. [s]"""
_LATE_S: Final = 5.0
"""By how much the clocks of hubs that jump may differ from the order's, with a turn. [s]"""


def writables_of(specs: dict[str, tuple[Spec, ...]]) -> dict[str, Writable]:
    """The hub's copy of what may be written."""
    return {
        spec.point: Writable(
            parse_point(spec.point), edge, spec.zone, cap_hash(spec.device).hex(), limits_of(spec)
        )
        for edge, own in specs.items()
        for spec in own
    }


class Api(Process):
    """The process that people speak to; it signs nothing and never dies here."""

    def __init__(self, engine: Engine, judge: Judge, specs: dict[str, tuple[Spec, ...]], seed: str) -> None:
        chance = Random(f"{seed}/api")  # noqa: S311  a seed replays
        super().__init__("api", judge.story.timeline, judge.story, chance)
        self.judge = judge
        self.specs = [spec for own in specs.values() for spec in own]
        self.engine = engine
        self._sessions = sessions_of(engine, self, lambda: self.chance.uniform(0.0005, 0.01))
        self._count = 0
        self._outlived: set[bytes] = set()
        self.begin()
        with Session(engine) as session:
            for name, role in (("ann", "operator"), ("bob", "admin"), ("eve", "viewer")):
                session.add(UserRow(name=name, role=role, password="", changed_ns=0))
            session.commit()

    def order_at_will(self) -> None:
        """One thing a person may ask for."""
        spec = self.chance.choice(self.specs)
        doings = [(self._set, 8), (self._release, 3), (self._act, 3), (self._undo, 4), (self._wrong, 2)]
        self.chance.choices([doing for doing, _ in doings], [weight for _, weight in doings])[0](spec)

    def undo_all(self) -> None:
        """Everything people have set is lifted."""
        for kind, scope in sorted({latch for book in self.judge.books.values() for latch in book.latches}):
            self._lift(kind, scope)

    # -- what people ask for -------------------------------------------------------------------

    def _set(self, spec: Spec) -> None:
        value, until_s = self.chance.choice(spec.values), self.chance.choice([3.0, 8.0, 20.0])
        if not spec.duty.get("two_step"):
            self._place(CommandKind.SET, spec.point, value=value, unit=spec.unit, until_s=until_s)
            return
        chosen = self._place(CommandKind.SELECT, spec.point, value=value, unit=spec.unit, until_s=until_s)
        self.later(
            self.chance.uniform(0.5, 3.0),
            lambda: self._place(CommandKind.OPERATE, spec.point, of=chosen, confirm="bob"),
        )

    def _release(self, spec: Spec) -> None:
        self._place(self.chance.choice([CommandKind.RELEASE, CommandKind.CANCEL]), spec.point)

    def _act(self, spec: Spec) -> None:
        kind = self.chance.choice([CommandKind.STOP, CommandKind.LOCK_OUT, CommandKind.OPT_OUT])
        zone = [] if spec.zone is None else [f"zone:{spec.zone}"]
        self._place(kind, self.chance.choice(["all", *zone, f"{SITE}/{spec.device}", spec.point]))

    def _undo(self, _spec: Spec) -> None:
        latches = sorted({latch for book in self.judge.books.values() for latch in book.latches})
        if latches:
            self._lift(*self.chance.choice(latches))

    def _lift(self, kind: str, scope: str) -> None:
        undo = {"stop": CommandKind.RESUME, "lock_out": CommandKind.LIFT, "opt_out": CommandKind.OPT_IN}[kind]
        self._place(undo, scope)
        if undo is CommandKind.RESUME:
            self.later(0.8, lambda: self._place(undo, scope, confirm="bob") and None)

    def _wrong(self, spec: Spec) -> None:
        wrong: list[dict[str, Any]] = [
            {"value": spec.high + 1.0}, {"value": float("inf")}, {"unit": "m"}, {"actor": "eve"},
            {"actor": "nobody"}, {"reason": " "}, {"until_s": 9 * 3600.0},
        ]  # fmt: skip
        base: dict[str, Any] = {"value": spec.values[0], "unit": spec.unit, "until_s": 8.0}
        self._place(CommandKind.SET, spec.point, **{**base, **self.chance.choice(wrong)})

    def _place(
        self,
        kind: CommandKind,
        target: str,
        *,
        until_s: float | None = None,
        **changes: Any,  # noqa: ANN401  any field
    ) -> str:
        self._count += 1
        now_ns = _WALL_NS + self.timeline.now_ns
        until_ns = None if until_s is None else now_ns + round(until_s * NS)
        ident = f"{self._count:032x}"
        order = Order(SITE, kind, target, None, None, None, "works", "ann", until_ns=until_ns, id=ident)
        self.story.tell(self.name, f"order {self._count}: {kind.value} {target} {changes}")
        self.spawn(self._placed(replace(order, **changes), now_ns))
        return ident

    async def _placed(self, order: Order, now_ns: int) -> None:
        await place(self._sessions, order, _ORIGIN, now_ns)

    # -- what must hold --------------------------------------------------------------------------

    def judge_leases(self) -> None:
        """No override lives on after its end and one lease."""
        live = {
            grant.id: name
            for book in self.judge.books.values()
            for name, point in book.points.items()
            for grant in point.grants.values()
            if grant.issuer == "hub" and grant.level is Level.OPERATOR and grant.until_ns > book.now_ns
        }
        if not live.keys() - self._outlived:
            return
        late_ns = _WALL_NS + self.timeline.now_ns - round((MAX_LEASE_S + _LATE_S) * NS)
        wanted = select(CommandRow.id).join(OrderRow, OrderRow.id == CommandRow.order_id)
        with self.engine.connect() as connection:
            over = connection.scalars(
                wanted.where(CommandRow.id.in_(live), OrderRow.until_ns < late_ns)
            ).all()
        for ident in sorted(set(over) - self._outlived):
            self._outlived.add(ident)
            self.judge.find("orders", f"an override of {live[ident]} outlives its end")

    def judge_orders(self) -> None:
        """Every order has come to an end, none came back, and the audit tells all of it."""
        with Session(self.engine) as session:
            for row in session.scalars(select(OrderRow)):
                mine = session.scalars(select(CommandRow.id).where(CommandRow.order_id == row.id)).all()
                why = self._wrong_end(row, mine)
                if why:
                    self.judge.find("orders", f"{row.kind} {row.target}, {row.id[-4:]}: {why}")
            ended = session.scalar(select(func.count()).where(OrderRow.state.in_([ENDED, REFUSED])))
            self.story.tell(self.name, f"{ended} orders have ended")
        broken = now(audit.broken_at(self._sessions, SITE))
        if broken is not None:
            self.judge.find("chain", f"the audit chain of the hub breaks at {broken}")

    def _wrong_end(self, row: OrderRow, mine: Sequence[bytes]) -> str:
        judge = self.judge
        accepted = any(
            isinstance(receipt, Received) for ident in mine for receipt in judge.told.get(ident, ())
        )
        taken_ns = min((judge.taken_ns[ident] for ident in mine if ident in judge.taken_ns), default=None)
        last_ns = max((judge.begun_ns[ident] for ident in mine if ident in judge.begun_ns), default=0)
        came_back = taken_ns is not None and last_ns > taken_ns + _HEARD_S * NS
        faults = {
            f"is still {row.state}": row.state in OPEN,
            "the plant took it, and it came back": row.kind == CommandKind.SET.value and came_back,
            "is called refused and was accepted": row.state == REFUSED and accepted,
        }
        return next((why for why, is_so in faults.items() if is_so), "")


def now(work: Any) -> Any:  # noqa: ANN401  whatever it gives
    """Run a coroutine to its end in no time."""
    while True:
        try:
            work.send(None)
        except StopIteration as done:
            return done.value
