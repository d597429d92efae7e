"""`sites/<site>/planning.yaml`: what the planner of a site may choose, and what it keeps in hand.

Nothing of it has to be there. What a machine may be told is not said here but by its write limits; a level
beyond them is left out, and the plan says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from optimizer.choices import swing_bar
from optimizer.planned import planned_header_bar_g
from plant.state import Plant
from plant.units.air import Receiver
from plant.units.heat import Boiler, Chp
from protocols.config import Config
from protocols.units import BarGauge, Celsius

PLANNING_FILE: Final = "planning.yaml"
_MOST_LEVELS: Final = 6
_SAME: Final = 1e-6

Temperatures = Annotated[tuple[Celsius, ...], Field(min_length=2, max_length=_MOST_LEVELS)]
Pressures = Annotated[tuple[BarGauge, ...], Field(min_length=2, max_length=_MOST_LEVELS)]


def _rising(levels: tuple[float, ...]) -> None:
    if any(second <= first for first, second in pairwise(levels)):
        raise ValueError(f"levels must rise, got {', '.join(f'{one:g}' for one in levels)}")


class Humid(Config):
    """When the air has to be dried by cold water."""

    wet_bulb_above_c: Celsius
    """Outdoor wet bulb from which it holds."""

    supply_most_c: Celsius
    """Warmest chilled water then."""


class ChilledWater(Config):
    """Chilled-water set-points to choose from, one for all chillers in a step."""

    supply_c: Temperatures
    """Levels, rising."""

    humid: Humid | None = None
    """Limit in damp weather."""

    @model_validator(mode="after")
    def _levels(self) -> Self:
        _rising(self.supply_c)
        if self.humid is not None and self.humid.supply_most_c < self.supply_c[0]:
            raise ValueError("humid.supply_most_c lies below every level; add a colder one")
        return self


class CondenserWater(Config):
    """Condenser-water set-points of the cooling_tower to choose from."""

    supply_c: Temperatures
    """Levels, rising."""

    @model_validator(mode="after")
    def _levels(self) -> Self:
        _rising(self.supply_c)
        return self


class NetworkPressure(Config):
    """Header pressures to choose from; a level is the mean that the trimming compressor holds."""

    bar_g: Pressures
    """Levels, rising."""

    least_bar_g: BarGauge
    """Lowest header pressure the users may see, half the band of the trim role included."""

    move_cost: Annotated[float, Field(ge=0)] = 0.1
    """Price of another level from one step to the next. [money]"""

    @model_validator(mode="after")
    def _levels(self) -> Self:
        _rising(self.bar_g)
        return self


class Reserve(Config):
    """Capacity kept ready above what is foreseen."""

    air: Literal["usual", "q90"] = "usual"
    """usual: a fixed share of the need; q90: also for the need that is exceeded one time in ten."""

    cooling: Literal["usual", "q90"] = "usual"
    """The same for cooling."""

    without_largest: tuple[Literal["air", "cooling"], ...] = ()
    """Carriers whose need is met by the running machines even when the largest of them trips (N-1)."""

    @property
    def by_quantile(self) -> tuple[Literal["air", "cooling"], ...]:
        """Carriers with capacity for the need that is exceeded one time in ten."""
        found: list[Literal["air", "cooling"]] = []
        found += ["air"] if self.air == "q90" else []
        found += ["cooling"] if self.cooling == "q90" else []
        return tuple(found)


class GasSupply(Config):
    """What the gas contract says beside its price, by lower heating value; fuel is read at the machines."""

    hourly_kwh: Annotated[float, Field(gt=0)] | None = None
    """Most in a clock hour; none: no limit. [kWh]"""

    take_kwh: Annotated[float, Field(ge=0)] = 0.0
    """Paid for in the period, taken or not. [kWh]"""

    take_per: Literal["month", "year"] = "month"
    """The period, by the calendar."""


class ReactiveSupply(Config):
    """Reactive power at the grid; what it costs stands in the contract, else here."""

    point: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}/[a-z][a-z0-9_]{0,31}$")]
    """Reactive power at the grid as "device/point", inductive positive. [kvar]"""

    inverter_kva: Annotated[float, Field(ge=0)] = 0.0
    """Apparent power of the PV inverters that may give reactive power. [kVA]"""

    factor_least: Annotated[float, Field(gt=0, le=1)] | None = None
    """Power factor of the month below which reactive energy is charged; none: as the contract says. [-]"""

    per_kvarh: Annotated[float, Field(ge=0)] = 0.0
    """Charge on each beyond it, where the contract says none. [money/kvarh]"""


class PlanningFile(Config):
    """What the planner of a site may choose, and what it keeps in hand."""

    chilled_water: ChilledWater | None = None
    """Chilled-water temperature; none: as warm as loop and machines allow."""

    condenser_water: CondenserWater | None = None
    """Condenser-water temperature; none: the towers hold their own."""

    pressure: NetworkPressure | None = None
    """Network pressure; none: that of the roles."""

    reserve: Reserve = Reserve()
    """What is kept ready."""

    gas: GasSupply | None = None
    """Gas contract; none: gas is bought as it is taken."""

    reactive: ReactiveSupply | None = None
    """Reactive power; none: nobody looks at it."""


def planning_faults(planning: PlanningFile, plant: Plant) -> Iterator[tuple[str, str]]:
    """What of it cannot be at a plant: the field, and why."""
    chilled, condenser = planning.chilled_water, planning.condenser_water
    if chilled is not None:
        for name, unit in zip(plant.chiller_ids, plant.chillers, strict=True):
            yield from _outside(
                ("chilled_water.supply_c", name), chilled.supply_c, (unit.supply.low_c, unit.supply.high_c)
            )
        if not plant.chillers:
            yield "chilled_water", "the flowsheet has no chiller; leave it out"
    if condenser is not None:
        tower = plant.tower
        if tower is None:
            yield "condenser_water", "the flowsheet has no cooling_tower; add one or leave it out"
        else:
            ends = (tower.low_c, tower.high_c)
            yield from _outside(("condenser_water.supply_c", "cooling_tower"), condenser.supply_c, ends)
    if planning.pressure is not None:
        yield from _of_pressure(planning.pressure, plant)
    yield from _of_contracts(planning, plant)


def _of_contracts(planning: PlanningFile, plant: Plant) -> Iterator[tuple[str, str]]:
    """Gas that nobody reads, and inverters that could not carry the sun they are there for."""
    sheet = plant.flowsheet
    burners = [name for kind in (Boiler, Chp) for name, _ in sheet.of_kind(kind)]
    if planning.gas is not None and not any(sheet.binding(name, "fuel_kw") for name in burners):
        named = ", ".join(burners) or "no boiler or chp"
        yield "gas", f"found {named} without fuel_kw in the flowsheet; bind fuel_kw of one or leave it out"
    reactive, pv = planning.reactive, plant.pv
    if reactive is not None and pv is not None and 0.0 < reactive.inverter_kva < pv.inverter_kw:
        least = f"the {pv.inverter_kw:g} kW of the PV inverters, less would curtail the sun"
        yield (
            "reactive.inverter_kva",
            f"found {reactive.inverter_kva:g} kVA, allowed are 0 or at least {least}",
        )


def _outside(
    of: tuple[str, str], levels: tuple[float, ...], ends: tuple[float, float]
) -> Iterator[tuple[str, str]]:
    (field, unit), (low, high) = of, ends
    for level in levels:
        if not low <= level <= high:
            yield field, f"found {level:g} °C, {unit} takes {low:g} … {high:g} °C"


def _of_pressure(pressure: NetworkPressure, plant: Plant) -> Iterator[tuple[str, str]]:
    """The bands of the other roles stay: a level must not call who stands by, nor release who runs full."""
    receiver = plant.receiver
    if receiver is None or not plant.compressors:
        yield "pressure", "the flowsheet has no compressors with a receiver; leave it out"
        return
    if pressure.least_bar_g < receiver.min_bar_g:
        yield (
            "pressure.least_bar_g",
            f"found {pressure.least_bar_g:g}, the network needs {receiver.min_bar_g:g} bar g",
        )
    yield from _above_the_least(pressure, plant)
    low, high = _in_their_order(plant, receiver)
    if low > high + _SAME:
        yield (
            "pressure",
            "the bands of the roles leave no room for another pressure; set them apart or leave it out",
        )
        return
    why = "below, machines on standby come before the one that trims, above, those that run full are released"
    for level in pressure.bar_g:
        if not low - _SAME <= level <= high + _SAME:
            yield "pressure.bar_g", f"found {level:g} bar g; allowed are {low:g} … {high:g}: {why}"


def _in_their_order(plant: Plant, receiver: Receiver) -> tuple[float, float]:
    """Levels at which the roles' bands keep their order when that of the trim role is moved. [bar g].

    A trim machine that is called below those on standby never comes back once they hold the header, and one
    that is released above the base machines takes their part over. Between two bands lies at least what lies
    between two machines of a role.
    """
    roles, apart_bar = receiver.roles, receiver.roles.stagger_bar
    half_bar = (roles.trim.unload_bar_g - roles.trim.load_bar_g) / 2.0
    lowest_base_bar = (len(plant.compressors) - 1) * apart_bar
    low = roles.standby.load_bar_g + apart_bar + half_bar
    high = min(roles.base.unload_bar_g - half_bar, roles.base.load_bar_g + half_bar) - lowest_base_bar
    return low, high


def _above_the_least(pressure: NetworkPressure, plant: Plant) -> Iterator[tuple[str, str]]:
    """The pressure of the roles is always among those to choose from, so it has to be enough too."""
    told = [name for name in plant.compressor_ids if plant.flowsheet.binding(name, "pressure_set_bar_g")]
    swing = max((swing_bar(plant, name) for name in told), default=0.0)
    most_bar_g = planned_header_bar_g(plant) - swing
    if pressure.least_bar_g > most_bar_g + _SAME:
        why = "under its role the header falls so far; raise the trim role first"
        yield (
            "pressure.least_bar_g",
            f"found {pressure.least_bar_g:g} bar g; allowed are at most {most_bar_g:g}: {why}",
        )
