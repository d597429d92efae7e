"""A small plant behind the gate: a point of every kind, an input of an interlock, a local controller."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from typing_extensions import override

from edge_agent.gate import core
from edge_agent.gate.events import (
    ControllerOutput,
    Effect,
    Event,
    InputRead,
    LocalMode,
    Notice,
    PointRead,
    ReadBackRequest,
    Safety,
    Write,
)
from edge_agent.gate.rules import Issuer, PointRules, Rules
from protocols.command import Command, CommandKind, Level, Step
from protocols.receipt import Refused
from protocols.refusal import Refusal
from protocols.write_block import WriteLimits
from tests.unit.gate.gate_world import CAP, HUB, HUB_ID, Device, World

BATTERY: Final = "demo/battery1/power_set_kw"
CHILLER: Final = "demo/chiller1/supply_set_c"
ROLE: Final = "demo/comp1/role_set_code"
TOWER: Final = "demo/tower1/fan_set_pct"
PUMP: Final = "demo/pump1/flow_set_pct"
TRIM: Final = "demo/comp2/pressure_set_bar_g"
DEW: Final = "dryer1/dew_c"
CONTROLLER: Final = "sequencer"
LEVELS: Final = ("operator", "grid_limit", "schedule", "optimiser")
MAX_LEASE_S: Final = 10.0
HORIZON_S: Final = 20.0

KINDS: Final[Mapping[str, Mapping[str, object]]] = {
    BATTERY: {
        "unit": "kW", "low": -250.0, "high": 250.0, "fallback": {"kind": "value", "value": 0.0},
        "duty": {"horizon_s": HORIZON_S, "interlock": [{"input": DEW, "low": -40.0, "high": 5.0}]},
    },
    CHILLER: {"unit": "°C", "low": 6.0, "high": 12.0, "fallback": {"kind": "release"}},
    ROLE: {
        "unit": "code", "low": 0.0, "high": 2.0, "fallback": {"kind": "restore"},
        "duty": {"two_step": True, "two_persons": True, "select_s": 3.0, "dwell_s": 2.0, "starts_per_h": 3},
    },
    TOWER: {
        "unit": "%", "low": 0.0, "high": 100.0,
        "fallback": {"kind": "release_group", "group": "cold", "order": 1, "value": 30.0},
    },
    PUMP: {
        "unit": "%", "low": 0.0, "high": 100.0,
        "fallback": {"kind": "release_group", "group": "cold", "order": 0, "value": 50.0},
    },
    TRIM: {
        "unit": "bar_g", "low": 5.0, "high": 8.0, "fallback": {"kind": "value", "value": 6.0},
        "duty": {"step": 1.0, "dwell_s": 1.0, "writes_per_day": 8, "writer": CONTROLLER},
    },
}  # fmt: skip
ZONES: Final = {BATTERY: "east", ROLE: "east"}
IDLE: Final[Mapping[str, float | None]] = {
    BATTERY: 0.0, CHILLER: None, ROLE: 1.0, TOWER: 30.0, PUMP: 50.0, TRIM: 6.0,
}  # fmt: skip


def device_of(point: str) -> str:
    return point.split("/")[1]


def plant_rules(agent_epoch: int = 1, watchdog_s: float | None = None, quota_per_s: int = 6) -> Rules:
    points: dict[str, PointRules] = {}
    for point, kind in KINDS.items():
        limits = WriteLimits.model_validate(
            {"point": point.split("/")[2], "max_lease_s": MAX_LEASE_S, "settle_s": 0.0, "tolerance": 0.01,
             "levels": LEVELS, **kind}
        )  # fmt: skip
        hand = device_of(point) in ("battery1", "comp1")
        points[point] = PointRules(
            device_of(point), limits.point, limits, CAP, proven=True, tolerance=0.01, poll_s=1.0,
            watchdog_s=watchdog_s if point == BATTERY else None, switch_poll_s=1.0 if hand else None,
            zone=ZONES.get(point), safety_poll_s=1.0 if point == ROLE else None,
        )  # fmt: skip
    keys = {HUB_ID: HUB.public_key()}
    open_levels = frozenset({Level.OPERATOR, Level.GRID_LIMIT, Level.SCHEDULE, Level.OPTIMISER})
    issuers = {
        "hub": Issuer(keys, open_levels, acts=True),
        "planner": Issuer(keys, frozenset({Level.OPTIMISER})),
    }
    return Rules(
        "demo", "edge1", agent_epoch, issuers, points,
        cool_down_s=6.0, inputs={DEW: 1.0}, quota_per_s=quota_per_s, resume_s=5.0,
    )  # fmt: skip


@dataclass
class PlantDevice(Device):
    """All points; the local switch is the battery's, the safety the compressor's."""

    values: dict[str, float | None] = field(default_factory=lambda: dict(IDLE))
    safety: bool = False
    dew_c: float = 0.0
    dew_good: bool = True


class Plant(World):
    """The gate before that plant; effects are carried out at once, or, with `lag`, only when time passes."""

    device: PlantDevice
    lag: bool = False
    notices: list[Notice]

    @override
    def __post_init__(self) -> None:
        self.notices = []
        super().__post_init__()

    @override
    def feed(self, event: Event) -> tuple[Effect, ...]:
        effects = super().feed(event)
        self.notices += [effect for effect in effects if isinstance(effect, Notice)]
        return effects

    @override
    def carry_out(self) -> None:
        if not self.lag:
            super().carry_out()

    @override
    def wait(self, seconds: float, step_s: float = 0.25) -> None:
        super().wait(seconds, step_s)
        if self.lag:
            self.lag = False
            self.queue = newest(self.queue)
            self.carry_out()
            self.lag = True

    @override
    def poll(self) -> None:
        good = not self.device.cut
        self.feed(InputRead(DEW, self.device.dew_c, good and self.device.dew_good, self.now_ns))
        if good:
            self.feed(Safety("comp1", self.device.safety, self.now_ns))
            self.feed(LocalMode("battery1", self.device.local, self.now_ns))
            self.feed(LocalMode("comp1", local=False, at_ns=self.now_ns))
        for point in KINDS:
            value = self.device.values[point]
            shown = 7.0 if value is None else value
            self.feed(PointRead(point, shown, good, self.now_ns))

    def ask(self, point: str, value: float | None, **changes: object) -> Command:
        """A command on any point, with its unit."""
        return self.command(value, point=point, unit=KINDS[point]["unit"], **changes)

    def refusal(self, point: str, value: float, **changes: object) -> Refusal | None:
        """Why a command is refused; None where it is not."""
        answer = self.send(self.ask(point, value, **changes))
        return answer.code if isinstance(answer, Refused) else None

    def act(self, kind: CommandKind, scope: str, **changes: object) -> Command:
        """An act of a person on a scope."""
        base: dict[str, object] = {
            "point": scope, "kind": kind, "unit": None, "level": Level.OPERATOR, "lease_s": 0.0,
            "actor": "ann", "reason": "works",
        }  # fmt: skip
        command = self.command(None, **{**base, **changes})
        self.send(command)
        return command

    def table(self, values: list[float], every_s: float, valid_for_s: float, **changes: object) -> Command:
        """A timetable on the battery."""
        steps = tuple(Step(count * every_s, value) for count, value in enumerate(values))
        return self.ask(BATTERY, None, steps=steps, valid_for_s=valid_for_s, lease_s=valid_for_s, **changes)

    def output(self, value: float | None, controller: str = CONTROLLER) -> None:
        """What the local controller wants."""
        self.feed(ControllerOutput(controller, TRIM, value))


def newest(queue: list[Write | ReadBackRequest]) -> list[Write | ReadBackRequest]:
    """As the hands do it: a newer request for a point takes the place of one that still waits."""
    kept: dict[tuple[str, type], Write | ReadBackRequest] = {}
    for request in queue:
        kept.pop((request.point, type(request)), None)
        kept[request.point, type(request)] = request
    return list(kept.values())


def wanted(world: World, write: Write) -> bool:
    return core.wanted(world.rules, world.state, write, world.now)


def folder() -> tempfile.TemporaryDirectory[str]:
    """In memory where there is such a place: thousands of restarts need no real disk."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
