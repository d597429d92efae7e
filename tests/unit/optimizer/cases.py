"""Small problems the tests of the optimiser share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.small_plant import (
    START_NS,
    battery,
    chiller,
    engine,
    fixed_speed,
    flat,
    problem,
    variable_speed,
    with_need,
)
from optimizer.problem import Boiler, Commitment, DispatchProblem, Limits, Pv

__all__ = [
    "START_NS",
    "battery",
    "chiller",
    "demo_day",
    "engine",
    "fixed_speed",
    "flat",
    "problem",
    "variable_speed",
    "with_need",
]


def demo_day(seed: int = 0) -> DispatchProblem:
    """A full day as the demo site has it: 4 compressors, 2 chillers, battery, CHP, boiler, 500 kWp PV."""
    rng = np.random.default_rng(seed)
    hour = np.arange(96) / 4.0
    shift = np.where((hour >= 6) & (hour < 22), 1.0, 0.35)
    noise = 1.0 + 0.05 * rng.standard_normal(96)
    price = np.select([(hour >= 8) & (hour < 12) | (hour >= 17) & (hour < 21), hour < 6], [0.24, 0.08], 0.16)
    switching = Commitment(min_up_s=1800.0, min_down_s=1800.0, start_eur=1.0)
    running = replace(switching, on=True)
    asked = problem(96, price=price, binary_steps=16)
    asked = with_need(
        asked,
        electric_kw=np.abs((250.0 + 350.0 * shift) * noise),
        air_m3_min=np.abs(36.0 * shift * noise),
        cooling_kw=np.abs((120.0 + 350.0 * np.sin(np.pi * hour / 24.0) ** 2) * noise),
        heat_kw=np.abs((60.0 + 140.0 * shift) * noise),
        pv_kw=400.0 * np.maximum(0.0, np.sin(np.pi * (hour - 6.0) / 12.0)) * (hour > 6) * (hour < 18),
    )
    return replace(
        asked,
        prices=replace(asked.prices, demand_charge_eur_kw=9.0, month_peak_kw=700.0, peak_weight=0.05),
        limits=Limits(import_kw=1500.0, export_kw=500.0, air_reserve_frac=0.05, cooling_reserve_frac=0.03),
        compressors=(
            fixed_speed("comp_1", commitment=running),
            fixed_speed("comp_2", commitment=switching),
            fixed_speed("comp_3", commitment=switching),
            variable_speed("comp_4", commitment=running),
        ),
        chillers=(
            chiller("chiller_1", 96, commitment=running),
            chiller("chiller_2", 96, commitment=switching),
        ),
        batteries=(battery(),),
        chps=(engine(Commitment(min_up_s=7200.0, min_down_s=3600.0, start_eur=5.0)),),
        boilers=(Boiler(name="boiler", capacity_kw=300.0),),
        pv=Pv(),
    )
