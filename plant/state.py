"""A flowsheet made ready for stepping, and what goes into and comes out of one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from plant.flowsheet import Flowsheet, with_curves
from plant.learnt import AnyLearnt
from plant.units.air import AirBalance, Dryer, Receiver
from plant.units.compressor import Compressor, CompressorOrder, CompressorState
from plant.units.cooling import (
    AirHandler,
    Chiller,
    ChillerFlow,
    ChillerOrder,
    ChillerState,
    CoolingLoop,
)
from plant.units.heat import Boiler, Chp, ChpOrder, ChpState
from plant.units.power import Battery, Grid, Load, Meter, Photovoltaics
from plant.units.tower import CoolingTower
from protocols.errors import ConfigError

_U = TypeVar("_U")


class Weather(NamedTuple):
    """Weather of one step."""

    outdoor_c: float = 15.0
    """Dry bulb. [°C]"""
    wet_bulb_c: float = 11.0
    """Wet bulb. [°C]"""
    irradiance_w_m2: float = 0.0
    """In the plane of the PV field. [W/m²]"""


class Loads(NamedTuple):
    """Demand of one step, whatever the machines do."""

    electric_kw: float = 0.0
    """Process and building, without the machines of the flowsheet. [kW]"""
    air_m3_min: float = 0.0
    """Free air at the rated header pressure, without leaks. [m³/min]"""
    cooling_kw: float = 0.0
    """Heat to be taken from the coils. [kW]"""
    heat_kw: float = 0.0
    """Heat. [kW]"""


class Orders(NamedTuple):
    """What each machine is told by its own controller in one step; `plant.control` makes them."""

    compressors: tuple[CompressorOrder, ...] = ()
    """In the order of `Plant.compressors`."""
    chillers: tuple[ChillerOrder, ...] = ()
    """In the order of `Plant.chillers`."""
    chp: ChpOrder = ChpOrder()
    """The engine."""
    battery_kw: float = 0.0
    """Wanted battery power, charging positive. [kW]"""
    pv_limit_frac: float = 1.0
    """Upper limit of PV, as a fraction of its inverter power."""
    tower_set_c: float | None = None
    """Wanted condenser water; None: the tower's own set-point. [°C]"""


class PlantInputs(NamedTuple):
    """All that acts on the plant in one step."""

    weather: Weather
    """From outside."""
    loads: Loads
    """From the users."""
    orders: Orders
    """From the control."""


class PlantState(NamedTuple):
    """All the plant remembers; a value, never changed in place."""

    header_bar_g: float = 7.0
    """Header pressure. [bar g]"""
    loop_c: float = 8.0
    """Chilled-water supply temperature. [°C]"""
    soc_frac: float = 0.5
    """State of charge."""
    compressors: tuple[CompressorState, ...] = ()
    """In the order of `Plant.compressors`."""
    chillers: tuple[ChillerState, ...] = ()
    """In the order of `Plant.chillers`."""
    chp: ChpState = ChpState()
    """The engine."""
    meters_kwh: tuple[tuple[float, float], ...] = ()
    """Import and export of each meter since the beginning. [kWh]"""
    pv_kwh: float = 0.0
    """PV generation since the beginning. [kWh]"""
    made: float = 0.0
    """Pieces made since the beginning."""


class HeatBalance(NamedTuple):
    """Heat and gas of one step."""

    chp_kw: float
    """Heat of the engine. [kW]"""
    boiler_kw: float
    """Heat of the boiler. [kW]"""
    unmet_kw: float
    """Heat demand nobody gave. [kW]"""
    dumped_kw: float
    """Surplus of the engine, to its dump cooler. [kW]"""
    chp_fuel_kw: float
    """Gas of the engine, LHV. [kW]"""
    boiler_fuel_kw: float
    """Gas of the boiler, LHV. [kW]"""


class PlantOutputs(NamedTuple):
    """What happened in one step; means over the step, states at its end."""

    air: AirBalance
    """Air network."""
    chillers: tuple[ChillerFlow, ...]
    """Each chiller."""
    supply_c: float
    """Chilled-water supply. [°C]"""
    return_c: float
    """Chilled-water return. [°C]"""
    cooling_kw: float
    """Cooling taken by the users. [kW]"""
    cooling_unmet_kw: float
    """Cooling demand not met. [kW]"""
    heat: HeatBalance
    """Heat and gas."""
    unit_kw: tuple[float, ...]
    """Electric power of each of `Plant.electric_ids`, taken from the bus positive. [kW]"""
    grid_import_kw: float
    """From the public grid, never negative. [kW]"""
    grid_export_kw: float
    """To the public grid, never negative. [kW]"""

    @property
    def fuel_kw(self) -> float:
        """Gas of the plant, LHV [kW]."""
        return self.heat.chp_fuel_kw + self.heat.boiler_fuel_kw


@dataclass(frozen=True, slots=True)
class Plant:
    """A flowsheet sorted by kind, so that a step looks nothing up.

    Attributes:
        flowsheet: Where it comes from.
        compressor_ids: Ids in the order of `compressors`.
        compressors: Fixed and variable speed.
        chiller_ids: Ids in the order of `chillers`.
        chillers: All chillers.
        receiver: The air network, if any.
        dryers: All dryers.
        drop_bar: Pressure between machines and header.
        loop: The chilled-water loop, if any.
        tower: The cooling towers of its chillers, if any.
        air_handlers: All air handlers.
        battery: The battery, if any.
        pv: The PV field, if any.
        chp: The engine, if any.
        boiler: The boiler, if any.
        electric_ids: Units with electric power, in the order of `PlantOutputs.unit_kw`; then the grid.
        meters: Per meter its id and the places of its units in `unit_kw`, -1 for the grid exchange.
        process: The electric load, if any.
        learnt: Learnt curves that are in the units above, with what they were learnt from.
    """

    flowsheet: Flowsheet
    compressor_ids: tuple[str, ...]
    compressors: tuple[Compressor, ...]
    chiller_ids: tuple[str, ...]
    chillers: tuple[Chiller, ...]
    receiver: Receiver | None
    dryers: tuple[Dryer, ...]
    drop_bar: float
    loop: CoolingLoop | None
    tower: CoolingTower | None
    air_handlers: tuple[AirHandler, ...]
    battery: Battery | None
    pv: Photovoltaics | None
    chp: Chp | None
    boiler: Boiler | None
    electric_ids: tuple[str, ...]
    meters: tuple[tuple[str, tuple[int, ...]], ...]
    process: Load | None = None
    learnt: Mapping[str, AnyLearnt] = field(default_factory=dict)

    def condenser_c(self, unit: Chiller, weather: Weather, told_c: float | None = None) -> float:
        """Condenser-side temperature of a chiller; `told_c` is the towers' set-point, None their own [°C]."""
        if self.tower is None or unit.eir.condenser == "outdoor_air":
            return unit.condenser_c(weather.outdoor_c, weather.wet_bulb_c)
        return self.tower.water_c(weather.wet_bulb_c, told_c)

    def tower_kw(self, cooling_kw: float, weather: Weather, told_c: float | None = None) -> float:
        """Power of the towers' fans while the chillers give so much [kW]."""
        if self.tower is None:
            return 0.0
        share = cooling_kw / sum([unit.eir.capacity_kw for unit in self.chillers])
        return self.tower.power_kw(share, self.tower.water_c(weather.wet_bulb_c, told_c), weather.wet_bulb_c)


def compile_plant(flowsheet: Flowsheet, learnt: Mapping[str, AnyLearnt] | None = None) -> Plant:
    """Sort a flowsheet by kind; learnt curves take the place of nominal ones, for all who read the plant.

    Args:
        flowsheet: The nominal plant.
        learnt: Accepted curves by unit; None: none.

    Raises:
        ConfigError: More than one receiver, loop, battery, PV field, engine, boiler or electric load, or
            compressors without a receiver, or chillers without a loop: the simulation knows one network each;
            or a learnt curve fits no unit.
    """
    flowsheet = with_curves(flowsheet, learnt or {})
    compressors = flowsheet.compressors()
    chillers = tuple(flowsheet.of_kind(Chiller))
    dryers = tuple(unit for _, unit in flowsheet.of_kind(Dryer))
    receiver, loop = _only(flowsheet, Receiver), _only(flowsheet, CoolingLoop)
    if (compressors and receiver is None) or (chillers and loop is None):
        raise ConfigError(
            "compressors need a receiver and chillers a cooling_loop; add them to the flowsheet"
        )
    electric_ids = electric_order(flowsheet)
    return Plant(
        flowsheet=flowsheet,
        compressor_ids=tuple(name for name, _ in compressors),
        compressors=tuple(unit for _, unit in compressors),
        chiller_ids=tuple(name for name, _ in chillers),
        chillers=tuple(unit for _, unit in chillers),
        receiver=receiver,
        dryers=dryers,
        drop_bar=sum(dryer.drop_bar for dryer in dryers),
        loop=loop,
        tower=_only(flowsheet, CoolingTower),
        air_handlers=tuple(unit for _, unit in flowsheet.of_kind(AirHandler)),
        battery=_only(flowsheet, Battery),
        pv=_only(flowsheet, Photovoltaics),
        chp=_only(flowsheet, Chp),
        boiler=_only(flowsheet, Boiler),
        electric_ids=electric_ids,
        meters=tuple(
            (name, tuple(_place(flowsheet, electric_ids, other) for other in meter.of))
            for name, meter in flowsheet.of_kind(Meter)
        ),
        process=next((load for _, load in electric_loads(flowsheet)), None),
        learnt=dict(learnt or {}),
    )


def electric_order(flowsheet: Flowsheet) -> tuple[str, ...]:
    """Ids of units with electric power, in the order `step` writes them: by kind, then by file."""
    process = tuple(name for name, _ in electric_loads(flowsheet))
    kinds = (Chiller, CoolingTower, Dryer, AirHandler, Battery, Photovoltaics, Chp)
    rest = [name for kind in kinds for name, _ in flowsheet.of_kind(kind)]
    return (*(name for name, _ in flowsheet.compressors()), *rest, *process)


def electric_loads(flowsheet: Flowsheet) -> tuple[tuple[str, Load], ...]:
    """Loads on an electric node.

    Raises:
        ConfigError: More than one; the demand of the plant is one series per carrier.
    """
    found = tuple(
        (name, load)
        for name, load in flowsheet.of_kind(Load)
        if flowsheet.nodes[load.node].carrier == "electricity"
    )
    if len(found) > 1:
        raise ConfigError("the simulation knows one electric load, join: " + ", ".join(n for n, _ in found))
    return found


def initial_state(plant: Plant) -> PlantState:
    """Everything at rest: header full, loop at its set-point, battery half full, no machine running."""
    return PlantState(
        header_bar_g=plant.receiver.rated_bar_g if plant.receiver else 0.0,
        loop_c=plant.chillers[0].supply.default_c if plant.chillers else 0.0,
        compressors=tuple(CompressorState() for _ in plant.compressors),
        chillers=tuple(ChillerState() for _ in plant.chillers),
        meters_kwh=tuple((0.0, 0.0) for _ in plant.meters),
    )


def _only(flowsheet: Flowsheet, kind: type[_U]) -> _U | None:
    found = tuple(flowsheet.of_kind(kind))
    if len(found) > 1:
        names = ", ".join(name for name, _ in found)
        raise ConfigError(f"the simulation knows one {kind.__name__} per plant, the flowsheet has: {names}")
    return found[0][1] if found else None


def _place(flowsheet: Flowsheet, electric_ids: tuple[str, ...], name: str) -> int:
    if isinstance(flowsheet.units[name], Grid):
        return -1
    if name not in electric_ids:
        raise ConfigError(f"a meter sums {name!r}, which has no electric power; take it out of the meter")
    return electric_ids.index(name)
