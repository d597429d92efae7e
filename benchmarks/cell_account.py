"""Money, energy, emissions and wear of one course in a cell, the same for whoever runs the plant.

    cost = energy + fuel + starts + CO2 + battery wear + demand charge - what the stores hold more

What the stores hold more at the end is credited at the marginal cost of electricity of the week that follows:
its mean price with the price of its emissions, the same for all courses of a cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.account import starts_of
from benchmarks.plant_run import QUARTER_S, Course, World
from optimizer.simulate import stored_kwh
from optimizer.tariff import prices

_WEEK_QUARTERS: Final = 7 * 96


@dataclass(frozen=True, slots=True)
class CellLedger:
    """What a course of a cell cost.

    Attributes:
        cost: Of the whole course. [money]
        parts: Energy, fuel, starts, CO2, wear of the battery, demand charge, worth of the stores. [money]
        energy_kwh: Bought electricity and fuel (LHV), less what was fed in.
        co2_kg: Of bought electricity and fuel.
        peak_kw: Highest quarter of import.
        starts: Of all machines.
        outside_s: Seconds in which any supply was outside its limit.
        plans: Plans that came into force.
        refused: Plans that could not be had.
        reasons: Why, the first few.
        unit_kwh: Electricity of each unit, taken from the bus positive.
        dumped_kwh: Heat of the engine nobody took.
    """

    cost: float
    parts: dict[str, float]
    energy_kwh: float
    co2_kg: float
    peak_kw: float
    starts: int
    outside_s: int
    plans: int = 0
    refused: int = 0
    reasons: tuple[str, ...] = ()
    unit_kwh: dict[str, float] = field(default_factory=dict)
    dumped_kwh: float = 0.0


def account(world: World, course: Course, *, period: bool) -> CellLedger:
    """Add a course up; the demand charge belongs to a billing period, once."""
    tariff, emissions = world.site.supply
    start_ns = world.monday_ns + world.start_s * 1_000_000_000
    count = len(course.import_kw)
    price = prices(tariff, emissions, (start_ns, count, float(QUARTER_S)))
    bought, sold, fuel = (np.asarray(s) for s in (course.import_kw, course.export_kw, course.fuel_kw))
    hours = QUARTER_S / 3600.0
    co2_kg = hours * float((bought * price.grid_kg_kwh + fuel * price.gas_kg_kwh).sum())
    counted = starts_of(world.plant, world.begin, course.end)
    battery = world.plant.battery
    wear_cny = course.discharged_kwh * battery.wear_cny_kwh if battery else 0.0
    peak_kw = float(bought.max(initial=0.0))
    parts = {
        "energy": hours * float((bought * price.import_eur_kwh - sold * price.export_eur_kwh).sum()),
        "fuel": hours * float(fuel.sum()) * price.gas_eur_kwh,
        "starts": sum(count * cny for count, cny in counted) / tariff.cny_rate,
        "co2": co2_kg / 1000.0 * price.co2_eur_t,
        "wear": wear_cny / tariff.cny_rate,
        "demand": tariff.demand_per_kw * peak_kw if period else 0.0,
        "stored": -stored_kwh(world.plant, world.begin, course.end) * _marginal(world, start_ns, count),
    }
    return CellLedger(
        cost=sum(parts.values()),
        parts=parts,
        energy_kwh=hours * float((bought - sold + fuel).sum()),
        co2_kg=co2_kg,
        peak_kw=peak_kw,
        starts=sum(count for count, _ in counted),
        outside_s=course.outside_s,
        plans=course.plans,
        refused=len(course.refused),
        reasons=tuple(dict.fromkeys(course.refused))[:3],
        unit_kwh=dict(zip(world.plant.electric_ids, course.unit_kwh.tolist(), strict=True)),
        dumped_kwh=course.dumped_kwh,
    )


def _marginal(world: World, start_ns: int, count: int) -> float:
    """Mean marginal cost of electricity over the week after a course. [money/kWh]."""
    end_ns = start_ns + count * QUARTER_S * 1_000_000_000
    price = prices(*world.site.supply, (end_ns, _WEEK_QUARTERS, float(QUARTER_S)))
    return float((price.import_eur_kwh + price.co2_eur_t * price.grid_kg_kwh / 1000.0).mean())
