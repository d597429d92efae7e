"""The reference: what must live and who must win, worked out apart from the gate.

It knows the protocol's text and the plant of `gate_plant.py`, and of the gate's state only what a crash left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from typing_extensions import override

from edge_agent.gate.events import SavedLease
from protocols.command import ACTS, BOUNDS, Command, CommandKind, Level
from protocols.receipt import Receipt
from tests.unit.gate.gate_plant import BATTERY, KINDS, ROLE, ZONES, Plant, device_of

S: Final = 1_000_000_000
LADDER: Final = (Level.OPERATOR, Level.GRID_LIMIT, Level.SCHEDULE, Level.OPTIMISER, Level.CONTROLLER)


@dataclass
class Held:
    """A lease that must live."""

    id: bytes
    level: Level
    steps: list[tuple[int, float]]
    until_ns: int
    bound: CommandKind | None = None
    table: bool = False

    def value(self, at_ns: int) -> float:
        return [value for start_ns, value in self.steps if start_ns <= at_ns or start_ns == self.steps[0][0]][
            -1
        ]


@dataclass
class Spot:
    """What the reference knows of one point."""

    leases: dict[tuple[Level, CommandKind | None], Held] = field(default_factory=dict)
    chosen: Held | None = None
    chosen_until_ns: int = 0
    chosen_by: str = ""
    group: bytes | None = None
    size: int = 0
    before: float | None = None
    ours: bool = False
    changes: list[tuple[int, float | None]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    cool_until_ns: int = 0


class Reference(Plant):
    """A plant with what the protocol says of its leases, latches and winners."""

    @override
    def __post_init__(self) -> None:
        self.spots = {point: Spot() for point in KINDS}
        self.latches: dict[tuple[str, str], float] = {}
        self.accepted: list[int] = []
        self.polled_ns = self.now_ns
        self.read_well = True
        self.fence_seen = (-1, -1)
        self.disturbed = False
        self.heard = 0
        self.first: dict[bytes, Receipt] = {}
        self.polled: dict[str, float] = {}
        self.crashed = False
        self.safety_told = False
        self.undecided: dict[str, dict[tuple[Level, CommandKind | None], Held]] = {}
        super().__post_init__()

    # -- what stands above ---------------------------------------------------------------------

    def scopes(self, point: str) -> list[str]:
        zone = [f"zone:{ZONES[point]}"] if point in ZONES else []
        return ["all", "site:demo", *zone, f"demo/{device_of(point)}", point]

    def latched(self, kind: str, point: str) -> bool:
        ends = [self.latches.get((kind, scope)) for scope in self.scopes(point)]
        return any(end is not None and self.now_ns < end for end in ends)

    def hands_off(self, point: str) -> bool:
        local = point == BATTERY and self.device.local
        safety = point == ROLE and self.device.safety
        return local or safety or self.latched("lock_out", point)

    def interlocked(self, point: str) -> bool:
        fresh = self.read_well and self.now_ns - self.polled_ns <= 3 * S
        return point == BATTERY and not (fresh and self.device.dew_good and -40 <= self.device.dew_c <= 5)

    def above(self, point: str) -> bool:
        return self.hands_off(point) or self.latched("stop", point) or self.interlocked(point)

    # -- who wins ------------------------------------------------------------------------------

    def live(self, point: str) -> list[Held]:
        return [held for held in self.spots[point].leases.values() if held.until_ns > self.now_ns]

    def winner(self, point: str) -> tuple[Held, float] | None:
        acting = [held for held in self.live(point) if held.steps[0][0] <= self.now_ns]
        lows = [h.value(self.now_ns) for h in acting if h.bound is CommandKind.AT_LEAST]
        highs = [h.value(self.now_ns) for h in acting if h.bound is CommandKind.AT_MOST]
        for level in LADDER:
            for held in acting:
                if held.level is not level or held.bound is not None:
                    continue
                value = held.value(self.now_ns)
                if level is Level.OPERATOR:
                    return held, value
                low, high = max(lows, default=-math.inf), min(highs, default=math.inf)
                return (held, max(low, min(high, value))) if low <= high else None
        return None

    def home(self, point: str) -> float | None:
        fallback: Any = KINDS[point]["fallback"]
        return self.spots[point].before if fallback["kind"] == "restore" else fallback.get("value")

    def hindered(self, point: str, value: float | None) -> bool:
        """Whether dwell, starts, step or budget forbid a write now, by what the device itself has seen."""
        spot, duty = self.spots[point], self.duty(point)
        here = self.device.values[point]
        if value == here or (spot.changes and value == spot.changes[-1][1]):
            return False  # nothing changes: a refresh, or a second try of the same value
        last_ns = spot.changes[-1][0] if spot.changes else -(10**18)
        starts = [at_ns for at_ns in spot.starts if self.now_ns - at_ns < 3600 * S]
        soon = self.now_ns - last_ns < duty.get("dwell_s", 0) * S
        if self.disturbed:
            return soon
        often = here == 0 and value != 0 and len(starts) >= duty.get("starts_per_h", math.inf)
        far = value is not None and here is not None and abs(value - here) > duty.get("step", math.inf) + 0.01
        day = [at_ns for at_ns, _ in spot.changes if self.now_ns - at_ns < 86400 * S]
        spent = len(day) >= duty.get("writes_per_day", math.inf)
        return soon or often or far or spent

    @staticmethod
    def duty(point: str) -> Mapping[str, float]:
        duty: Any = KINDS[point].get("duty", {})
        return {name: value for name, value in duty.items() if name != "interlock"}

    # -- what is selected and armed ----------------------------------------------------------

    @property
    def armed(self) -> dict[str, int]:
        return self.__dict__.setdefault("_armed", {})  # type: ignore[no-any-return]  # a plain dict

    def shown(self, point: str) -> float:
        value = self.device.values[point]
        return 7.0 if value is None else value

    def members(self, point: str) -> list[str]:
        group = self.spots[point].group
        if group is None:
            return [point]
        return [name for name, spot in self.spots.items() if spot.group == group and spot.chosen is not None]

    # -- what an accepted command changes -------------------------------------------------------

    def grant(self, command: Command) -> None:
        if command.kind in ACTS:
            self.grant_act(command)
            return
        spot = self.spots[command.point]
        if command.kind is CommandKind.SELECT:
            self.choose(command)
        elif command.kind is CommandKind.OPERATE:
            for name in self.members(command.point):
                self.operate(self.spots[name])
        elif command.kind in (CommandKind.RELEASE, CommandKind.CANCEL):
            self.let_go_of(command, spot)
        elif command.kind is not CommandKind.TEST:
            asked = held_of(command, self.now_ns)
            self.accepted.append(self.now_ns)
            spot.leases[asked.level, asked.bound] = asked

    def let_go_of(self, command: Command, spot: Spot) -> None:
        cancel = command.kind is CommandKind.CANCEL
        if cancel and spot.chosen is not None and spot.chosen.level is command.level:
            self.unchoose(command.point)
        for key, held in list(spot.leases.items()):
            if held.level is command.level and not (cancel and held.steps[0][0] <= self.now_ns):
                self.drop(spot, key)

    def choose(self, command: Command) -> None:
        self.unchoose(command.point)
        spot, asked = self.spots[command.point], held_of(command, self.now_ns)
        self.accepted.append(self.now_ns)
        select_s = 3.0 if command.point == ROLE else 30.0
        spot.chosen, spot.chosen_by, spot.group, spot.size = (
            asked,
            command.actor,
            command.group,
            command.group_size,
        )
        spot.chosen_until_ns = min(self.now_ns + int(select_s * S), asked.until_ns)

    def operate(self, spot: Spot) -> None:
        chosen = spot.chosen
        assert chosen is not None
        start_ns = max(self.now_ns, chosen.steps[0][0])
        spot.leases[chosen.level, None] = replace(chosen, steps=[(start_ns, chosen.steps[0][1])])
        spot.chosen, spot.group, spot.size = None, None, 0

    def unchoose(self, point: str) -> None:
        for name in self.members(point):
            self.spots[name].chosen, self.spots[name].group, self.spots[name].size = None, None, 0

    def drop(self, spot: Spot, key: tuple[Level, CommandKind | None]) -> None:
        held = spot.leases.pop(key)
        spot.ended += [value for _, value in held.steps]

    def forget_all_but(self, stored: Mapping[bytes, SavedLease], *, new_boot: bool) -> None:
        """A crash came: only what the store kept goes on, to the end that is written there.

        A command that died before its commit was never accepted, so the lease it was to take the place of is
        still the one that lives.
        """
        for point, spot in self.spots.items():
            spot.chosen, spot.group, spot.size = None, None, 0
            for key in list(spot.leases):
                if spot.leases[key].id not in stored:
                    self.drop(spot, key)
            for key, held in self.undecided.get(point, {}).items():
                if held.id in stored:
                    spot.leases.setdefault(key, held)
            for key, held in list(spot.leases.items()):
                saved = stored[held.id]
                if new_boot or saved.boot != self.boot:
                    self.drop(spot, key)
                else:
                    held.until_ns = min(held.until_ns, saved.lease.until_ns)
        self.undecided = {}

    def grant_act(self, command: Command) -> None:
        inside = [point for point in KINDS if command.point in self.scopes(point)]
        if command.kind is CommandKind.RESUME and command.confirm is None:
            self.armed[command.point] = self.now_ns
        elif command.kind is CommandKind.RESUME:
            del self.latches["stop", command.point]
        elif command.kind is CommandKind.LIFT:
            self.latches.pop(("lock_out", command.point), None)
            for point in inside:
                self.spots[point].cool_until_ns = self.now_ns
        elif command.kind is CommandKind.OPT_IN:
            del self.latches["opt_out", command.point]
        else:
            self.latch(command, inside)

    def latch(self, command: Command, inside: list[str]) -> None:
        until_ns = self.now_ns + command.lease_s * S if command.lease_s > 0 else math.inf
        self.latches[command.kind.value, command.point] = until_ns
        if command.kind is CommandKind.STOP:
            self.armed.pop(command.point, None)
        for point in inside if command.kind is CommandKind.OPT_OUT else ():
            for key in [k for k in self.spots[point].leases if k[0] in (Level.SCHEDULE, Level.OPTIMISER)]:
                self.drop(self.spots[point], key)

    def reboot(self) -> None:
        """A new boot: the clock begins anew, and what was counted in the old one counts as if it were now."""
        begin_ns = 5 * S
        for spot in self.spots.values():
            spot.cool_until_ns = 0
            spot.changes = [(begin_ns, value) for _, value in spot.changes]
            spot.starts = [begin_ns for _ in spot.starts]
        self.polled_ns = begin_ns
        self.armed.clear()
        self.latches = {
            key: math.inf if key[0] == "opt_out" else until_ns for key, until_ns in self.latches.items()
        }


def held_of(command: Command, now_ns: int) -> Held:
    """The lease a command asks for, by the text of the protocol: all times count from the echo."""
    made_ns = command.echo.reading_ms * 1_000_000
    steps = [(made_ns + int(step.start_in_s * S), step.value) for step in command.steps]
    if not steps:
        value = math.nan if command.value is None else command.value
        steps = [(max(now_ns, made_ns + int(command.start_in_s * S)), value)]
    bound = command.kind if command.kind in BOUNDS else None
    until_ns = made_ns + int(command.lease_s * S)
    return Held(command.id, command.level, steps, until_ns, bound, bool(command.steps))
