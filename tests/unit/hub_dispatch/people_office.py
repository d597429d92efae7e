"""The people's half of the dispatcher on real desks, with a clock that a test moves."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from hub.command.desk import Desk
from hub.command.people import People
from hub.command.policy import Known
from hub.command.wishes import Again, Fresh, Issuer, Out, Wish
from hub.ledger.orders import Order
from hub.registry.writable import Writable
from protocols.clock import Instant
from protocols.command import Command, CommandKind
from protocols.heartbeat import Heartbeat
from protocols.point import PointId
from protocols.receipt import (
    Receipt,
    Received,
)
from protocols.write_block import Duty, FallbackValue, WriteLimits

NS = 1_000_000_000
WHOLE = True
AT = Instant("boot", 1, 1)
POINT, OTHER, STEPPED = "demo/comp1/set_c", "demo/chp1/set_c", "demo/comp1/door_code"
PLANNED = Wish(POINT, 30.0, "°C", "plan", 1, "plan")


def writable(name: str, edge: str, zone: str | None = None, duty: Duty | None = None) -> Writable:
    _, device, point = name.split("/")
    limits = WriteLimits(
        point=point, unit="°C", low=0.0, high=100.0, fallback=FallbackValue(value=20.0), duty=duty
    )
    return Writable(PointId("demo", device, point), edge, zone, "11" * 16, limits)


WRITABLES = {
    POINT: writable(POINT, "edge1", "hall"),
    STEPPED: writable(STEPPED, "edge1", duty=Duty(two_step=True)),
    OTHER: writable(OTHER, "edge2", "hall"),
}
ROLES = {"anna": "operator", "bert": "admin", "carl": "viewer"}


@dataclass
class Office:
    """The people's half with two desks, and a clock."""

    now_s: float = 100.0
    desks: dict[str, Desk] = field(default_factory=dict)
    out: list[Command] = field(default_factory=list)
    count: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for edge in ("edge1", "edge2"):
            self.desks[edge] = Desk(Issuer("hub", "key", "demo", 10.0), edge)
            self.desks[edge].begin_term(7)
            self.desks[edge].want([])
        self.people = People(WRITABLES, self.desks)
        self.beat()

    @property
    def now_ns(self) -> int:
        return round(self.now_s * NS)

    def beat(self, edge: str = "", *leases: Command) -> list[bytes]:
        unknown = []
        for name in (edge,) if edge else ("edge1", "edge2"):
            beat = Heartbeat(
                name, "demo", 3, "boot", round(self.now_s * 1000), 0, 0, [one.id.hex() for one in leases],
                {"comp1": "up", "chp1": "up"}, cap_hashes={"comp1": "22" * 16, "chp1": "22" * 16},
            )  # fmt: skip
            unknown += self.desks[name].heard(beat, self.now_s)
        return unknown

    def ask(self, kind: CommandKind, target: str, value: float | None = None, **more: Any) -> str:  # noqa: ANN401  fields of an order
        timed = kind in {CommandKind.SET, CommandKind.SELECT}
        until_ns = self.now_ns + 600 * NS if timed else None
        unit = None if value is None else "°C"
        plain = Order("demo", kind, target, value, unit, None, "because", "anna", None, until_ns)
        order = replace(plain, id=f"{next(self.count):032x}", **more)
        self.people.take(order, self.now_ns, Known(WRITABLES, ROLES, self.now_ns), self.now_s)
        return order.id

    def turn(self, later_s: float = 0.0) -> list[Command]:
        """Time passes, the people's half looks, the desks send; gives what was sent."""
        self.now_s += later_s
        self.people.look(self.now_ns, self.now_s)
        outs: list[Out] = [out for desk in self.desks.values() for out in desk.next(self.now_s)]
        sent = [out.command for out in outs if isinstance(out, Fresh | Again)]
        self.out += sent
        return sent

    def answer(self, order_id: str, receipt: Receipt) -> None:
        for desk in self.desks.values():
            desk.answered(receipt, self.now_s)
        self.people.answered(order_id, receipt.id.hex(), receipt, self.now_s)

    def granted(self, order_id: str, command: Command) -> None:
        self.answer(order_id, Received(command.id, command.edge, command.point, AT, 10.0))
        self.beat(command.edge, command)

    def override(self, value: float = 50.0) -> tuple[str, Command]:
        ident = self.ask(CommandKind.SET, POINT, value)
        (command,) = self.turn()
        self.granted(ident, command)
        return ident, command

    def said(self) -> list[tuple[str, str, str]]:
        changes, self.people.changes = self.people.changes, []
        return [(change.id, change.state, change.code) for change in changes]
