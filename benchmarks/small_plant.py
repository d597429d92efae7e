"""Small machines, prices and needs that the cases and the tests of the optimiser share."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.problem import (
    Battery,
    Chiller,
    Chp,
    Commitment,
    Compressor,
    DispatchProblem,
    FloatArray,
    Forecasts,
    Prices,
)

START_NS: Final = 1_770_000_300_000_000_000


def flat(steps: int, value: float) -> FloatArray:
    """The same value in every step."""
    return np.full(steps, value)


def problem(
    steps: int = 8, *, price: FloatArray | None = None, binary_steps: int | None = None
) -> DispatchProblem:
    """Nothing to supply and no machine; whoever asks adds what it is about."""
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
    """The same with other needs, by the name of the forecast."""
    return replace(asked, forecasts=replace(asked.forecasts, **needs))


def fixed_speed(
    name: str, *, commitment: Commitment | None = None, full: float = 10.0, bulge: float = 0.4
) -> Compressor:
    """Fixed speed: 30 % unloaded, a blow-down bulge in between, so the trim curve is not convex."""
    share = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    return Compressor(
        name=name,
        kind="fixed",
        full_flow_m3_min=full,
        full_power_kw=6.0 * full,
        flow_m3_min=full * share,
        power_kw=6.0 * full * (0.3 + 0.7 * share + bulge * share * (1 - share)),
        commitment=commitment or Commitment(),
    )


def variable_speed(name: str, *, commitment: Commitment | None = None) -> Compressor:
    """Variable speed, 16 m³/min at most."""
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
    """A chiller with a convex part-load curve, its least load a fifth of its capacity."""
    plr = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    power = capacity_kw / 4.5 * (0.15 + 0.3 * plr + 0.55 * plr**2)
    return Chiller(
        name=name,
        load_kw=np.tile(capacity_kw * plr, (steps, 1)),
        power_kw=np.tile(power, (steps, 1)),
        commitment=commitment or Commitment(),
    )


def battery(
    *,
    name: str = "battery",
    soc_kwh: float = 100.0,
    end_value: float | None = None,
    wear_eur_kwh: float = 0.0,
) -> Battery:
    """A battery of 180 kWh between its limits, 100 kW."""
    return Battery(
        name=name,
        soc_kwh=soc_kwh,
        soc_min_kwh=20.0,
        soc_max_kwh=200.0,
        charge_max_kw=100.0,
        discharge_max_kw=100.0,
        end_value_eur_kwh=end_value,
        wear_eur_kwh=wear_eur_kwh,
    )


def engine(commitment: Commitment) -> Chp:
    """A CHP of 100 kW."""
    return Chp(
        name="chp",
        power_min_kw=50.0,
        power_max_kw=100.0,
        gas_min_kw=165.0,
        gas_max_kw=285.0,
        heat_min_kw=85.0,
        heat_max_kw=140.0,
        commitment=commitment,
    )
