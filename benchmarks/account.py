"""Money of a course of the plant: tariff, fuel, starts and CO2, day by day, stores credited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.plant_run import QUARTER_S, Course, World
from optimizer.simulate import stored_kwh
from optimizer.tariff import prices
from plant.state import Plant, PlantState

_QUARTERS_A_DAY = 96


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a course cost.

    Attributes:
        cost: Whole course, end stores credited at the last day's mean price. [money]
        day_costs: Each day, stores credited at midnight at that day's mean price. [money]
        peak_kw: Highest quarter of import.
        energy_kwh: Bought electricity and fuel (LHV).
        outside_s: Seconds in which any supply was outside its limit.
        plans: Plans that came into force.
        refused: Plans that could not be had.
        parts: Energy, fuel, starts, CO2, and worth of the stores. [money]
    """

    cost: float
    day_costs: list[float]
    peak_kw: float
    energy_kwh: float
    outside_s: int
    plans: int
    refused: int
    parts: dict[str, float]


def account(world: World, course: Course) -> Ledger:
    """Add a course up."""
    count = len(course.import_kw)
    start_ns = world.monday_ns + world.start_s * 1_000_000_000
    tariff, emissions = world.site.supply
    price = prices(tariff, emissions, (start_ns, count, float(QUARTER_S)))
    bought, sold, fuel = (np.asarray(s) for s in (course.import_kw, course.export_kw, course.fuel_kw))
    hours = QUARTER_S / 3600.0
    energy = hours * (bought * price.import_eur_kwh - sold * price.export_eur_kwh)
    burnt = hours * fuel * price.gas_eur_kwh
    co2 = hours * (bought * price.grid_kg_kwh + fuel * price.gas_kg_kwh) / 1000.0 * price.co2_eur_t
    worth = (
        (price.import_eur_kwh + price.co2_eur_t * price.grid_kg_kwh / 1000.0)
        .reshape(-1, _QUARTERS_A_DAY)
        .mean(1)
    )
    states = [world.begin, *course.midnights]
    starts = [_starts_money(world.plant, world.begin, state) / tariff.cny_rate for state in states]
    stored = [stored_kwh(world.plant, world.begin, state) for state in states]
    flows = (energy + burnt + co2).reshape(-1, _QUARTERS_A_DAY).sum(1)
    days = [
        float(flows[day] + starts[day + 1] - starts[day] - (stored[day + 1] - stored[day]) * worth[day])
        for day in range(len(course.midnights))
    ]
    credit = stored[-1] * float(worth[-1])
    return Ledger(
        cost=float(flows.sum()) + starts[-1] - credit,
        day_costs=days,
        peak_kw=float(bought.max()),
        energy_kwh=float((bought + fuel).sum()) * hours,
        outside_s=course.outside_s,
        plans=course.plans,
        refused=len(course.refused),
        parts={
            "energy": float(energy.sum()),
            "fuel": float(burnt.sum()),
            "starts": starts[-1],
            "co2": float(co2.sum()),
            "stored": credit,
        },
    )


def starts_of(plant: Plant, begin: PlantState, end: PlantState) -> list[tuple[int, float]]:
    """Starts of each machine between two states, with the wear of one. [CNY]."""
    pairs = [
        (after.starts_count - before.starts_count, unit.start_cost_cny)
        for unit, before, after in zip(plant.compressors, begin.compressors, end.compressors, strict=True)
    ]
    pairs += [
        (after.starts_count - before.starts_count, unit.start_cost_cny)
        for unit, before, after in zip(plant.chillers, begin.chillers, end.chillers, strict=True)
    ]
    if plant.chp is not None:
        pairs.append((end.chp.starts_count - begin.chp.starts_count, plant.chp.times.start_cost_cny))
    return pairs


def _starts_money(plant: Plant, begin: PlantState, end: PlantState) -> float:
    """Wear of all starts between two states. [CNY]."""
    return float(sum(count * cny for count, cny in starts_of(plant, begin, end)))
