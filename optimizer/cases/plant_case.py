"""A case file of a plant, as `ems optimize dispatch` reads it: needs, prices, limits, machines of a window.

Its parts stand in `case_parts`, `case_site`, `plant_network`, `plant_contracts`. A series is a list with one
value per step, or one number for all of them. Money is in the case's currency.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from optimizer.cases.case_curves import chiller_fits, chp_fits, compressor_fits
from optimizer.cases.case_numbers import (
    Count,
    Efficiency,
    NotNegative,
    Number,
    Positive,
    ShareBelowOne,
    Start,
    StepMinutes,
    Steps,
)
from optimizer.cases.case_parts import CaseSwitching
from optimizer.cases.case_site import CaseLimits, CaseNeeds, CasePrices
from optimizer.cases.case_storage import CaseBattery, CaseStore
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

    flow_m3_min: tuple[Number, ...]
    """Corners of the curve, rising; the last is full load. [m³/min]"""

    power_kw: tuple[Number, ...]
    """Electric power at these corners, unloaded running included. [kW]"""

    floats: bool = False
    """Whether it follows its curve beside others that do."""

    blow_off_below_m3_min: NotNegative = 0.0
    """Inlet vanes close no further than this flow; what is needed less is blown off at its power. [m³/min]"""

    heat_recovery_frac: ShareBelowOne = 0.0
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

    load_kw: tuple[Number, ...]
    """Corners of the curve, rising; the first is the least load, the last the capacity. [kW]"""

    power_kw: tuple[Number, ...]
    """Electric power at these corners. [kW]"""

    switching: CaseSwitching = CaseSwitching()
    """State and switching limits."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        chiller_fits(self.load_kw, self.power_kw)
        return self


class CaseChp(Config):
    """A combined heat and power unit, linear between minimum and full load."""

    kind: Literal["chp"]
    """Kind of machine."""

    name: IdPart
    """Id of the machine."""

    power_kw: tuple[Number, Number]
    """Electric power at minimum and full load. [kW]"""

    gas_kw: tuple[Number, Number]
    """Fuel at minimum and full load. [kW LHV]"""

    heat_kw: tuple[Number, Number]
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

    heat_kw: NotNegative
    """Capacity. [kW]"""

    efficiency_frac: Efficiency = 0.9
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

    gone_min: Positive
    """How much of it is over; contents and times in a state are those of now. [min]"""

    import_kw: NotNegative
    """Mean import of that time. [kW]"""


class PlantCase(Config):
    """One window of a plant."""

    kind: Literal["plant"]
    """Kind of case."""

    start: Start
    """Begin of the first step, with its offset from UTC."""

    step_min: StepMinutes = 15.0
    """Length of a step. [min]"""

    steps: Steps = 96
    """Number of steps; a day has 92 or 100 where the clock changes. [-]"""

    exact_steps: Count = 16
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
