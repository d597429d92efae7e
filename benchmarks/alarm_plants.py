"""Simulated plants with a day of scripted faults, watched by the alarms of the demo site, in virtual time.

The physics is that of the simulator (`plant.step`), the way of a value that of the hub: samples with times
and qualities, heartbeats, a backlog that is filled in late. Faults come from a seed; each names the alarm it
has to raise, and until when.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from hub.alarms.engine import Engine
from hub.alarms.facts import Moment, Sample
from hub.alarms.figures import Raise
from hub.alarms.links import Links
from hub.alarms.rules import SiteAlarms, load_alarms
from hub.registry.site import Registry, load_registry
from hub.store.port import LastValue
from hub.values.live import LiveVirtual
from hub.values.load import known_points, load_values
from hub.values.site import SiteValues
from plant.control.baseline import decide, initial_memory
from plant.control.setpoints import ChillerSetpoint, CompressorSetpoint, Setpoints
from plant.flowsheet import Flowsheet
from plant.readings import readings
from plant.scenario import make_scenario
from plant.state import PlantInputs, compile_plant, initial_state
from plant.step import step
from plant.truth import sensor_bias, true_flowsheet
from protocols.heartbeat import Heartbeat
from protocols.quality import Quality
from protocols.trouble import Trouble, TroubleCode
from runtime.clock import VirtualClock
from runtime.yaml_config import load_config
from simulator.sensors import Sensors

CONFIGS: Final = Path(__file__).parents[1] / "configs"
SITE: Final = "demo"
EDGE: Final = "edge1"
STEP_S: Final = 5
LOOK_S: Final = 10
DAY_S: Final = 86_400
_SEASONS: Final = ("winter", "summer", "transition")
START_S: Final = 1_790_000_000
_RUN_IN_S: Final = 1800
_NS: Final = 1_000_000_000
_LATE_S: Final = 60


class Fault(NamedTuple):
    """One scripted fault.

    Attributes:
        kind: What goes wrong, a key of `KINDS`.
        start_s: When, in the day. [s]
        length_s: For how long. [s]
        alarm: Alarm it must raise; empty: it must raise none.
        within_s: Its alarm comes so soon. [s]
    """

    kind: str
    start_s: int
    length_s: int
    alarm: str
    within_s: int


KINDS: Final[Mapping[str, tuple[str, int, int]]] = {
    "gateway": (f"edge:{EDGE}", 1200, 60),
    "device": ("device:comp3", 900, 60),
    "bad_sensor": ("main_meter_blind", 1200, 400),
    "low_pressure": ("air_pressure_low", 600, 120),
    "restless_pressure": ("air_pressure_low", 1200, 300),
    "warm_water": ("cooling_supply_warm", 1800, 900),
    "refused_role": ("comp1_not_as_asked", 600, 240),
    "disk_full": (f"box:{EDGE}:disk_full", 900, 60),
    "second_agent": (f"box:{EDGE}:second_agent", 600, 60),
    "spikes": ("", 600, 0),
    "late_data": ("", 300, 0),
}
"""Kinds of faults: the alarm each must raise, how long it lasts, and how soon its alarm must come [s]."""


def script(seed: int) -> list[Fault]:
    """The faults of a plant's day: two or three of different kinds, an hour apart at least."""
    random = Random(seed)  # noqa: S311  a story, no secret
    kinds = random.sample(sorted(KINDS), random.choice((2, 2, 3)))
    starts: list[int] = []
    while len(starts) < len(kinds):
        start_s = random.randrange(_RUN_IN_S + 600, DAY_S - 3600)
        if all(abs(start_s - other) > 3600 for other in starts):  # noqa: PLR2004  an hour
            starts.append(start_s)
    return [
        Fault(kind, at, KINDS[kind][1], KINDS[kind][0], KINDS[kind][2])
        for kind, at in zip(kinds, starts, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Day:
    """What came of a plant's day: alarms that were raised and told, and the faults of the script."""

    raises: list[Raise]
    faults: list[Fault]

    @property
    def missed(self) -> list[Fault]:
        """Faults without their alarm in time."""
        return [fault for fault in self.faults if fault.alarm and not any(self._answers(fault))]

    @property
    def unexplained(self) -> list[Raise]:
        """Alarms that no fault explains."""
        return [
            one
            for one in self.raises
            if not any(
                fault.start_s <= _second(one) <= fault.start_s + fault.length_s + 600 and fault.alarm
                for fault in self.faults
            )
        ]

    def _answers(self, fault: Fault) -> Iterator[bool]:
        for one in self.raises:
            yield one.alarm == fault.alarm and 0 <= _second(one) - fault.start_s <= fault.within_s


def play(seed: int) -> Day:
    """One plant's day."""
    registry = load_registry(CONFIGS, SITE)
    values = load_values(CONFIGS, SITE, known_points(registry))
    watch = _Watch(registry, values, load_alarms(CONFIGS, registry, values))
    faults = script(seed)
    story = _Story(faults, seed)
    raises: list[Raise] = []
    for second, true in _plant(seed):
        watch.clock.advance(LOOK_S)
        samples = story.samples(second, true)
        beat = story.beat(second, watch.clock)
        raises += watch.turn(samples, beat)
    return Day(raises, faults)


def _second(one: Raise) -> int:
    return one.time_ns // _NS - START_S


def _plant(seed: int) -> Iterator[tuple[int, dict[str, float]]]:
    """What the sensors of a plant say, each few seconds of a day."""
    flowsheet = load_config(CONFIGS / "sites" / SITE / "flowsheet.yaml", Flowsheet)
    plant = compile_plant(true_flowsheet(flowsheet, seed))
    state, memory = initial_state(plant), initial_memory(plant)
    scenario = make_scenario(_SEASONS[seed % len(_SEASONS)], seed, days=1)
    registry = load_registry(CONFIGS, SITE)
    specs = {point.local: spec for point, spec in registry.points.items()}
    sensors = Sensors(sensor_bias(flowsheet, seed), seed)
    looked_at = {ref: of for ref, of in plant.flowsheet.points().items() if ref in _LOOKED_AT}
    setpoints = Setpoints(
        tuple(CompressorSetpoint(None, None, None) for _ in plant.compressor_ids),
        tuple(ChillerSetpoint(None, None) for _ in plant.chiller_ids),
        battery_kw=None, chp_permit=None, chp_kw=None, pv_limit_frac=None,
    )  # fmt: skip
    for second in range(-_RUN_IN_S, DAY_S, STEP_S):
        weather, loads = scenario.at(float(second % DAY_S))
        orders, memory = decide(plant, memory, state, (loads, setpoints), float(STEP_S))
        state, outputs = step(plant, state, PlantInputs(weather, loads, orders), float(STEP_S))
        if second >= 0 and second % LOOK_S == 0:
            true = readings(plant, state, outputs, (weather, setpoints))
            told = {
                ref: sensors.read(ref, specs[ref], true[unit][role])
                for ref, (unit, role) in looked_at.items()
                if role in true[unit]
            }
            yield (
                second,
                told | {"comp1/role_set_code": told["comp1/role_code"], "comp1/local_mode_code": 0.0},
            )


_LOOKED_AT: Final = frozenset(
    {
        "comp4/header_bar_g", "comp1/role_code", "chiller1/supply_c", "chiller1/state_code",
        "meter_main/power_kw", "meter_main/import_kwh", "meter_air/power_kw", "comp1/flow_m3_min",
        "comp2/flow_m3_min", "comp3/flow_m3_min", "comp4/flow_m3_min",
    }
)  # fmt: skip


class _Story:
    """What faults make of what a plant says."""

    def __init__(self, faults: list[Fault], seed: int) -> None:
        self._faults = faults
        self._random = Random(seed)  # noqa: S311  as above
        self._held: list[Sample] = []

    def samples(self, second: int, true: dict[str, float]) -> list[Sample]:
        """What reaches the hub now: live first, and behind it what was held back."""
        now_ns = (START_S + second) * _NS
        running = {fault.kind: second - fault.start_s for fault in self._faults if _runs(fault, second)}
        told = {name: (value, int(Quality.GOOD)) for name, value in true.items()}
        for kind, since_s in running.items():
            self._bend(kind, since_s, told)
        found = [Sample(name, value, quality, now_ns) for name, (value, quality) in told.items()]
        if "gateway" in running:
            self._held += found
            return []
        if "late_data" in running:  # an old day of low pressure is filled in beside the live data
            age_ns = (_LATE_S + 3600) * _NS
            return [*found, Sample("comp4/header_bar_g", 3.0, 0, now_ns - age_ns)]
        backlog, self._held = self._held[:500], self._held[500:]
        return [*found, *backlog]

    def beat(self, second: int, clock: VirtualClock) -> list[bytes]:
        """Heartbeats of the edge, or of a copy of it."""
        running = {fault.kind for fault in self._faults if _runs(fault, second)}
        if "gateway" in running:
            return []
        now = clock.now()
        links = {"comp3": "down" if "device" in running else "up"}
        troubles = [Trouble(TroubleCode.DISK_FULL, "0 B left")] if "disk_full" in running else []
        own = Heartbeat(
            EDGE, SITE, 1, "b", now.mono_ns // 10**6, now.wall_ns // 10**6, 0, links=links, troubles=troubles
        )
        copy = Heartbeat(EDGE, SITE, 1, "c", 1, now.wall_ns // 10**6, 0, read_only=True)
        return [own.encode(), copy.encode()] if "second_agent" in running else [own.encode()]

    def _bend(self, kind: str, since_s: int, told: dict[str, tuple[float, int]]) -> None:
        if kind == "device":
            told.update(
                {name: (math.nan, int(Quality.BAD_UNREACHABLE)) for name in told if name.startswith("comp3/")}
            )
        elif kind == "bad_sensor":
            told["meter_main/power_kw"] = (math.nan, int(Quality.BAD_ANSWER))
        elif kind == "low_pressure":
            told["comp4/header_bar_g"] = (max(5.5, 6.4 - since_s / 40.0), 0)
        elif kind == "restless_pressure":
            told["comp4/header_bar_g"] = (6.0 + (0.2 if since_s // 30 % 2 else -0.2), 0)
        elif kind == "warm_water":
            told["chiller1/supply_c"] = (min(15.0, 7.0 + since_s / 60.0), 0)
            told["chiller1/state_code"] = (1.0, 0)
        elif kind == "refused_role":
            told["comp1/role_set_code"] = ((told["comp1/role_code"][0] + 1) % 3, 0)
        elif kind == "spikes" and self._random.random() < 0.2:  # noqa: PLR2004  one of five
            told["comp4/header_bar_g"] = (self._random.choice((0.0, 5.0)), 0)


def _runs(fault: Fault, second: int) -> bool:
    return fault.start_s <= second < fault.start_s + fault.length_s


class _Watch:
    """The watch of the hub without its database: links, virtual points, engine."""

    def __init__(self, registry: Registry, values: SiteValues, alarms: SiteAlarms) -> None:
        self.clock = VirtualClock(wall_ns=(START_S - LOOK_S) * _NS)
        self._links = Links(registry, self.clock)
        self._links.bus_is("up")
        self._links.roles = _Sound()  # type: ignore[assignment]  # the roles of the hub are all well
        self._virtual = LiveVirtual(values)
        self._engine = Engine(alarms.definitions, self._now())
        self._engine.facts.watch(alarms.stale_s, alarms.keep_s)

    def turn(self, samples: list[Sample], beats: list[bytes]) -> list[Raise]:
        """One look."""
        now = self._now()
        for body in beats:
            self._links.hear(body)
        rows = [(f"{SITE}/{one.point}", LastValue(one.value, one.quality, one.time_ns)) for one in samples]
        virtual = self._virtual.hear(rows)
        self._engine.hear(samples, now)
        self._engine.hear(
            [Sample(name.partition("/")[2], one.value, one.quality, one.time_ns) for name, one in virtual],
            now,
        )
        for cause in self._links.causes():
            self._engine.mark(cause.name, cause.why, now, known=cause.known)
        self._engine.step(now)
        happened = self._engine.drain().happened
        return [
            Raise(line.time_ns, line.alarm, line.priority)
            for line in happened
            if line.kind == "raised" and not line.quiet
        ]

    def _now(self) -> Moment:
        return Moment(self.clock.mono_s(), self.clock.now().wall_ns)


class _Sound:
    """A hub whose roles are all well."""

    def ill(self) -> list[object]:
        """Nothing is."""
        return []
