"""What a plant shows to its sensors: every bound role of every unit as one number."""

from __future__ import annotations

import math
from typing import Final

from plant.control.setpoints import Setpoints
from plant.state import Plant, PlantOutputs, PlantState, Weather, electric_loads
from plant.step import meter_kw
from plant.units.air import Receiver
from plant.units.compressor import LOADED, ROLE_TRIM
from plant.units.cooling import AirHandler
from plant.units.power import Grid, Meter
from plant.units.power import Weather as WeatherStation

RUNNING: Final = 2
STANDBY: Final = 1

Readings = dict[str, dict[str, float]]
"""Unit → role → value, in the unit the role's suffix says."""


def readings(
    plant: Plant, state: PlantState, outputs: PlantOutputs, around: tuple[Weather, Setpoints]
) -> Readings:
    """True values of every measurable quantity after a step; sensors add their bias and noise.

    Args:
        plant: From `compile_plant`.
        state: After the step.
        outputs: Of the step.
        around: Weather and accepted set-points of the step; a machine without a role shows "trim", one
            without a permit of its own shows "permitted".
    """
    weather, setpoints = around
    kw = dict(zip(plant.electric_ids, outputs.unit_kw, strict=True))
    found: Readings = {name: {"power_kw": value} for name, value in kw.items()}
    _compressors(plant, state, setpoints, found)
    _chillers(plant, state, outputs, setpoints, found)
    condenser_c = plant.tower.water_c(weather.wet_bulb_c, setpoints.tower_set_c) if plant.tower else 0.0
    _water(plant, outputs, kw, condenser_c, found)
    _power(plant, state, outputs, found)
    _engine(plant, state, outputs, setpoints, found)
    for name, _ in plant.flowsheet.of_kind(WeatherStation):
        found[name] = weather._asdict()
    return found


def by_point(plant: Plant, found: Readings) -> dict[str, float]:
    """The same by bound point "device/point"; roles that are set-points stay out."""
    return {
        ref: found[unit][role]
        for ref, (unit, role) in plant.flowsheet.points().items()
        if role in found.get(unit, {})
    }


def _compressors(plant: Plant, state: PlantState, setpoints: Setpoints, found: Readings) -> None:
    header = state.header_bar_g
    for name, unit, machine, told in zip(
        plant.compressor_ids, plant.compressors, state.compressors, setpoints.compressors, strict=True
    ):
        loaded = machine.mode == LOADED
        found[name] |= {
            "flow_m3_min": machine.flow_m3_min,
            "pressure_bar_g": header + (plant.drop_bar if loaded else 0.0),
            "header_bar_g": header,
            "state_code": float(machine.mode),
            "load_pct": 100.0 * machine.flow_m3_min / unit.flow_max_m3_min,
            "run_h": machine.run_h,
            "starts_count": float(machine.starts_count),
            "role_code": float(ROLE_TRIM if told.role is None else told.role),
            "permit_code": float(told.permit is not False),
        }
    for name, _ in plant.flowsheet.of_kind(Receiver):
        found[name] = {"pressure_bar_g": header, "header_bar_g": header}


def _chillers(
    plant: Plant, state: PlantState, outputs: PlantOutputs, setpoints: Setpoints, found: Readings
) -> None:
    for name, flow, machine, told in zip(
        plant.chiller_ids, outputs.chillers, state.chillers, setpoints.chillers, strict=True
    ):
        found[name] |= {
            "cooling_kw": flow.cooling_kw,
            "supply_c": outputs.supply_c,
            "return_c": outputs.return_c,
            "state_code": float(machine.mode),
            "run_h": machine.run_h,
            "starts_count": float(machine.starts_count),
            "permit_code": float(told.permit is not False),
        }


def _water(
    plant: Plant, outputs: PlantOutputs, kw: dict[str, float], condenser_c: float, found: Readings
) -> None:
    for name, unit in plant.flowsheet.units.items():
        if unit is plant.loop:
            found[name] = {"supply_c": outputs.supply_c, "return_c": outputs.return_c}
        elif unit is plant.tower:
            found[name]["supply_c"] = condenser_c
        elif isinstance(unit, AirHandler):
            air_c = outputs.supply_c + unit.approach_k
            room_c = plant.loop.room_c if plant.loop else air_c
            found[name] = {"supply_c": air_c, "return_c": room_c, "fan_power_kw": kw[name]}


def _power(plant: Plant, state: PlantState, outputs: PlantOutputs, found: Readings) -> None:
    exchange_kw = outputs.grid_import_kw - outputs.grid_export_kw
    for name, unit in plant.flowsheet.units.items():
        if unit is plant.battery:
            found[name] |= {"soc_frac": state.soc_frac, "state_code": float(RUNNING)}
        elif unit is plant.pv:
            found[name]["energy_kwh"] = state.pv_kwh
        elif isinstance(unit, Grid):
            gas = plant.flowsheet.nodes[unit.node].carrier == "gas"
            found[name] = {"fuel_kw": outputs.fuel_kw} if gas else {"power_kw": exchange_kw}
    for (name, places), (imported, exported) in zip(plant.meters, state.meters_kwh, strict=True):
        meter = plant.flowsheet.units[name]
        per_kwh = meter.kvarh_per_kwh if isinstance(meter, Meter) else 0.0
        found[name] = {
            "power_kw": meter_kw(places, outputs.unit_kw, exchange_kw),
            "import_kwh": imported,
            "export_kwh": exported,
            "reactive_kvarh": (imported + exported) * per_kwh,
        }
    for name, _ in electric_loads(plant.flowsheet):
        found[name]["made_count"] = float(math.floor(state.made))


def _engine(
    plant: Plant, state: PlantState, outputs: PlantOutputs, setpoints: Setpoints, found: Readings
) -> None:
    heat = outputs.heat
    for name, unit in plant.flowsheet.units.items():
        if unit is plant.boiler:
            found[name] = {"heat_kw": heat.boiler_kw, "fuel_kw": heat.boiler_fuel_kw}
        elif unit is plant.chp:
            found[name] |= {
                "heat_kw": heat.chp_kw,
                "fuel_kw": heat.chp_fuel_kw,
                "state_code": float(_engine_code(state)),
                "permit_code": float(setpoints.chp_permit is not False),
                "run_h": state.chp.run_h,
                "starts_count": float(state.chp.starts_count),
            }


def _engine_code(state: PlantState) -> int:
    if not state.chp.running:
        return 0
    return RUNNING if state.chp.generation_kw > 0.0 else STANDBY
