"""Parts of a plant's case file: carriers of its own, converters, CHPs with a polygon, loads that may move."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from optimizer.cases.case_curves import converter_fits
from optimizer.cases.case_numbers import Count, NotNegative, Number, Series, Total, Water, Waters
from optimizer.cases.case_parts import CaseSwitching
from plant.eir import EirCurve
from protocols.config import Config, IdPart, Text

ConverterKind = Literal[
    "converter", "heat_pump", "electric_boiler", "gas_boiler", "absorption_chiller", "free_cooling", "tower",
    "pump", "dryer", "dump_cooler", "heat_exchanger", "electrolyser", "fuel_cell",
]  # fmt: skip
_MUST: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "heat_pump": (("electric",), ()),
    "electric_boiler": (("electric",), ()),
    "gas_boiler": (("gas",), ()),
    "absorption_chiller": ((), ("cooling",)),
    "free_cooling": (("electric",), ("cooling",)),
    "electrolyser": (("electric",), ()),
    "fuel_cell": ((), ("electric",)),
}
"""Carriers a machine of that kind takes and gives at the least."""
_ONLY_TAKES = frozenset({"tower", "dump_cooler", "pump"})


class CaseCarrier(Config):
    """A carrier beside electric, air, cooling, heat and gas: heat at another temperature, hydrogen."""

    label: Text | None = None
    """What people call it, in both languages."""

    need: Series = 0.0
    """What must be supplied. [kW]"""

    short_cost: NotNegative = 10.0
    """Price of what is missing. [money/kWh]"""

    surplus_cost: NotNegative = 1.0
    """Price of what is too much; 0 where it may be thrown away. [money/kWh]"""


class CaseConverter(Config):
    """A machine whose flows follow from one level; each carrier has as many corners as the others.

    One corner is a straight line from nothing. Several begin with the least load; between them it runs on
    straight lines. Its level, by which a ramp goes, is what it gives (of several carriers the first by name).
    """

    kind: ConverterKind
    """Kind of machine; says which carriers it must take and give."""

    name: IdPart
    """Id of the machine."""

    takes: dict[IdPart, tuple[Number, ...]] = Field(default_factory=dict)
    """Per carrier what it takes at each corner. [kW, m³/min of air]"""

    gives: dict[IdPart, tuple[Number, ...]] = Field(default_factory=dict)
    """Per carrier what it gives at each corner. [kW, m³/min of air]"""

    available_frac: Series = 1.0
    """Share of it that can be used, such as of free cooling by the weather; 0 is off. [-]"""

    switching: CaseSwitching = CaseSwitching()
    """State and switching limits."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        flows = {**self.takes, **self.gives}
        if not flows or len(flows) < len(self.takes) + len(self.gives):
            raise ValueError("a converter takes and gives carriers, each of them once")
        if len({len(corners) for corners in flows.values()}) > 1 or not all(flows.values()):
            raise ValueError("all carriers of a converter need the same number of corners, one or more")
        takes, gives = _MUST.get(self.kind, ((), ()))
        missing = [f"take {c}" for c in takes if c not in self.takes]
        missing += [f"give {c}" for c in gives if c not in self.gives]
        if missing:
            raise ValueError(f"a {self.kind} must {' and '.join(missing)}")
        if not self.takes and self.kind != "converter":
            raise ValueError(f"a {self.kind} must take something; give what it is made from")
        if not self.gives and self.kind not in _ONLY_TAKES | {"converter"}:
            raise ValueError(f"a {self.kind} must give something")
        converter_fits(self.kind, self.takes, self.gives)
        return self


class CaseEirChiller(Config):
    """A chiller by its EIR curves, with the temperatures it works at."""

    kind: Literal["eir_chiller"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    eir: EirCurve
    """Capacity and power over temperatures and part load; the factors are 1 at rating."""

    chilled_c: Water = 7.0
    """Chilled-water supply, where `setpoints` gives no choice. [°C]"""

    condenser_c: Waters = 30.0
    """Condenser side, where `setpoints` gives no choice. [°C]"""

    lift_least_k: NotNegative = 0.0
    """Condenser side above chilled water that the machine keeps, however cold the tower is. [K]"""

    auxiliary_kw: NotNegative = 0.0
    """Its own pumps while it runs. [kW]"""

    switching: CaseSwitching = CaseSwitching()
    """State and switching limits."""


class CasePolygonChp(Config):
    """A CHP or turbine inside a polygon of power and heat: back-pressure a narrow one, extraction wide."""

    kind: Literal["chp_polygon"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    corners: Annotated[tuple[tuple[Number, Number], ...], Field(min_length=3)]
    """(power, heat) in order around the polygon. [kW]"""

    fuel: Annotated[tuple[tuple[Number, Number, Number], ...], Field(min_length=1)]
    """Planes constant + a·power + b·heat; the fuel is the highest of them. [kW LHV]"""

    heat_carrier: IdPart = "heat"
    """Carrier of the heat."""

    low_heat: tuple[Number, Number, Number] = (0.0, 0.0, 0.0)
    """Heat at a lower temperature beside it: constant + a·power + b·heat. [kW]"""

    low_carrier: IdPart | None = None
    """Carrier of the lower heat."""

    switching: CaseSwitching = CaseSwitching()
    """State and switching limits."""

    @model_validator(mode="after")
    def _carried(self) -> Self:
        if any(self.low_heat) and self.low_carrier is None:
            raise ValueError("low_heat needs low_carrier, or that heat is lost; name the carrier it goes to")
        return self


class CaseShiftLoad(Config):
    """Energy to be taken some time between two steps."""

    kind: Literal["shiftable_load"]
    """Kind of machine."""

    name: IdPart
    """Id of the load."""

    energy_kwh: NotNegative
    """Wanted in all. [kWh]"""

    first_step: Count = 0
    """First step it may run in. [-]"""

    until_step: Count | None = None
    """First step it may not; without it the end of the window. [-]"""

    power_kw: NotNegative
    """Highest power. [kW]"""

    least_kw: NotNegative = 0.0
    """Least power while it runs. [kW]"""


class CaseBatch(Config):
    """A run without a break, begun once between two steps."""

    kind: Literal["batch"]
    """Kind of machine."""

    name: IdPart
    """Id of the load."""

    course_kw: tuple[Number, ...]
    """Power of each step of the run. [kW]"""

    first_step: Count = 0
    """First step it may begin in. [-]"""

    until_step: Count | None = None
    """First step in which it must be over; without it the end of the window. [-]"""


class CaseShedLoad(Config):
    """A part of the electric need that may be left off for a price."""

    kind: Literal["sheddable_load"]
    """Kind of machine."""

    name: IdPart
    """Id of the load."""

    power_kw: Series
    """What may be left off. [kW]"""

    cost_per_kwh: NotNegative
    """Worth of what is left off. [money/kWh]"""

    most_kwh: Total = 1e9
    """Most in the window. [kWh]"""


class CaseCar(Config):
    """A vehicle at its charger."""

    name: IdPart
    """Id of the vehicle."""

    arrives_step: Count
    """First step it stands there. [-]"""

    leaves_step: Count
    """First step it does not. [-]"""

    energy_kwh: NotNegative
    """Wanted before it leaves. [kWh]"""

    power_kw: NotNegative
    """Highest power of its charger. [kW]"""


class CaseEvGroup(Config):
    """Chargers that share a connection."""

    kind: Literal["ev_group"]
    """Kind of machine."""

    name: IdPart
    """Id of the group."""

    power_kw: NotNegative
    """Highest power of all together. [kW]"""

    cars: tuple[CaseCar, ...]
    """The vehicles of the window."""
