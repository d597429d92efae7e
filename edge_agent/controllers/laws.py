"""From points to a law and back: each adapter keeps the law's memory and speaks in values of points.

Values come in the units the inputs of a controller ask for, NaN where a point is missing, bad or old; wishes
go out in the units and the order of its outputs, None where the point is to be left alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, assert_never

from typing_extensions import override

from plant.control import demand, follower, sequencer, staging
from plant.control import rules as rule_law
from plant.control.controllers import (
    AirUnit,
    ChillerUnit,
    Controller,
    DemandController,
    FollowerController,
    Loc,
    SequencerController,
    StagingController,
)
from plant.control.demand_types import DemandNow
from plant.control.rules import BoundRule
from plant.control.sequencer_types import AirNow, AirSeen, AirWanted
from plant.control.staging_types import ChillerSeen, ChillerWanted, StagingNow
from plant.units.compressor import ROLE_STANDBY

Values = Mapping[Loc, float]


class Said(NamedTuple):
    """What a controller says once."""

    wishes: tuple[float | None, ...]
    """In the order of its outputs; None leaves the point alone."""
    reason: str
    """Key of `words.REASONS`."""
    figure: float = math.nan
    """What it reckons with: air needed, forecast of the window, part load; NaN: nothing."""


class Law(Protocol):
    """A law with its memory."""

    def step(self, values: Values, now_s: float) -> Said:
        """Look once; `now_s` is the boot clock."""
        ...


def law_of(controller: Controller) -> Law:
    """The law of a controller, with nothing in its memory."""
    match controller:
        case SequencerController():
            return _Sequencer(controller)
        case StagingController():
            return _Staging(controller)
        case DemandController():
            return _Demand(controller)
        case FollowerController():
            return _Follower(controller)
        case _ as never:
            assert_never(never)


def rules_law(rules: Sequence[BoundRule], points: Sequence[str]) -> Law:
    """The law of all rules; `points` are its inputs, wishes stand in the order of rules and their acts."""
    return _Rules(tuple(rules), tuple(points))


class _Sequencer(Law):
    def __init__(self, controller: SequencerController) -> None:
        self._controller = controller
        self._machines = tuple(one.machine for one in controller.machines)
        self._memory = sequencer.initial_memory(self._machines)

    @override
    def step(self, values: Values, now_s: float) -> Said:
        units = self._controller.machines
        places = _places(values, len(units))
        all_seen = [_air_seen(one, values, ("machines", at)) for at, one in enumerate(units)]
        seen = tuple(
            one._replace(available=one.available and place != 0.0, place=place)
            for one, place in zip(all_seen, places, strict=True)
        )
        now = AirNow(now_s, values[("header",)], seen, _leased(values))
        said = sequencer.decide(self._controller.settings, self._machines, self._memory, now)
        self._memory = said.memory
        wishes: list[float | None] = []
        for unit, one, place, wanted in zip(units, all_seen, places, said.wanted, strict=True):
            out = one.available and place == 0.0
            wishes += _air_wishes(unit, AirWanted(ROLE_STANDBY, permit=False) if out else wanted)
        return Said(tuple(wishes), f"sequencer.{said.reason}", said.need_m3_min)


def _air_seen(unit: AirUnit, values: Values, at: Loc) -> AirSeen:
    state = values[*at, "state"]
    return AirSeen(
        available=_available(state, unit.fault_codes, values.get((*at, "local"), 0.0)),
        running=state in unit.running_codes,
        flow_m3_min=values.get((*at, "flow"), math.nan),
        run_h=values.get((*at, "run_h"), math.nan),
    )


def _air_wishes(unit: AirUnit, wanted: AirWanted) -> list[float | None]:
    named = (
        (unit.role_set, None if wanted.role is None else float(wanted.role)),
        (unit.permit_set, None if wanted.permit is None else float(wanted.permit)),
        (unit.target_set, wanted.target_bar_g),
    )
    return [value for point, value in named if point is not None]


class _Staging(Law):
    def __init__(self, controller: StagingController) -> None:
        self._controller = controller
        self._machines = tuple(one.machine for one in controller.machines)
        self._memory = staging.initial_memory(self._machines)

    @override
    def step(self, values: Values, now_s: float) -> Said:
        units = self._controller.machines
        places = _places(values, len(units))
        all_seen = [_chiller_seen(one, values, ("machines", at)) for at, one in enumerate(units)]
        seen = tuple(
            one._replace(available=one.available and place != 0.0, place=place)
            for one, place in zip(all_seen, places, strict=True)
        )
        now = StagingNow(now_s, values[("supply",)], seen, _leased(values))
        said = staging.decide(self._controller.settings, self._machines, self._memory, now)
        self._memory = said.memory
        wishes: list[float | None] = []
        for unit, one, place, wanted in zip(units, all_seen, places, said.wanted, strict=True):
            out = one.available and place == 0.0
            idle = ChillerWanted(permit=False, pumps=True if unit.machine.pumps and one.running else None)
            wishes += _chiller_wishes(unit, idle if out else wanted)
        load_kw = sum(one.cooling_kw for one in seen if one.running)
        return Said(tuple(wishes), f"staging.{said.reason}", load_kw)


def _chiller_seen(unit: ChillerUnit, values: Values, at: Loc) -> ChillerSeen:
    state = values[*at, "state"]
    return ChillerSeen(
        available=_available(state, unit.fault_codes, values.get((*at, "local"), 0.0)),
        running=state in unit.running_codes,
        cooling_kw=values.get((*at, "cooling"), math.nan),
        run_h=values.get((*at, "run_h"), math.nan),
    )


def _chiller_wishes(unit: ChillerUnit, wanted: ChillerWanted) -> list[float | None]:
    named = (
        (unit.permit_set, None if wanted.permit is None else float(wanted.permit)),
        (unit.supply_set, wanted.supply_set_c),
        (unit.pumps_set, None if wanted.pumps is None else float(wanted.pumps)),
    )
    return [value for point, value in named if point is not None]


class _Demand(Law):
    def __init__(self, controller: DemandController) -> None:
        self._controller = controller
        self._loads = tuple(one.load for one in controller.loads)
        self._memory = demand.initial_memory(self._loads)

    @override
    def step(self, values: Values, now_s: float) -> Said:
        units = self._controller.loads
        now = DemandNow(
            now_s,
            values[("power",)],
            values.get(("energy",), math.nan),
            values.get(("mark",), math.nan),
            tuple(values.get(("loads", at, "power"), math.nan) for at in range(len(units))),
            _known(values.get(("limit",), math.nan)),
        )
        said = demand.decide(self._controller.settings, self._loads, self._memory, now)
        self._memory = said.memory
        wishes = tuple(one.shed_value if shed else None for one, shed in zip(units, said.shed, strict=True))
        seen = math.isfinite(said.forecast_kw)
        reason = "no_meter" if not seen else "shed" if any(said.shed) else "free"
        return Said(wishes, f"demand.{reason}", said.forecast_kw)


class _Follower(Law):
    def __init__(self, controller: FollowerController) -> None:
        self._controller = controller
        self._memory = follower.FollowerMemory()

    @override
    def step(self, values: Values, now_s: float) -> Said:
        now = follower.FollowerNow(
            now_s, values[("grid",)], values[("power",)], values[("soc",)], _leased(values)
        )
        said = follower.decide(self._controller.settings, self._controller.battery, self._memory, now)
        self._memory = said.memory
        blind = said.reason is follower.FollowerReason.NO_DATA
        return Said((None if blind else said.battery_kw,), f"follower.{said.reason}", now.grid_kw)


class _Rules(Law):
    def __init__(self, rules: tuple[BoundRule, ...], points: tuple[str, ...]) -> None:
        self._rules = rules
        self._points = points
        self._memories = [rule_law.initial_memory(rule) for rule in rules]

    @override
    def step(self, values: Values, now_s: float) -> Said:
        seen = {point: values[(point,)] for point in self._points}
        wishes: list[float | None] = []
        acting = 0
        for number, rule in enumerate(self._rules):
            said = rule_law.decide(rule, self._memories[number], seen, now_s)
            self._memories[number] = said.memory
            acting += said.acts
            wishes += [value if said.acts else None for _, value in rule.wanted]
        return Said(tuple(wishes), "rules.act" if acting else "rules.rest", float(acting))


def _available(state: float, faults: Sequence[int], local: float) -> bool:
    """Known, without a fault, and not operated at the machine; an unknown switch counts as local."""
    return math.isfinite(state) and state not in faults and local == 0.0


def _places(values: Values, count: int) -> tuple[float, ...]:
    """Place of each machine: 0 keeps it out; all NaN where the order is that of the file.

    An order that names nobody is none: the supply comes before a plan.
    """
    own = [at + 1.0 for at in range(count)]
    told = [values.get(("machines", at, "place"), math.nan) for at in range(count)]
    places = [by_file if math.isnan(place) else place for place, by_file in zip(told, own, strict=True)]
    return (math.nan,) * count if places == own or not any(places) else tuple(places)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _leased(values: Values) -> float | None:
    return _known(values.get(("target",), math.nan))
