"""What the judge knows of an edge, from outside: what was signed, what was answered, what was read.

Written from the text of the protocol; no function of the gate decides here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from protocols.command import BOUNDS, Command, CommandKind, Level, Renewal
from tests.simulation.plant import HORIZON_S, MAX_ECHO_S, MAX_LEASE_S, SITE, Spec, cap_hash
from tests.simulation.timeline import NS

LADDER: Final = (Level.OPERATOR, Level.GRID_LIMIT, Level.SCHEDULE, Level.OPTIMISER)
ENDS: Final = (CommandKind.RELEASE, CommandKind.CANCEL)
_LEASES: Final = (CommandKind.SET, CommandKind.SELECT, *BOUNDS)
FRESH_S: Final = 3.0


@dataclass
class Grant:
    """A lease that an edge has said yes to; `until_ns` is the latest end anybody meant."""

    id: bytes
    issuer: str
    level: Level
    steps: list[tuple[int, float]]
    until_ns: int
    bound: CommandKind | None
    table: bool

    def value(self, at_ns: int) -> float:
        """Set-point at an instant."""
        return next(
            (value for start_ns, value in reversed(self.steps) if start_ns <= at_ns), self.steps[0][1]
        )


@dataclass
class PointBook:
    """One set-point."""

    spec: Spec
    grants: dict[tuple[Level, CommandKind | None], Grant] = field(default_factory=dict)
    chosen: Grant | None = None
    group: bytes | None = None
    bad_since_ns: int | None = None
    told_stuck: bool = False


@dataclass
class EdgeBook:
    """One edge; all instants on its boot clock."""

    specs: dict[str, Spec]
    points: dict[str, PointBook] = field(default_factory=dict)
    boot: str = ""
    run: int = 0
    now_ns: int = 0
    alive: bool = False
    fences: dict[str, tuple[int, int]] = field(default_factory=dict)
    known: set[bytes] = field(default_factory=set)
    latches: dict[tuple[str, str], float] = field(default_factory=dict)
    local: dict[str, bool] = field(default_factory=dict)
    safety: dict[str, bool] = field(default_factory=dict)
    inputs: dict[str, tuple[float, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.points = {point: PointBook(spec) for point, spec in self.specs.items()}

    # -- what stands above -----------------------------------------------------------------------

    def scopes(self, point: str) -> list[str]:
        """Every scope a point lies in."""
        spec = self.specs[point]
        zone = [] if spec.zone is None else [f"zone:{spec.zone}"]
        return ["all", f"site:{SITE}", *zone, f"{SITE}/{spec.device}", point]

    def latched(self, kind: str, point: str, now_ns: int) -> bool:
        """Whether a person has set something over a point."""
        return any(now_ns < self.latches.get((kind, scope), -1.0) for scope in self.scopes(point))

    def hands_off(self, point: str, now_ns: int) -> str:
        """Why nothing at all may be written, by what the edge has been told; empty: it may."""
        spec = self.specs[point]
        if spec.hand and self.local.get(spec.device, True):
            return "under a local hand"
        if spec.safety and self.safety.get(spec.device, True):
            return "while a hardwired safety acts"
        return "out of service" if self.latched("lock_out", point, now_ns) else ""

    def no_lease(self, point: str, now_ns: int) -> str:
        """Why no value of a lease may be written; empty: it may."""
        held = self.hands_off(point, now_ns)
        if held or self.latched("stop", point, now_ns):
            return held or "after a stop"
        condition = self.specs[point].condition
        if condition is None:
            return ""
        name, low, high = condition
        value, at_ns = self.inputs.get(name, (math.nan, 0))
        fresh = now_ns - at_ns <= FRESH_S * NS
        return "" if fresh and low <= value <= high else "against the interlock"

    # -- who wins --------------------------------------------------------------------------------

    def live(self, point: str, now_ns: int) -> list[Grant]:
        """Leases that act now."""
        grants = self.points[point].grants.values()
        return [grant for grant in grants if grant.steps[0][0] <= now_ns < grant.until_ns]

    def room(self, point: str, now_ns: int) -> tuple[float, float]:
        """What the grid limits leave."""
        live = self.live(point, now_ns)
        lows = [grant.value(now_ns) for grant in live if grant.bound is CommandKind.AT_LEAST]
        highs = [grant.value(now_ns) for grant in live if grant.bound is CommandKind.AT_MOST]
        return max(lows, default=-math.inf), min(highs, default=math.inf)

    def clipped(self, grant: Grant, point: str, now_ns: int) -> float | None:
        """Value of a lease within the grid limits; None: they leave none."""
        value = grant.value(now_ns)
        if grant.level is Level.OPERATOR:
            return value
        low, high = self.room(point, now_ns)
        return max(low, min(high, value)) if low <= high else None

    def winner(self, point: str, now_ns: int) -> float | None:
        """The value the lowest live rung asks for."""
        asking = [grant for grant in self.live(point, now_ns) if grant.bound is None]
        first = min(asking, key=lambda grant: LADDER.index(grant.level), default=None)
        return None if first is None else self.clipped(first, point, now_ns)

    def allowed(self, point: str, now_ns: int) -> set[float | None]:
        """Values that leases justify now; where changes are rationed an older one may stay."""
        live = [grant for grant in self.live(point, now_ns) if grant.bound is None]
        rationed = self.specs[point].duty.get("dwell_s", 0.0) > 0
        values = {self.winner(point, now_ns)}
        if rationed:
            values |= {self.clipped(grant, point, now_ns) for grant in live}
        return values - {None}

    # -- what must be refused ----------------------------------------------------------------------

    def not_for_us(self, message: Command | Renewal, boot: str, now_ns: int) -> str:
        """Why a message must have no effect, whatever it asks for; empty: it may have."""
        epoch, seq = self.fences.get(message.issuer, (-1, -1))
        age_s = now_ns / NS - message.echo.reading_ms / 1000
        faults = {
            "another run": message.agent_epoch != self.run,
            "an old epoch": message.epoch < epoch,
            "out of order": message.epoch == epoch and message.seq <= seq,
            "a stale echo": message.echo.boot != boot or not -0.0011 <= age_s <= MAX_ECHO_S + 0.0011,
        }
        return next((why for why, is_so in faults.items() if is_so), "")

    def must_refuse(self, command: Command, now_ns: int) -> str:
        """Why a command that asks for a lease must get none; empty: it may."""
        spec = self.specs.get(command.point)
        if spec is None or command.kind not in _LEASES:
            return ""
        values = [step.value for step in command.steps] or [
            math.nan if command.value is None else command.value
        ]
        most_s = HORIZON_S if command.steps else MAX_LEASE_S
        faults = {
            "other limits": command.cap_hash != cap_hash(spec.device),
            "another unit": command.unit != spec.unit,
            "outside the limits": not all(spec.low <= value <= spec.high for value in values),
            "too long": not 0 < command.lease_s <= most_s,
            "over already": command.echo.reading_ms * 1_000_000 + command.lease_s * NS <= now_ns,
        }
        above = self.hands_off(command.point, now_ns)
        stopped = "after a stop" if self.latched("stop", command.point, now_ns) else ""
        return next((why for why, is_so in faults.items() if is_so), "") or above or stopped


def grant_of(command: Command, now_ns: int) -> Grant:
    """The lease a command asks for; all times count from the heartbeat it echoes."""
    made_ns = command.echo.reading_ms * 1_000_000
    steps = [(made_ns + round(step.start_in_s * NS), step.value) for step in command.steps]
    if not steps:
        value = math.nan if command.value is None else command.value
        steps = [(max(now_ns, made_ns + round(command.start_in_s * NS)), value)]
    bound = command.kind if command.kind in BOUNDS else None
    until_ns = made_ns + round(command.lease_s * NS)
    return Grant(command.id, command.issuer, command.level, steps, until_ns, bound, bool(command.steps))


def act(book: EdgeBook, command: Command, now_ns: int) -> None:
    """What an act of a person changes."""
    undo = {CommandKind.LIFT: "lock_out", CommandKind.OPT_IN: "opt_out", CommandKind.RESUME: "stop"}
    if command.kind in undo:
        if command.kind is not CommandKind.RESUME or command.confirm is not None:
            book.latches.pop((undo[command.kind], command.point), None)
        return
    timed = command.kind is CommandKind.OPT_OUT and command.lease_s > 0
    book.latches[command.kind.value, command.point] = now_ns + command.lease_s * NS if timed else math.inf


def operate(book: EdgeBook, point: PointBook, command: Command, now_ns: int) -> None:
    """What was selected becomes a lease, with all of its group."""
    family = [one for one in book.points.values() if one.group == point.group] if command.group else [point]
    for one in family:
        if one.chosen is not None:
            start_ns = max(now_ns, one.chosen.steps[0][0])
            one.chosen.steps = [(start_ns, one.chosen.steps[0][1])]
            one.grants[one.chosen.level, None] = one.chosen
            one.chosen = None


def stuck_after_s(specs: dict[str, Spec], spec: Spec) -> float:
    """Three ticks and a sequence: polls that show a foreign value, each member of its group, dwell. [s]."""
    family = [one for one in specs.values() if one.fallback["kind"] == "release_group"]
    members = len(family) if spec in family else 1
    dwell_s = float(spec.duty.get("dwell_s", 0.0))
    return 3 * 0.25 + 3.0 + members * (2 * spec.settle_s + 1.0) + dwell_s
