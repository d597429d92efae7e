"""The plant day: ten fixed and two variable-speed compressors, chillers, stores, a battery and PV for a day.

A case for solver and formulation: every machine floats, the receiver is a store, and a month's demand charge
falls on one day. None of that is how a plant is planned here (`optimizer.compile`).
"""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from optimizer.cases.case_curves import looked_at
from optimizer.cases.case_numbers import NotNegative, Positive, StorageEfficiency
from optimizer.cases.case_numbers import Number as Finite
from optimizer.cases.forms import Form
from optimizer.problem import (
    LONG_S,
    Battery,
    Chiller,
    Commitment,
    Compressor,
    DispatchProblem,
    FloatArray,
    Forecasts,
    Limits,
    Prices,
    Pv,
    Store,
)

_CHORDS = 4
_MOST_STEPS = 1000
_PLR_MIN = 0.25
_Few = Annotated[int, Field(ge=0, le=1000)]


class FixedForm(Form):
    """A class of fixed-speed compressors; power = unload + loaded share · (load - unload)."""

    cls: str
    count: _Few
    flow_m3_min: Positive
    load_kw: Positive
    unload_kw: NotNegative
    min_up_steps: _Few = 0
    min_down_steps: _Few = 0
    start_cost: NotNegative = 0.0
    on_at_start: _Few = 0
    """How many of the class run at the start."""


class VsdForm(Form):
    """A variable-speed compressor by corners of flow and power."""

    flow_power: tuple[tuple[NotNegative, NotNegative], ...]
    min_up_steps: _Few = 0
    min_down_steps: _Few = 0
    start_cost: NotNegative = 0.0
    on_at_start: Annotated[int, Field(ge=0, le=1)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        flow, power = ([corner[k] for corner in self.flow_power] for k in range(2))
        looked_at("the flow of flow_power", flow, "its power", power)
        return self


class ReceiverForm(Form):
    """The air receiver as a store."""

    usable_m3: Positive
    start_m3: NotNegative
    end_min_m3: NotNegative = 0.0


class DayChillerForm(Form):
    """A chiller by capacity, COP and the shared EIR curve."""

    capacity_kw: Positive
    cop: Positive
    plr_min: Annotated[float, Field(gt=0, lt=1)] = _PLR_MIN
    min_up_steps: _Few = 0
    min_down_steps: _Few = 0
    start_cost: NotNegative = 0.0
    auxiliary_kw_when_on: NotNegative = 0.0
    on_at_start: Annotated[int, Field(ge=0, le=1)] = 0


class ColdStoreForm(Form):
    """The cold store."""

    capacity_kwh: Positive
    power_kw: NotNegative
    start_kwh: NotNegative
    end_min_kwh: NotNegative = 0.0
    loss_per_h: NotNegative = 0.0


class DayBatteryForm(Form):
    """The battery."""

    min_kwh: NotNegative
    max_kwh: Positive
    power_kw: NotNegative
    efficiency_one_way: StorageEfficiency
    start_kwh: NotNegative
    end_min_kwh: NotNegative = 0.0
    throughput_cost_per_kw_step: NotNegative = 0.0


class GridForm(Form):
    """The grid connection; the demand charge falls on the peak above the one so far."""

    import_max_kw: Positive
    export_max_kw: NotNegative
    export_price: Finite
    demand_charge_per_kw: NotNegative = 0.0
    peak_so_far_kw: NotNegative = 0.0


class SeriesForm(Form):
    """One value per step."""

    air: tuple[NotNegative, ...]
    cool: tuple[NotNegative, ...]
    base: tuple[NotNegative, ...]
    pv: tuple[NotNegative, ...]
    price: tuple[Finite, ...]
    capft: tuple[Positive, ...]
    eirft: tuple[Positive, ...]

    @model_validator(mode="after")
    def _alike(self) -> Self:
        lengths = {name: len(getattr(self, name)) for name in type(self).model_fields}
        if not 1 <= min(lengths.values()) == max(lengths.values()) <= _MOST_STEPS:
            raise ValueError(f"each series needs as many values, 1 to {_MOST_STEPS}; they have {lengths}")
        return self


class PlantDay(Form):
    """The whole case."""

    compressors_fixed: tuple[FixedForm, ...]
    compressors_vsd: tuple[VsdForm, ...]
    receiver: ReceiverForm
    chillers: tuple[DayChillerForm, ...]
    eir_plr: tuple[Finite, Finite, Finite]
    cold_store: ColdStoreForm
    battery: DayBatteryForm
    grid: GridForm
    step_h: Annotated[Positive, Field(ge=1 / 60, le=24)]
    series: SeriesForm


def problem_of(case: PlantDay) -> DispatchProblem:
    """The case as a problem of the planner, every switch whole."""
    series, steps, step_s = case.series, len(case.series.base), case.step_h * 3600.0
    nothing = np.zeros(steps)
    clean = {name: _clipped(getattr(series, name)) for name in ("air", "cool", "base", "pv")}
    return DispatchProblem(
        start_ns=0,
        steps=steps,
        step_s=step_s,
        binary_steps=steps,
        forecasts=Forecasts(
            electric_kw=clean["base"],
            air_m3_min=clean["air"],
            cooling_kw=clean["cool"],
            heat_kw=nothing,
            pv_kw=clean["pv"],
            outdoor_c=nothing,
        ),
        prices=Prices(
            import_eur_kwh=np.array(series.price),
            export_eur_kwh=np.full(steps, case.grid.export_price),
            gas_eur_kwh=0.0,
            co2_eur_t=0.0,
            grid_kg_kwh=nothing,
            gas_kg_kwh=0.0,
            demand_charge_eur_kw=case.grid.demand_charge_per_kw,
            month_peak_kw=case.grid.peak_so_far_kw,
        ),
        limits=Limits(
            import_kw=case.grid.import_max_kw,
            export_kw=case.grid.export_max_kw,
            may_blow_off=True,
            may_waste_cooling=True,
        ),
        compressors=_compressors(case, step_s),
        chillers=_chillers(case, step_s),
        batteries=(_battery(case),),
        stores=_stores(case),
        pv=Pv(),
    )


def _clipped(values: tuple[float, ...]) -> FloatArray:
    """Left-overs such as 1e-18 kW of PV at dusk are nothing."""
    series = np.array(values)
    return np.where(series < 1e-6 * max(float(series.max(initial=0.0)), 1.0), 0.0, series)


def _commitment(form: FixedForm | VsdForm | DayChillerForm, step_s: float, *, on: bool) -> Commitment:
    return Commitment(
        on=on,
        state_s=LONG_S,
        min_up_s=form.min_up_steps * step_s,
        min_down_s=form.min_down_steps * step_s,
        start_eur=form.start_cost,
    )


def _compressors(case: PlantDay, step_s: float) -> tuple[Compressor, ...]:
    fixed = [
        Compressor(
            name=f"fixed_{k}_{number}",
            kind="fixed",
            full_flow_m3_min=form.flow_m3_min,
            full_power_kw=form.load_kw,
            flow_m3_min=np.array([0.0, form.flow_m3_min]),
            power_kw=np.array([form.unload_kw, form.load_kw]),
            floats=True,
            commitment=_commitment(form, step_s, on=number < form.on_at_start),
        )
        for k, form in enumerate(case.compressors_fixed)
        for number in range(form.count)
    ]
    speeds = [
        Compressor(
            name=f"vsd_{k}",
            kind="vsd",
            full_flow_m3_min=form.flow_power[-1][0],
            full_power_kw=form.flow_power[-1][1],
            flow_m3_min=np.array([flow for flow, _ in form.flow_power]),
            power_kw=np.array([power for _, power in form.flow_power]),
            floats=True,
            commitment=_commitment(form, step_s, on=bool(form.on_at_start)),
        )
        for k, form in enumerate(case.compressors_vsd)
    ]
    return (*fixed, *speeds)


def _chillers(case: PlantDay, step_s: float) -> tuple[Chiller, ...]:
    capft, eirft = np.array(case.series.capft), np.array(case.series.eirft)
    found: list[Chiller] = []
    for k, form in enumerate(case.chillers):
        plr = np.linspace(form.plr_min, 1.0, _CHORDS + 1)
        capacity = form.capacity_kw * capft
        full = form.capacity_kw / form.cop * eirft * capft
        part = np.polynomial.polynomial.polyval(plr, case.eir_plr)
        found.append(
            Chiller(
                name=f"chiller_{k}",
                load_kw=capacity[:, None] * plr,
                power_kw=full[:, None] * part + form.auxiliary_kw_when_on,
                commitment=_commitment(form, step_s, on=bool(form.on_at_start)),
            )
        )
    return tuple(found)


def _battery(case: PlantDay) -> Battery:
    form = case.battery
    wear = form.throughput_cost_per_kw_step / case.step_h
    return Battery(
        name="battery",
        soc_kwh=form.start_kwh,
        soc_min_kwh=form.min_kwh,
        soc_max_kwh=form.max_kwh,
        charge_max_kw=form.power_kw,
        discharge_max_kw=form.power_kw,
        charge_eff_frac=form.efficiency_one_way,
        discharge_eff_frac=form.efficiency_one_way,
        wear_eur_kwh=wear,
        charge_wear_eur_kwh=wear,
        end_least_kwh=form.end_min_kwh,
        end_value_eur_kwh=0.0,
    )


def _stores(case: PlantDay) -> tuple[Store, ...]:
    air, cold = case.receiver, case.cold_store
    return (
        Store(
            name="receiver",
            carrier="air",
            content=air.start_m3,
            most=air.usable_m3,
            end_least=air.end_min_m3,
        ),
        Store(
            name="cold_store",
            carrier="cooling",
            content=cold.start_kwh,
            most=cold.capacity_kwh,
            charge_max=cold.power_kw,
            discharge_max=cold.power_kw,
            loss_per_h_frac=cold.loss_per_h,
            end_least=cold.end_min_kwh,
        ),
    )
