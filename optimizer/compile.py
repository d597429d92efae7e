"""From flowsheet, state and outlook to the arrays of one problem; the curves are the flowsheet's own.

Planned pressures and temperatures are those the set-points bring about: the header in the middle of the trim
band, the chilled water as warm as its limit and the chillers' range allow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

import numpy as np

from optimizer.begun import begun_since
from optimizer.outlook import Outlook, PlantNow
from optimizer.planned import (
    beside_kw,
    chiller_corners,
    planned_header_bar_g,
    planned_loop_c,
    planned_supply_c,
)
from optimizer.problem import (
    OFF,
    Battery,
    Boiler,
    Chiller,
    Chp,
    Commitment,
    Compressor,
    DispatchProblem,
    FloatArray,
    Forecasts,
    Limits,
    Pv,
)
from optimizer.starting import Starting
from optimizer.switch_limits import ramp_of
from optimizer.tariff import Emissions, Tariff, metered, prices
from plant.flowsheet import Flowsheet
from plant.state import Plant
from plant.units import compressor as compressors
from plant.units import heat
from plant.units.air import drawn
from plant.units.power import Grid

_U = TypeVar("_U")

_LOAD_CORNERS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_AIR_RESERVE_FRAC: Final = 0.06
"""Peaks inside a step above its mean, and worn machines: a start of a standby machine costs what it saves."""
_COOLING_RESERVE_FRAC: Final = 0.05


def compile_problem(
    plant: Plant, outlook: Outlook, now: PlantNow, supply: tuple[Tariff, Emissions], binary_steps: int = 16
) -> DispatchProblem:
    """Put the numbers of one window together.

    Args:
        plant: From `plant.state.compile_plant`.
        outlook: What is expected.
        now: How the plant stands.
        supply: Tariff and emission factors.
        binary_steps: Steps with exact on/off.

    Raises:
        SolveError: The outlook has gaps.
    """
    outlook.refuse_gaps()
    tariff, emissions = supply
    steps, rate = outlook.steps, tariff.cny_rate
    window = (outlook.start_ns, steps, outlook.step_s)
    forecasts = _forecasts(plant, outlook, now)
    bought, contracts = metered(
        tariff, prices(tariff, emissions, window, now.month_peak_kw), window, now.before_kw
    )
    boiler_share = float(forecasts.heat_kw.mean()) / plant.boiler.heat_max_kw if plant.boiler else 0.0
    whole = DispatchProblem(
        start_ns=outlook.start_ns,
        step_s=outlook.step_s,
        steps=steps,
        binary_steps=binary_steps,
        forecasts=forecasts,
        prices=bought,
        supply=contracts,
        limits=_limits(plant.flowsheet),
        compressors=_compressors(plant, outlook, now, rate),
        chillers=_chillers(plant, outlook, now, rate),
        batteries=_batteries(plant, now, steps, rate),
        chps=_chps(plant, outlook, now, rate),
        boilers=tuple(
            Boiler(
                name=name,
                capacity_kw=unit.heat_max_kw,
                efficiency_frac=unit.efficiency.at(boiler_share),
                lock=now.lock_of(name, steps) if now.of(name).lock == OFF else None,
            )
            for name, unit in _named(plant, plant.boiler)
        ),
        pv=_pv(plant, now),
    )
    return begun_since(whole, outlook.gone_s, now.begun_kw) if outlook.gone_s > 0 else whole


def _named(plant: Plant, unit: _U | None) -> tuple[tuple[str, _U], ...]:
    return tuple(
        (name, unit) for name, found in plant.flowsheet.units.items() if unit is not None and found is unit
    )


def _pv(plant: Plant, now: PlantNow) -> Pv | None:
    for name, unit in _named(plant, plant.pv):
        return Pv(name=name, can_curtail=now.pv.follows, least_kw=now.pv.least_frac * unit.inverter_kw)
    return None


def _forecasts(plant: Plant, outlook: Outlook, now: PlantNow) -> Forecasts:
    header_bar_g = planned_header_bar_g(plant)
    steps = range(outlook.steps)
    loads = [outlook.loads(plant, step) for step in steps]
    weather = [outlook.weather(step) for step in steps]
    always_kw = sum(dryer.power_kw for dryer in plant.dryers)
    always_kw += plant.battery.standby_kw if plant.battery else 0.0
    fans_kw = [
        beside_kw(plant, (load.cooling_kw, planned_loop_c(plant)), at)
        for load, at in zip(loads, weather, strict=True)
    ]
    air = [
        sum(drawn(plant.receiver, header_bar_g, load.air_m3_min)) if plant.receiver else 0.0 for load in loads
    ]
    pv = [plant.pv.generation_kw(w.irradiance_w_m2, w.outdoor_c) if plant.pv else 0.0 for w in weather]
    if plant.pv is not None and now.pv.limit_frac is not None:
        pv = [min(given, now.pv.limit_frac * plant.pv.inverter_kw) for given in pv]
    return Forecasts(
        electric_kw=_positive(outlook.process_kw + always_kw + np.array(fans_kw)),
        air_m3_min=_positive(np.array(air)),
        cooling_kw=_positive(outlook.cooling_kw),
        heat_kw=_positive(outlook.heat_kw),
        pv_kw=_positive(np.array(pv)),
        outdoor_c=outlook.outdoor_c,
    )


def _positive(series: FloatArray) -> FloatArray:
    """Clip rounding left-overs to zero; NaN stays and is refused by the planner."""
    return np.where(series < 1e-6, 0.0, series).astype(np.float64)  # noqa: PLR2004  a millionth is nothing


def _limits(flowsheet: Flowsheet) -> Limits:
    grids = [
        unit for _, unit in flowsheet.of_kind(Grid) if flowsheet.nodes[unit.node].carrier == "electricity"
    ]
    return Limits(
        import_kw=sum(grid.import_max_kw for grid in grids),
        export_kw=sum(grid.export_max_kw for grid in grids),
        air_reserve_frac=_AIR_RESERVE_FRAC,
        cooling_reserve_frac=_COOLING_RESERVE_FRAC,
    )


def _compressors(plant: Plant, outlook: Outlook, now: PlantNow, rate: float) -> tuple[Compressor, ...]:
    if plant.receiver is None:
        return ()
    at = (planned_header_bar_g(plant) + plant.drop_bar, float(np.nanmean(outlook.outdoor_c)))
    band = plant.receiver.roles.trim
    usable_m3 = plant.receiver.usable_m3(band.unload_bar_g - band.load_bar_g)
    found: list[Compressor] = []
    for name, unit in zip(plant.compressor_ids, plant.compressors, strict=True):
        flow, power = _trim_curve(unit, usable_m3, at)
        found.append(
            Compressor(
                name=name,
                kind="fixed" if isinstance(unit, compressors.FixedCompressor) else "vsd",
                full_flow_m3_min=unit.flow_max_m3_min,
                full_power_kw=float(power[-1]),
                flow_m3_min=flow,
                power_kw=power,
                commitment=_commitment(
                    now, name, outlook.steps, (0.0, unit.times.restart_s, unit.start_cost_cny / rate)
                ),
            )
        )
    return tuple(found)


def _trim_curve(
    unit: compressors.Compressor, usable_m3: float, at: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Corners of flow [m³/min] and mean power [kW]: cycling below the least flow, part-load curve above."""
    low, high = unit.flow_min_m3_min, unit.flow_max_m3_min
    cycling = [share * low for share in (_LOAD_CORNERS if low == high else (0.0, 0.5, 1.0))]
    flow = cycling + [low + (high - low) * share for share in (1.0 / 3.0, 2.0 / 3.0, 1.0) if high > low]
    power = [
        unit.loaded_kw(max(q, low), *at)
        * (compressors.cycle_power_frac(unit, q / low, usable_m3) if q < low else 1.0)
        for q in flow
    ]
    return np.array(flow), np.array(power)


def _chillers(plant: Plant, outlook: Outlook, now: PlantNow, rate: float) -> tuple[Chiller, ...]:
    found: list[Chiller] = []
    for name, unit in zip(plant.chiller_ids, plant.chillers, strict=True):
        supply_c = planned_supply_c(plant, unit)
        corners = [
            chiller_corners(
                unit,
                (supply_c, plant.condenser_c(unit, outlook.weather(step))),
                float(outlook.cooling_kw[step]),
            )
            for step in range(outlook.steps)
        ]
        own = (unit.thermostat.min_run_s, unit.thermostat.anti_recycle_s, unit.start_cost_cny / rate)
        found.append(
            Chiller(
                name=name,
                load_kw=np.array([load for load, _ in corners]),
                power_kw=np.array([power for _, power in corners]),
                supply_c=supply_c,
                commitment=_commitment(now, name, outlook.steps, own),
            )
        )
    return tuple(found)


def _batteries(plant: Plant, now: PlantNow, steps: int, rate: float) -> tuple[Battery, ...]:
    return tuple(
        Battery(
            name=name,
            soc_kwh=now.soc_frac * unit.capacity_kwh,
            soc_min_kwh=unit.soc_min_frac * unit.capacity_kwh,
            soc_max_kwh=unit.soc_max_frac * unit.capacity_kwh,
            taper_from_kwh=unit.taper_soc_frac * unit.capacity_kwh,
            charge_max_kw=unit.power_max_kw,
            discharge_max_kw=unit.power_max_kw,
            charge_eff_frac=unit.charge_efficiency_frac,
            discharge_eff_frac=unit.discharge_efficiency_frac,
            wear_eur_kwh=unit.wear_cny_kwh / rate,
            fixed_kw=now.battery_kw_of(steps),
        )
        for name, unit in _named(plant, plant.battery)
    )


def _chps(plant: Plant, outlook: Outlook, now: PlantNow, rate: float) -> tuple[Chp, ...]:
    return tuple(
        Chp(
            name=name,
            power_min_kw=unit.generation_min_kw,
            power_max_kw=unit.generation_max_kw,
            gas_min_kw=unit.fuel_kw[0],
            gas_max_kw=unit.fuel_kw[1],
            heat_min_kw=unit.heat_kw[0],
            heat_max_kw=unit.heat_kw[1],
            commitment=_engine(now, name, outlook, (unit, rate)),
        )
        for name, unit in _named(plant, plant.chp)
    )


def _engine(now: PlantNow, name: str, outlook: Outlook, of: tuple[heat.Chp, float]) -> Commitment:
    """State of an engine that warms up, and whose power may move more slowly than steps do."""
    (unit, rate), times = of, of[0].times
    own = (times.min_run_s, times.min_stop_s, times.start_cost_cny / rate)
    return replace(
        _commitment(now, name, outlook.steps, own),
        starting=Starting(warm_up_s=times.warm_up_s),
        ramp=ramp_of(unit, outlook.step_s),
    )


def _commitment(now: PlantNow, name: str, steps: int, own: tuple[float, float, float]) -> Commitment:
    """State of a machine with its own minimum run [s], minimum stop [s] and cost of a start."""
    seen = now.of(name)
    owed = seen.state_s < (own[0] if seen.on else own[1])
    return Commitment(
        on=seen.on,
        state_s=seen.state_s - (now.late_s if owed else 0.0),
        min_up_s=own[0],
        min_down_s=own[1],
        start_eur=own[2],
        lock=now.lock_of(name, steps),
        run_h=seen.run_h,
    )
