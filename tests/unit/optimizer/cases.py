"""Small problems the tests of the optimiser share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.problem import (
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
    Prices,
    Pv,
)

START_NS = 1_770_000_300_000_000_000


def flat(steps: int, value: float) -> FloatArray:
    return np.full(steps, value)


def problem(
    steps: int = 8, *, price: FloatArray | None = None, binary_steps: int | None = None
) -> DispatchProblem:
    """Nothing to supply and no machine; the tests add what they are about."""
    nothing = np.zeros(steps)
    return DispatchProblem(
        start_ns=START_NS,
        steps=steps,
        binary_steps=steps if binary_steps is None else binary_steps,
        forecasts=Forecasts(
            electric_kw=nothing,
            air_m3_min=nothing,
            cooling_kw=nothing,
            heat_kw=nothing,
            pv_kw=nothing,
            outdoor_c=flat(steps, 15.0),
        ),
        prices=Prices(
            import_eur_kwh=flat(steps, 0.2) if price is None else price,
            export_eur_kwh=flat(steps, 0.05),
            gas_eur_kwh=0.055,
            co2_eur_t=65.0,
            grid_kg_kwh=flat(steps, 0.38),
            gas_kg_kwh=0.202,
        ),
    )


def with_need(asked: DispatchProblem, **needs: FloatArray) -> DispatchProblem:
    return replace(asked, forecasts=replace(asked.forecasts, **needs))


def fixed_speed(name: str, *, commitment: Commitment | None = None, full: float = 10.0) -> Compressor:
    """Fixed speed: 30 % unloaded, a blow-down bulge in between, so the trim curve is not convex."""
    share = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    power = 6.0 * full * (0.3 + 0.7 * share + 0.4 * share * (1 - share))
    return Compressor(
        name=name,
        kind="fixed",
        full_flow_m3_min=full,
        full_power_kw=6.0 * full,
        flow_m3_min=full * share,
        power_kw=power,
        commitment=commitment or Commitment(),
    )


def variable_speed(name: str, *, commitment: Commitment | None = None) -> Compressor:
    return Compressor(
        name=name,
        kind="vsd",
        full_flow_m3_min=16.0,
        full_power_kw=102.0,
        flow_m3_min=np.array([0.0, 4.0, 10.0, 16.0]),
        power_kw=np.array([9.0, 28.0, 60.0, 102.0]),
        commitment=commitment or Commitment(),
    )


def chiller(
    name: str, steps: int, *, capacity_kw: float = 400.0, commitment: Commitment | None = None
) -> Chiller:
    plr = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    power = capacity_kw / 4.5 * (0.15 + 0.3 * plr + 0.55 * plr**2)
    return Chiller(
        name=name,
        load_kw=np.tile(capacity_kw * plr, (steps, 1)),
        power_kw=np.tile(power, (steps, 1)),
        commitment=commitment or Commitment(),
    )


def battery(*, soc_kwh: float = 100.0, end_value: float | None = None) -> Battery:
    return Battery(
        name="battery",
        soc_kwh=soc_kwh,
        soc_min_kwh=20.0,
        soc_max_kwh=200.0,
        charge_max_kw=100.0,
        discharge_max_kw=100.0,
        end_value_eur_kwh=end_value,
    )


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
        chps=(
            Chp(
                name="chp",
                power_min_kw=50.0,
                power_max_kw=100.0,
                gas_min_kw=165.0,
                gas_max_kw=285.0,
                heat_min_kw=85.0,
                heat_max_kw=140.0,
                commitment=Commitment(min_up_s=7200.0, min_down_s=3600.0, start_eur=5.0),
            ),
        ),
        boilers=(Boiler(name="boiler", capacity_kw=300.0),),
        pv=Pv(),
    )
