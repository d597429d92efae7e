"""Checks of a problem before anything is built; every message is in plant words and says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np

from optimizer.begun import refuse_begun
from optimizer.components.battery import clipped_soc_kwh
from optimizer.components.store import clipped_content
from optimizer.inputs_levels import refuse_levels
from optimizer.inputs_network import capacity_of, refuse_loads, refuse_network
from optimizer.inputs_supply import refuse_supply, refuse_switching
from optimizer.problem import Battery, Boiler, Chiller, Chp, Compressor, DispatchProblem, FloatArray, Store
from protocols.errors import SolveError

_MOST_EFFICIENT = 1.1
"""A condensing boiler by lower heating value. [-]"""
_PRICES = ("import_eur_kwh", "export_eur_kwh", "grid_kg_kwh")


def refuse(problem: DispatchProblem) -> None:
    """Refuse what cannot be planned.

    Raises:
        SolveError: A window, series or machine is not usable; the message names it.
    """
    if problem.steps < 1 or problem.step_s <= 0 or problem.binary_steps < 0:
        raise SolveError("the planning window is empty; it needs at least one step of positive length")
    for name, series in _series(problem):
        _refuse_series(problem.steps, name, series)
    for name in ("electric_kw", "air_m3_min", "cooling_kw", "heat_kw", "pv_kw"):
        if getattr(problem.forecasts, name).min() < 0:
            raise SolveError(
                f"the forecast {name} is negative; a need or a yield is never below zero", series=name
            )
    _refuse_scalars(problem)
    _refuse_reserves(problem)
    _refuse_twins(problem)
    refuse_network(problem)
    _refuse_machines(problem)
    refuse_supply(problem)
    refuse_switching(problem)
    refuse_loads(problem)
    refuse_levels(problem)
    refuse_begun(problem)


def notes(problem: DispatchProblem) -> tuple[str, ...]:
    """What the planner had to correct or foresees, one sentence each."""
    found: list[str] = list(problem.remarks)
    for battery in problem.batteries:
        clipped = battery.soc_kwh - clipped_soc_kwh(battery)
        if abs(clipped) > 0:
            found.append(
                f"{battery.name} holds {battery.soc_kwh:.1f} kWh, {abs(clipped):.1f} kWh outside its range; "
                "planned from the nearest limit"
            )
    for store in problem.stores:
        clipped = store.content - clipped_content(store)
        if abs(clipped) > 0:
            found.append(
                f"{store.name} holds {store.content:.1f}, {abs(clipped):.1f} outside its range; "
                "planned from the nearest limit"
            )
    air = sum(max(c.full_flow_m3_min, float(c.flow_m3_min[-1])) for c in problem.compressors)
    capacity = np.full(problem.steps, air) + capacity_of(problem, "air")
    found.extend(_over("compressed air", "m³/min", problem.forecasts.air_m3_min, capacity))
    cooling = capacity_of(problem, "cooling")
    for chiller in problem.chillers:
        cooling = cooling + chiller.load_kw[:, -1]
    found.extend(_over("cooling", "kW", problem.forecasts.cooling_kw, cooling))
    heat = sum(b.capacity_kw for b in problem.boilers) + sum(c.heat_max_kw for c in problem.chps)
    heat += sum(
        c.heat_recovery_frac * c.full_power_kw for c in problem.compressors if c.heat_carrier == "heat"
    )
    capacity = np.full(problem.steps, float(heat)) + capacity_of(problem, "heat")
    found.extend(_over("heat", "kW", problem.forecasts.heat_kw, capacity))
    return tuple(found)


def _over(carrier: str, unit: str, need: FloatArray, capacity: FloatArray) -> Iterator[str]:
    over = need - capacity
    worst = int(over.argmax())
    if over[worst] > 0:
        yield (
            f"the need for {carrier} exceeds all machines together in {int((over > 0).sum())} steps, most in "
            f"step {worst}: {need[worst]:.1f} against {capacity[worst]:.1f} {unit}"
        )


def _series(problem: DispatchProblem) -> Iterator[tuple[str, FloatArray]]:
    for field in fields(problem.forecasts):
        yield f"forecast {field.name}", getattr(problem.forecasts, field.name)
    for name in _PRICES:
        yield f"price {name}", getattr(problem.prices, name)


def _refuse_series(steps: int, name: str, series: FloatArray) -> None:
    if series.shape != (steps,):
        raise SolveError(
            f"the {name} has {series.size} values, the window has {steps} steps; both must agree", series=name
        )
    bad = np.flatnonzero(~np.isfinite(series))
    if len(bad):
        raise SolveError(
            f"the {name} has no usable number in step {int(bad[0])} ({len(bad)} in all); fill it or "
            "shorten the window",
            series=name,
        )


def _refuse_scalars(problem: DispatchProblem) -> None:
    prices, limits = problem.prices, problem.limits
    for name, value in (
        ("fuel price", prices.gas_eur_kwh),
        ("CO2 price", prices.co2_eur_t),
        ("fuel emission factor", prices.gas_kg_kwh),
        ("demand charge", prices.demand_charge_eur_kw * prices.peak_weight),
        ("peak of the month", prices.month_peak_kw),
        ("import limit", limits.import_kw),
        ("export limit", limits.export_kw),
        ("air reserve", limits.air_reserve_frac),
        ("cooling reserve", limits.cooling_reserve_frac),
    ):
        if not (np.isfinite(value) and value >= 0):
            raise SolveError(f"the {name} is {value}; it must be a number not below zero")


def _refuse_reserves(problem: DispatchProblem) -> None:
    limits = problem.limits
    for name, least in (
        ("capacity kept for air", limits.air_least_m3_min),
        ("capacity kept for cooling", limits.cooling_least_kw),
    ):
        if least is not None:
            _refuse_series(problem.steps, name, least)


def _refuse_twins(problem: DispatchProblem) -> None:
    steady = [one.name for one in problem.converters if not one.switches]
    names = [machine.name for machine in problem.switched] + steady
    names += [battery.name for battery in problem.batteries] + [boiler.name for boiler in problem.boilers]
    names += [store.name for store in problem.stores] + [load.name for load in problem.flexible.all]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SolveError(f"two machines are called {twice[0]}; give each its own name", machine=twice[0])


def _refuse_machines(problem: DispatchProblem) -> None:
    for compressor in problem.compressors:
        _refuse_compressor(compressor)
    for chiller in problem.chillers:
        _refuse_chiller(problem, chiller)
    for battery in problem.batteries:
        _refuse_battery(problem, battery)
    for store in problem.stores:
        _refuse_store(store)
    for chp in problem.chps:
        _refuse_chp(chp)
    for boiler in problem.boilers:
        _refuse_boiler(boiler)
    _refuse_locks(problem)


def _refuse_curve(name: str, x: FloatArray, y: FloatArray) -> None:
    """Check corners of shape (..., K)."""
    enough = x.shape == y.shape and x.shape[-1] > 1
    if not enough or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SolveError(
            f"the curve of {name} needs at least two finite corners of load and power", machine=name
        )
    if x.min() < 0 or y.min() < 0:
        raise SolveError(f"the curve of {name} has a negative capacity or power", machine=name)
    if np.diff(x, axis=-1).min() <= 0:
        raise SolveError(
            f"the curve of {name} must have rising loads; its capacity may be zero or given twice",
            machine=name,
        )


def _refuse_compressor(machine: Compressor) -> None:
    _refuse_curve(machine.name, machine.flow_m3_min, machine.power_kw)
    if not (machine.full_flow_m3_min > 0 and machine.full_power_kw > 0):
        raise SolveError(
            f"the full flow ({machine.full_flow_m3_min} m³/min) and power ({machine.full_power_kw} kW) of "
            f"{machine.name} must be above zero",
            machine=machine.name,
        )


def _refuse_chiller(problem: DispatchProblem, machine: Chiller) -> None:
    if machine.load_kw.ndim != 2 or len(machine.load_kw) != problem.steps:  # noqa: PLR2004  steps by corners
        raise SolveError(f"the curve of {machine.name} must have one row per step", machine=machine.name)
    _refuse_curve(machine.name, machine.load_kw, machine.power_kw)


def _refuse_battery(problem: DispatchProblem, battery: Battery) -> None:
    if not (0 <= battery.soc_min_kwh <= battery.soc_max_kwh and np.isfinite(battery.soc_kwh)):
        raise SolveError(f"the range or content of {battery.name} is not usable", machine=battery.name)
    if not (battery.charge_max_kw >= 0 and battery.discharge_max_kw >= 0):
        raise SolveError(f"{battery.name} has a negative power limit", machine=battery.name)
    if battery.taper_from_kwh is not None and not battery.taper_from_kwh < battery.soc_max_kwh:
        raise SolveError(
            f"the taper of {battery.name} must begin below its highest content", machine=battery.name
        )
    if not (0 < battery.charge_eff_frac <= 1 and 0 < battery.discharge_eff_frac <= 1):
        raise SolveError(f"the efficiencies of {battery.name} must lie in (0, 1]", machine=battery.name)
    if battery.fixed_kw is None:
        return
    free = np.isnan(battery.fixed_kw)
    if battery.fixed_kw.shape != (problem.steps,) or np.any(free[:-1] & ~free[1:]):
        raise SolveError(f"the power held by {battery.name} must begin with the window", machine=battery.name)


def _refuse_store(store: Store) -> None:
    ranged = 0 <= store.least <= store.most < np.inf and np.isfinite(store.content)
    if not (ranged and store.charge_max >= 0 and store.discharge_max >= 0):
        raise SolveError(
            f"{store.name} needs a content, a range and limits of numbers not below zero", machine=store.name
        )
    if not 0 <= store.loss_per_h_frac <= 1:
        raise SolveError(
            f"{store.name} loses {store.loss_per_h_frac} of its content per hour; give 0 to 1",
            machine=store.name,
        )


def _refuse_chp(chp: Chp) -> None:
    ranges = (
        (chp.power_min_kw, chp.power_max_kw),
        (chp.gas_min_kw, chp.gas_max_kw),
        (chp.heat_min_kw, chp.heat_max_kw),
    )
    if not all(0 <= low <= high < np.inf for low, high in ranges):
        raise SolveError(
            f"power, fuel and heat of {chp.name} must rise from minimum to full load and not be negative",
            machine=chp.name,
        )


def _refuse_boiler(boiler: Boiler) -> None:
    if not (boiler.capacity_kw >= 0 and 0 < boiler.efficiency_frac <= _MOST_EFFICIENT):
        raise SolveError(
            f"{boiler.name} has a capacity of {boiler.capacity_kw} kW at efficiency "
            f"{boiler.efficiency_frac}; neither may be negative, nor the efficiency above 1.1",
            machine=boiler.name,
        )


def _refuse_locks(problem: DispatchProblem) -> None:
    for machine in problem.switched:
        lock = machine.commitment.lock
        if lock is not None and (lock.shape != (problem.steps,) or lock.min() < -1 or lock.max() > 1):
            raise SolveError(
                f"the lock of {machine.name} must be free, off or on for each step", machine=machine.name
            )
        start = machine.commitment.start_eur
        if not (np.isfinite(start) and start >= 0):
            raise SolveError(
                f"the start cost of {machine.name} is {start}; it must not be below 0", machine=machine.name
            )
