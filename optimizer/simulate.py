"""A plan run forward through the plant model, against the plant's own control on the same outlook.

The model is `plant.average`: the same units and curves as the simulator, with mean powers of cycling
machines. Money is energy by tariff, fuel, starts and CO2; the demand charge is left out, since a month's
charge quoted for a day is wrong by ten times. What battery, loop and receiver hold more at the end than at
the begin is credited at the day's mean price, so nobody gains by emptying a store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from optimizer.coarse import far_by_the_hour
from optimizer.outlook import Outlook, PlantNow
from optimizer.plan import Cost, Plan
from optimizer.problem import BoolArray, FloatArray, Prices
from optimizer.setpoints import eased, setpoints_at
from plant.average import average_step
from plant.carriers import ATMOSPHERE_BAR_A
from plant.control.setpoints import Setpoints, no_setpoints
from plant.state import Plant, PlantOutputs, PlantState, initial_state
from plant.units import compressor as compressors
from plant.units import cooling
from protocols.errors import ContractError

_STEP_S: Final = 300.0
_CURTAILED_KW: Final = 0.5
"""PV planned this far below what the sky gives is curtailed. [kW]"""
_COOLING_COP: Final = 4.5
"""Cooling per electricity at which cold water in the loop is credited. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDay:
    """What a window costs when it is run."""

    cost: Cost
    stored: float
    """Worth of what the stores hold more at the end than at the begin. [money]"""
    co2_kg: float
    import_kw: FloatArray
    """Means of the outlook's steps, shape (steps,). [kW]"""
    export_kw: FloatArray
    fuel_kwh: float
    """Lower heating value. [kWh]"""
    air_unmet_m3: float
    """Free air the users did not get. [m³]"""
    cooling_unmet_kwh: float
    starts: int
    fuel_kw: FloatArray = field(default_factory=lambda: np.zeros(0))
    """Fuel of all machines, means of steps, shape (steps,). [kW LHV]"""
    machine_kw: dict[str, FloatArray] = field(default_factory=dict)
    """Electric power of each unit, taken positive, of a boiler its heat; means of steps, (steps,). [kW]"""

    @property
    def total(self) -> float:
        """Cost less the worth of what was stored [money]."""
        return self.cost.total - self.stored


@dataclass(frozen=True, slots=True)
class _Rules:
    """Exchange and money that do not change along the way."""

    plant: Plant
    outlook: Outlook
    prices: Prices
    cny_rate: float
    sky_kw: FloatArray
    """What the sky gives, shape (steps,). [kW]"""
    full_sky: BoolArray
    """Steps in which a plan curtails nothing, shape (steps,)."""


def simulate_plan(
    plant: Plant, outlook: Outlook, now: PlantNow, money: tuple[Prices, float], plan: Plan | None
) -> SimulatedDay:
    """Run one window.

    Args:
        plant: From `compile_plant`, the nominal machines.
        outlook: Loads and weather.
        now: State at the begin.
        money: Prices of the window, and yuan per unit of their currency (wear in the flowsheet is in CNY).
        plan: What the machines are told; None for the plant's own control.

    Raises:
        ContractError: The plan is for another window than the outlook.
    """
    if plan is not None and (plan.start_ns != outlook.start_ns or plan.steps != outlook.steps):
        raise ContractError("the plan is for another window than the outlook; simulate it on its own outlook")
    sky_kw = _sky_kw(plant, outlook)
    rules = _Rules(plant, outlook, *money, sky_kw, _full_sky(outlook, plan, sky_kw))
    begin = state = state_of(plant, now)
    seen: list[list[PlantOutputs]] = []
    told = no_setpoints(plant)
    for step in range(outlook.steps):
        planned = _told(rules, plan, step)
        if now.pv.limit_frac is not None:  # whoever holds it stands above a plan and the own control
            planned = planned._replace(pv_limit_frac=now.pv.limit_frac)
        outside = (outlook.weather(step), outlook.loads(plant, step))
        seen.append([])
        left_s = 3600.0 * float(outlook.hours[step])
        inner = max(1, round(left_s / _STEP_S))
        for _ in range(inner):
            told = eased(plant, planned, tuple(one.supply_set_c for one in told.chillers), state.loop_c)
            state, outputs = average_step(plant, state, outside, told, left_s / inner)
            seen[-1].append(outputs)
    return _account(rules, (begin, state), seen)


def compare(
    plant: Plant, outlook: Outlook, now: PlantNow, money: tuple[Prices, float], plan: Plan
) -> tuple[SimulatedDay, SimulatedDay]:
    """The window under the plan, and under the plant's own control from the same state."""
    planned = simulate_plan(plant, outlook, now, money, plan)
    return planned, simulate_plan(plant, outlook, now, money, None)


def state_of(plant: Plant, now: PlantNow) -> PlantState:
    """Model state that fits what is seen; what nobody measures is at rest."""
    rest = initial_state(plant)
    running = [now.of(name) for name in plant.compressor_ids]
    cold = [now.of(name) for name in plant.chiller_ids]
    chp = next((now.of(name) for name, unit in plant.flowsheet.units.items() if unit is plant.chp), None)
    return rest._replace(
        soc_frac=now.soc_frac,
        loop_c=rest.loop_c if now.loop_c is None else now.loop_c,
        compressors=tuple(
            machine._replace(mode=compressors.LOADED if seen.on else compressors.OFF, elapsed_s=seen.state_s)
            for machine, seen in zip(rest.compressors, running, strict=True)
        ),
        chillers=tuple(
            machine._replace(mode=cooling.RUNNING if seen.on else cooling.STANDBY, elapsed_s=seen.state_s)
            for machine, seen in zip(rest.chillers, cold, strict=True)
        ),
        chp=rest.chp if chp is None else rest.chp._replace(running=chp.on, elapsed_s=chp.state_s),
    )


def _told(rules: _Rules, plan: Plan | None, step: int) -> Setpoints:
    if plan is None:
        return no_setpoints(rules.plant)
    return setpoints_at(rules.plant, plan, step, None if rules.full_sky[step] else float(rules.sky_kw[step]))


def _sky_kw(plant: Plant, outlook: Outlook) -> FloatArray:
    weather = (outlook.weather(step) for step in range(outlook.steps))
    given = (plant.pv.generation_kw(at.irradiance_w_m2, at.outdoor_c) if plant.pv else 0.0 for at in weather)
    return np.fromiter(given, np.float64, outlook.steps)


def _full_sky(outlook: Outlook, plan: Plan | None, sky_kw: FloatArray) -> BoolArray:
    """Steps in which a plan takes all that the sky gives, by the hour where those are decided together."""
    pv = next((one for one in plan.machines.values() if one.kind == "pv"), None) if plan else None
    if pv is None:
        return np.ones(outlook.steps, dtype=np.bool_)
    _, of = np.unique(
        far_by_the_hour(outlook.start_ns, outlook.step_s).first_of(outlook.steps), return_inverse=True
    )
    left_kw = np.bincount(of, sky_kw - pv.level) / np.bincount(of)
    full: BoolArray = left_kw[of] < _CURTAILED_KW
    return full


def _account(
    rules: _Rules, ends: tuple[PlantState, PlantState], seen: list[list[PlantOutputs]]
) -> SimulatedDay:
    prices, hours = rules.prices, rules.outlook.hours
    bought = _means(seen, "grid_import_kw")
    sold = _means(seen, "grid_export_kw")
    fuel_kw = _means(seen, "fuel_kw")
    fuel_kwh = float(fuel_kw @ hours)
    co2_kg = float((bought * hours) @ prices.grid_kg_kwh) + fuel_kwh * prices.gas_kg_kwh
    starts = _starts(rules.plant, *ends)
    air_unmet = np.array([float(np.mean([out.air.unmet_m3_min for out in outs])) for outs in seen])
    cost = Cost(
        energy=float((bought * hours) @ prices.import_eur_kwh - (sold * hours) @ prices.export_eur_kwh),
        fuel=fuel_kwh * prices.gas_eur_kwh,
        starts=sum(count * cny for count, cny in starts) / rules.cny_rate,
        co2=co2_kg / 1000.0 * prices.co2_eur_t,
    )
    return SimulatedDay(
        cost=cost,
        stored=stored_kwh(rules.plant, *ends) * _mean_price(prices),
        co2_kg=co2_kg,
        import_kw=bought,
        export_kw=sold,
        fuel_kwh=fuel_kwh,
        fuel_kw=fuel_kw,
        air_unmet_m3=float(air_unmet @ hours) * 60.0,
        cooling_unmet_kwh=float(_means(seen, "cooling_unmet_kw") @ hours),
        starts=sum(count for count, _ in starts),
        machine_kw=_machine_kw(rules.plant, seen),
    )


def _machine_kw(plant: Plant, seen: list[list[PlantOutputs]]) -> dict[str, FloatArray]:
    electric = np.array([np.mean([out.unit_kw for out in outs], axis=0) for outs in seen])
    found: dict[str, FloatArray] = {name: electric[:, k] for k, name in enumerate(plant.electric_ids)}
    heat = np.array([float(np.mean([out.heat.boiler_kw for out in outs])) for outs in seen])
    return found | {name: heat for name, unit in plant.flowsheet.units.items() if unit is plant.boiler}


def stored_kwh(plant: Plant, begin: PlantState, end: PlantState) -> float:
    """Electricity the stores will save because they hold more at the end than at the begin [kWh]."""
    saved = 0.0
    if plant.battery:
        gained = (end.soc_frac - begin.soc_frac) * plant.battery.capacity_kwh
        saved += gained * plant.battery.discharge_efficiency_frac
    if plant.loop:
        saved += (begin.loop_c - end.loop_c) * plant.loop.capacity_kwh_k / _COOLING_COP
    if plant.receiver and plant.compressors:
        unit = plant.compressors[0]
        kwh_m3 = unit.power.rated_kw / unit.flow_max_m3_min / 60.0
        stored_m3 = (end.header_bar_g - begin.header_bar_g) * plant.receiver.volume_m3 / ATMOSPHERE_BAR_A
        saved += stored_m3 * kwh_m3
    return saved


def _mean_price(prices: Prices) -> float:
    return float((prices.import_eur_kwh + prices.co2_eur_t * prices.grid_kg_kwh / 1000.0).mean())


def _means(seen: list[list[PlantOutputs]], field: str) -> FloatArray:
    return np.array([float(np.mean([getattr(out, field) for out in outs])) for outs in seen])


def _starts(plant: Plant, begin: PlantState, end: PlantState) -> list[tuple[int, float]]:
    """Starts of each machine with the cost of one. [CNY]."""
    counts = [
        (after.starts_count - before.starts_count, unit.start_cost_cny)
        for unit, before, after in zip(plant.compressors, begin.compressors, end.compressors, strict=True)
    ]
    counts += [
        (after.starts_count - before.starts_count, unit.start_cost_cny)
        for unit, before, after in zip(plant.chillers, begin.chillers, end.chillers, strict=True)
    ]
    if plant.chp:
        counts.append((end.chp.starts_count - begin.chp.starts_count, plant.chp.times.start_cost_cny))
    return counts
