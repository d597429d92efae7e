"""Which set-points a plan may choose now: those every machine concerned can be told. Pure.

A level is offered only when whoever would follow it can: bound in the flowsheet, with commissioned limits
that hold the level, taking orders. What a person holds is planned as held. A machine that waits for a
person keeps what it has in the first step, and what was approved for it as long as that holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hub.dispatch.able import no_role, shut
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, MachineSeen
from hub.dispatch.solving import Accepted
from optimizer.choices import CHILLED_WATER, CONDENSER_WATER, NETWORK_PRESSURE, Choices, swing_bar
from optimizer.stations import MOST_MACHINES
from optimizer.words import said
from plant.state import Plant
from protocols.config import Text

_ROLES: Final = {
    CHILLED_WATER: "supply_set_c",
    CONDENSER_WATER: "condenser_set_c",
    NETWORK_PRESSURE: "pressure_set_bar_g",
}
_WORDS: Final = {
    CHILLED_WATER: Text(en="chilled-water temperature", zh="冷冻水温度"),
    CONDENSER_WATER: Text(en="condenser-water temperature", zh="冷却水温度"),
    NETWORK_PRESSURE: Text(en="network pressure", zh="管网压力"),
}
_AWAY: Final = {
    Availability.LOCAL: Text(en="in local mode", zh="处于就地模式"),
    Availability.DOWN: Text(en="out of reach", zh="无法连接"),
    Availability.TRIPPED: Text(en="tripped", zh="故障停机"),
    Availability.HELD: Text(en="held from outside", zh="被外部锁定"),
}
_NO_COMPRESSOR: Final = Text(en="no compressor can be told one now", zh="目前没有空压机可下达")
_NO_LEVEL: Final = Text(en="no level lies within the write limits", zh="没有档位在写入限值之内")
_DAMP: Final = (
    "no level within the write limits is at most {most_c} °C for damp days",
    "写入限值之内没有不高于 {most_c} °C 的档位供潮湿天使用",
)
_KEEPS_ITS_OWN: Final = ("{name} is {state} and keeps its own", "{name} {state}，保持自身设定")
_SAME: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Told:
    """What is told now.

    Attributes:
        machines: Machines as they are seen.
        held: Point "device/point" that somebody above the plan holds, to its value.
        shown: Point "device/point" to what it shows.
        approved: Machine in the mode `approve` to the plan that a person lets it follow.
        start_ns: Begin of the window.
    """

    machines: Mapping[str, MachineSeen]
    held: Mapping[str, float | None]
    shown: Mapping[str, float]
    approved: Mapping[str, Accepted]
    start_ns: int


def choices_of(site: DispatchSite, told: Told) -> tuple[Choices, tuple[Text, ...]]:
    """What may be chosen, and why what the site would choose cannot be."""
    planning, plant, notes = site.planning, site.plant, list[Text]()
    reach = _Reach(site, told, notes)
    chilled, condenser, pressure = planning.chilled_water, planning.condenser_water, planning.pressure
    held: dict[str, tuple[float, ...]] = {}
    supply: tuple[float, ...] = ()
    condenser_c: tuple[float, ...] = ()
    pressures: tuple[float, ...] = ()
    if chilled is not None:
        supply = reach.common(CHILLED_WATER, plant.chiller_ids, chilled.supply_c, held)
    if condenser is not None:
        condenser_c = reach.common(CONDENSER_WATER, _towers(plant), condenser.supply_c, held)
    set_by: tuple[str, ...] = ()
    if pressure is not None:
        set_by, pressures = reach.pressures(plant, pressure.bar_g, pressure.least_bar_g)
    swing = max((swing_bar(plant, name) for name in set_by), default=0.0)
    humid = None if chilled is None else chilled.humid
    choices = Choices(
        supply_c=supply,
        condenser_c=condenser_c,
        pressure_bar_g=pressures,
        set_by=set_by,
        least_bar_g=0.0 if pressure is None else pressure.least_bar_g + swing,
        move_cost=0.0 if pressure is None else pressure.move_cost,
        humid=None if humid is None else (humid.wet_bulb_above_c, humid.supply_most_c),
        held=held,
    )
    return choices, tuple(notes)


def _towers(plant: Plant) -> tuple[str, ...]:
    return tuple(name for name, unit in plant.flowsheet.units.items() if unit is plant.tower)


class _Reach:
    """Which levels machines take; says in `notes` what stands against it."""

    def __init__(self, site: DispatchSite, told: Told, notes: list[Text]) -> None:
        self._site = site
        self._told = told
        self._notes = notes

    def _not_chosen(self, name: str, why: Text) -> None:
        sentence = ("the {what} is not chosen: {why}", "不优选{what}：{why}")
        self._notes.append(said(*sentence, what=_WORDS[name], why=why))

    def common(
        self,
        name: str,
        machines: tuple[str, ...],
        levels: tuple[float, ...],
        held: dict[str, tuple[float, ...]],
    ) -> tuple[float, ...]:
        """Levels that all machines take that may run; held ones are put into `held`."""
        for machine in machines:
            seen = self._told.machines.get(machine)
            if seen is None or self._stands(seen):
                continue
            by_person = self._held_at(name, machine)
            if by_person is not None:
                return (by_person,)
            why = self._refused(name, machine, seen)
            if why is not None:
                self._not_chosen(name, why)
                return ()
            levels = self._within(name, machine, levels)
            course = self._waits(name, machine)
            if len(course) > len(held.get(name, ())):
                held[name] = course
        return self._of_some(name, levels)

    def pressures(
        self, plant: Plant, levels: tuple[float, ...], least_bar_g: float
    ) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Compressors that hold a chosen pressure when they trim, and the levels all of them take."""
        if len(plant.compressor_ids) > MOST_MACHINES:
            many = said("more than {most} compressors", "空压机多于 {most} 台", most=MOST_MACHINES)
            self._not_chosen(NETWORK_PRESSURE, many)
            return (), ()
        able: list[str] = []
        for machine in plant.compressor_ids:
            seen = self._told.machines.get(machine)
            fits = self._within(NETWORK_PRESSURE, machine, levels)
            fits = tuple(one for one in fits if one - swing_bar(plant, machine) >= least_bar_g - _SAME)
            waits = self._site.modes.stays(machine)
            if seen is None or waits or self._held_at(NETWORK_PRESSURE, machine) is not None or not fits:
                continue
            if self._refused(NETWORK_PRESSURE, machine, seen) is None:
                able.append(machine)
                levels = fits
        if not able:
            self._not_chosen(NETWORK_PRESSURE, _NO_COMPRESSOR)
            return (), ()
        return tuple(able), self._of_some(NETWORK_PRESSURE, levels)

    def _of_some(self, name: str, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not levels:
            self._not_chosen(name, _NO_LEVEL)
        chilled = self._site.planning.chilled_water
        humid = chilled.humid if chilled is not None and name == CHILLED_WATER else None
        if humid is not None and levels and levels[0] > humid.supply_most_c + _SAME:
            self._not_chosen(name, said(*_DAMP, most_c=f"{humid.supply_most_c:g}"))
            return ()
        return levels

    @staticmethod
    def _stands(seen: MachineSeen) -> bool:
        """Whether it gives nothing as long as it is not free: what it would be told does not matter."""
        runs = seen.on if seen.wanted_on is None else seen.wanted_on
        tripped = seen.availability is Availability.TRIPPED
        return seen.availability is not Availability.FREE and (tripped or not runs)

    def _point(self, name: str, machine: str) -> str | None:
        return self._site.plant.flowsheet.binding(machine, _ROLES[name])

    def _held_at(self, name: str, machine: str) -> float | None:
        return self._told.held.get(self._point(name, machine) or "")

    def _refused(self, name: str, machine: str, seen: MachineSeen) -> Text | None:
        """Why a machine cannot be told this set-point; None where it can."""
        point = self._point(name, machine)
        if point is None:
            return no_role(self._site, machine, _ROLES[name])
        why = shut(self._site, point)
        if why is None and seen.availability is not Availability.FREE:
            label = self._site.speech.name(machine)
            why = said(*_KEEPS_ITS_OWN, name=label, state=_AWAY[seen.availability])
        elif why is None and point in self._told.held:
            why = said("{point} is held by somebody else", "{point} 已被他人占用", point=point)
        return why

    def _within(self, name: str, machine: str, levels: tuple[float, ...]) -> tuple[float, ...]:
        limits = self._site.limits.get(self._point(name, machine) or "")
        if limits is None:
            return ()
        return tuple(level for level in levels if limits.low <= level <= limits.high)

    def _waits(self, name: str, machine: str) -> tuple[float, ...]:
        """What a machine that waits for a person keeps, step by step; nothing for one that does not."""
        if not self._site.modes.stays(machine):
            return ()
        approves = self._site.modes.of(machine) == "approve"
        accepted = self._told.approved.get(machine) if approves else None
        course = tuple(_approved(accepted, name, self._told.start_ns)) if accepted is not None else ()
        return course or (self._now_at(name, machine),)

    def _now_at(self, name: str, machine: str) -> float:
        """Its set-point as it shows it; its own where that is not known or means that it decides itself."""
        point, plant = self._point(name, machine) or "", self._site.plant
        shown, limits = self._told.shown.get(point), self._site.limits.get(point)
        if shown is not None and limits is not None and limits.low <= shown <= limits.high:
            return shown
        chillers = dict(zip(plant.chiller_ids, plant.chillers, strict=True))
        if machine in chillers:
            return chillers[machine].supply.default_c
        return plant.tower.default_c if plant.tower else 0.0


def _approved(accepted: Accepted, name: str, start_ns: int) -> Iterator[float]:
    """Set-points of an approved plan from a begin on, to the end of its exact steps."""
    plan = accepted.plan
    chosen, at = plan.setpoints.get(name), plan.step_at(start_ns)
    if chosen is not None and at is not None:
        yield from (float(value) for value in chosen[at : plan.binary_steps])
