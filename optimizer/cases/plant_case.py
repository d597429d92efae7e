"""A case file of a plant, as `ems optimize dispatch` reads it: needs, prices, limits, machines of a window.

Its parts stand in `case_parts`, `case_site`, `plant_network`, `plant_contracts`. A series is a list with one
value per step, or one number for all of them. Money is in the case's currency.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from optimizer.cases.case_curves import chiller_fits, chp_fits, compressor_fits
from optimizer.cases.case_parts import CaseSwitching
from optimizer.cases.case_site import CaseLimits, CaseNeeds, CasePrices
from optimizer.cases.plant_contracts import CaseContracts, CaseSetpoints
from optimizer.cases.plant_network import (
    CaseBatch,
    CaseCarrier,
    CaseConverter,
    CaseEirChiller,
    CaseEvGroup,
    CasePolygonChp,
    CaseShedLoad,
    CaseShiftLoad,
)
from protocols.config import Config, IdPart


class CaseCompressor(Config):
    """A compressor by corners of its curve; in a station all run fully loaded but one, unless it floats."""

    kind: Literal["compressor"] = "compressor"
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    flow_m3_min: tuple[float, ...]
    """Corners of the curve, rising; the last is full load. [m³/min]"""

    power_kw: tuple[float, ...]
    """Electric power at these corners, unloaded running included. [kW]"""

    floats: bool = False
    """Whether it follows its curve beside others that do."""

    blow_off_below_m3_min: Annotated[float, Field(ge=0)] = 0.0
    """Inlet vanes close no further than this flow; what is needed less is blown off at its power. [m³/min]"""

    heat_recovery_frac: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of its power that can be had as heat. [-]"""

    heat_carrier: IdPart = "heat"
    """Carrier of that heat."""

    switching: CaseSwitching = CaseSwitching()
    """State and switching limits."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        compressor_fits(self.flow_m3_min, self.power_kw)
        return self


class CaseChiller(Config):
    """A chiller by corners of its curve, with its pumps and fans."""

    kind: Literal["chiller"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    load_kw: tuple[float, ...]
    """Corners of the curve, rising; the first is the least load, the last the capacity. [kW]"""

    power_kw: tuple[float, ...]
    """Electric power at these corners. [kW]"""

    switching: CaseSwitching = CaseSwitching()
    """State and switching limits."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        chiller_fits(self.load_kw, self.power_kw)
        return self


class CaseBattery(Config):
    """A battery."""

    kind: Literal["battery"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    content_kwh: float
    """Stored energy when the window begins. [kWh]"""

    least_kwh: float = 0.0
    """Least content. [kWh]"""

    most_kwh: float
    """Most content. [kWh]"""

    charge_kw: float
    """Highest charging power. [kW]"""

    discharge_kw: float
    """Highest discharging power. [kW]"""

    efficiency_frac: float = 0.95
    """Of charging and of discharging, each. [-]"""

    wear_per_kwh: float = 0.0
    """Ageing per discharged energy. [money/kWh]"""

    end_least_kwh: float | None = None
    """Content wanted at the end; what is missing is named and priced. [kWh]"""

    end_value_per_kwh: float | None = None
    """Worth of what is left at the end; without it the mean price of import. [money/kWh]"""


class CaseStore(Config):
    """A store of air, chilled or hot water."""

    kind: Literal["store"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    carrier: IdPart
    """What it stores: air, cooling, heat, or a carrier of the case."""

    content: float
    """When the window begins. [m³ or kWh]"""

    least: float = 0.0
    """Least content. [m³ or kWh]"""

    most: float
    """Most content. [m³ or kWh]"""

    charge: float = 1e6
    """Fastest charging. [m³/min or kW]"""

    discharge: float = 1e6
    """Fastest discharging. [m³/min or kW]"""

    loss_per_h_frac: float = 0.0
    """Share of the content lost in an hour. [1/h]"""

    end_least: float | None = None
    """Content wanted at the end; what is missing is named and priced. [m³ or kWh]"""

    end_value: float = 0.0
    """Worth of what is left at the end. [money/m³ or money/kWh]"""


class CaseChp(Config):
    """A combined heat and power unit, linear between minimum and full load."""

    kind: Literal["chp"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    power_kw: tuple[float, float]
    """Electric power at minimum and full load. [kW]"""

    gas_kw: tuple[float, float]
    """Fuel at minimum and full load. [kW LHV]"""

    heat_kw: tuple[float, float]
    """Useful heat at minimum and full load. [kW]"""

    switching: CaseSwitching = CaseSwitching()
    """State and switching limits."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        chp_fits(self.power_kw, self.gas_kw, self.heat_kw)
        return self


class CaseBoiler(Config):
    """A gas boiler."""

    kind: Literal["boiler"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    heat_kw: float
    """Capacity. [kW]"""

    efficiency_frac: float = 0.9
    """Useful heat per fuel by LHV. [-]"""


class CasePv(Config):
    """The PV plant."""

    kind: Literal["pv"]
    """Kind of machine."""

    name: IdPart = "pv"
    """Id of the machine."""

    can_curtail: bool = True
    """Whether it may give less than the sky allows."""


# fmt: off
CaseMachine = Annotated[
    CaseCompressor | CaseChiller | CaseEirChiller | CaseBattery | CaseStore | CaseChp | CaseBoiler | CasePv
    | CaseConverter | CasePolygonChp | CaseShiftLoad | CaseBatch | CaseShedLoad | CaseEvGroup,
    Field(discriminator="kind"),
]
# fmt: on


class CaseBegun(Config):
    """A first step that has begun when the plan is asked for, as after an event."""

    gone_min: Annotated[float, Field(gt=0)]
    """How much of it is over; contents and times in a state are those of now. [min]"""

    import_kw: Annotated[float, Field(ge=0)]
    """Mean import of that time. [kW]"""


class PlantCase(Config):
    """One window of a plant."""

    kind: Literal["plant"]
    """Kind of case."""

    start: AwareDatetime
    """Begin of the first step, with its offset from UTC."""

    step_min: Annotated[float, Field(gt=0)] = 15.0
    """Length of a step. [min]"""

    steps: Annotated[int, Field(ge=1, le=1000)] = 96
    """Number of steps; a day has 92 or 100 where the clock changes. [-]"""

    exact_steps: Annotated[int, Field(ge=0)] = 16
    """Steps from the start in which every switch is decided exactly; later ones are an outlook. [-]"""

    begun: CaseBegun | None = None
    """Where the first step has begun already; without it the window begins with a whole step."""

    needs: CaseNeeds
    """What must be supplied."""

    prices: CasePrices
    """What energy costs and emits."""

    limits: CaseLimits = CaseLimits()
    """Limits of the site."""

    contracts: CaseContracts = CaseContracts()
    """Contracts beyond a price per kWh."""

    carriers: dict[IdPart, CaseCarrier] = Field(default_factory=dict)
    """Carriers beside electric, air, cooling, heat and gas."""

    setpoints: CaseSetpoints = CaseSetpoints()
    """Set-points to choose from."""

    machines: tuple[CaseMachine, ...] = ()
    """The machines; their order has no meaning."""
