"""Money of the contracts beyond the price per kWh, from the final course of a plan."""

from __future__ import annotations

import numpy as np

from optimizer.demand_windows import means_of
from optimizer.problem import DispatchProblem, FloatArray
from optimizer.supply import EnergyTier, Reactive


def metered_kw(problem: DispatchProblem, bought: FloatArray) -> FloatArray:
    """Mean import of each whole step: of a step that had begun with what was bought before. [kW]."""
    means = bought.copy()
    if problem.begun is not None:
        gone = problem.begun.gone_frac
        means[0] = gone * problem.begun.import_kw + (1.0 - gone) * means[0]
    return means


def charges_of(
    problem: DispatchProblem, bought: FloatArray, fuel: FloatArray, inverter_kvar: FloatArray
) -> dict[str, float]:
    """Money of each contract of the site by its name; what the period owed already is not in it.

    Args:
        problem: The problem.
        bought: Import, shape (steps,). [kW]
        fuel: Fuel of all machines, shape (steps,). [kW LHV]
        inverter_kvar: Reactive power given by the inverters, shape (steps,). [kvar]
    """
    supply, hours = problem.supply, problem.hours
    kvar = np.zeros(problem.steps)
    if supply.reactive is not None:
        kvar = supply.reactive.need_kvar - inverter_kvar
    money: dict[str, float] = {}
    for charge in supply.charges:
        load = np.hypot(bought, kvar) if charge.apparent else bought
        means = means_of(charge, problem.start_ns, problem.steps, problem.step_s).begun(problem.begun)
        peak = float((means.weights @ load + means.known).max(initial=charge.so_far_kw))
        money[charge.name] = charge.charge(peak)
    for levy in supply.levies:
        money[levy.name] = float(bought @ (levy.eur_kwh * hours))
    if supply.tiers:
        money["tiers"] = _tiered(supply.tiers, float(bought @ hours))
    if supply.reactive is not None and supply.reactive.factor_least is not None:
        money["power_factor"] = _factor(supply.reactive, bought * hours, np.abs(kvar) * hours)
    if supply.gas is not None and supply.gas.takes:
        energy = fuel * hours
        unused = (max(take - float(energy[steps].sum()), 0.0) for _, steps, take in supply.gas.takes)
        money["gas_not_taken"] = sum(unused) * problem.prices.gas_eur_kwh
    return money


def _tiered(tiers: tuple[EnergyTier, ...], energy_kwh: float) -> float:
    money = 0.0
    for tier in tiers:
        part = min(energy_kwh, tier.room_kwh)
        money += part * tier.eur_kwh
        energy_kwh -= part
    return money


def _factor(reactive: Reactive, energy_kwh: FloatArray, counted_kvarh: FloatArray) -> float:
    """Charge of each month with this window less that without it; a better factor may earn some back."""
    total = 0.0
    for month in reactive.months:
        allowed = reactive.tangent * month.kwh - month.kvarh
        more = float((counted_kvarh - reactive.tangent * energy_kwh)[month.steps].sum())
        total += max(more - allowed, 0.0) - max(-allowed, 0.0)
    return total * reactive.eur_kvarh
