"""From the parts of a plant's case file to converters, polygons, loads, contracts and set-points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.cases.case_numbers import Series
from optimizer.cases.case_parts import MINUTE_S, CaseSwitching
from optimizer.cases.plant_contracts import CaseContracts, CaseDemandCharge
from optimizer.cases.plant_network import (
    CaseBatch,
    CaseConverter,
    CaseEvGroup,
    CasePolygonChp,
    CaseShedLoad,
    CaseShiftLoad,
)
from optimizer.flexible import Batch, Car, EvGroup, Flexible, ShedLoad, ShiftLoad
from optimizer.network import Cogen, Converter, Flow
from optimizer.problem import Commitment, FloatArray
from optimizer.starting import Ramp, Starting
from optimizer.supply import DemandCharge, EnergyTier, GasContract, Levy, Reactive, Supply
from optimizer.switching import FREE, OFF
from protocols.errors import SolveError

CaseLoad = CaseShiftLoad | CaseBatch | CaseShedLoad | CaseEvGroup


def spread(steps: int, name: str, series: Series) -> FloatArray:
    """One value per step.

    Raises:
        SolveError: The series has another length.
    """
    if isinstance(series, float | int):
        return np.full(steps, float(series))
    if len(series) != steps:
        raise SolveError(
            f"the series {name} has {len(series)} values, the case has {steps} steps; both must agree",
            zh=f"序列 {name} 有 {len(series)} 个值，算例有 {steps} 步；两者须一致",
        )
    return np.array(series, dtype=np.float64)


def commitment_of(own: CaseSwitching, steps: int) -> Commitment:
    """State and switching limits of a machine."""
    held = {
        "free": None,
        "standing": np.zeros(steps, dtype=np.int64),
        "running": np.ones(steps, dtype=np.int64),
    }
    starts = own.starts
    return Commitment(
        on=own.running,
        state_s=own.since_min * MINUTE_S,
        min_up_s=own.min_run_min * MINUTE_S,
        min_down_s=own.min_stop_min * MINUTE_S,
        start_eur=own.start_cost,
        cold_start_eur=own.cold_start_cost,
        cold_after_s=own.cold_after_min * MINUTE_S,
        lock=held[own.held],
        starting=Starting(
            most_per_h=starts.most_per_h,
            most_per_day=starts.most_per_day,
            ages_s=tuple(ago * MINUTE_S for ago in starts.ago_min),
            warm_up_s=starts.warm_up_min * MINUTE_S,
            warm_up_kw=starts.warm_up_kw,
            warm_up_fuel_kw=starts.warm_up_fuel_kw,
            run_on_s=starts.run_on_min * MINUTE_S,
            run_on_kw=starts.run_on_kw,
            stop_eur=starts.stop_cost,
        ),
        ramp=None if own.ramp is None else Ramp(**own.ramp.model_dump()),
        run_h=own.run_h,
    )


def converter_of(one: CaseConverter, steps: int) -> Converter:
    """A converter; its level is what it gives, of several carriers the first by name, or else takes.

    Raises:
        SolveError: No carrier rises from corner to corner, or a series has another length.
    """
    taken = {name: _from_zero(corners) for name, corners in sorted(one.takes.items())}
    given = {name: _from_zero(corners) for name, corners in sorted(one.gives.items())}
    rising = [corners for corners in (*given.values(), *taken.values()) if np.all(np.diff(corners) > 0)]
    if not rising:
        raise SolveError(
            f"no carrier of {one.name} rises from corner to corner; give its corners from least to most",
            zh=f"{one.name} 没有任何介质逐点递增；请按从小到大给出各点",
            machine=one.name,
        )
    share = spread(steps, f"available_frac of {one.name}", one.available_frac)
    if not (np.isfinite(share).all() and share.min() >= 0):
        raise SolveError(
            f"available_frac of {one.name} must be numbers not below zero",
            zh=f"{one.name} 的 available_frac 须为不小于零的数",
            machine=one.name,
        )
    size = np.where(share > 0, share, 1.0)[:, None]
    own = commitment_of(one.switching, steps)
    if (share <= 0).any():
        lock = np.full(steps, FREE) if own.lock is None else own.lock
        own = replace(own, lock=np.where(share > 0, lock, OFF))
    signed = [*taken.items(), *((name, -corners) for name, corners in given.items())]
    return Converter(
        name=one.name,
        level=rising[0] * size,
        flows=tuple(Flow(carrier=name, at=corners * size) for name, corners in signed),
        commitment=own,
    )


def _from_zero(corners: tuple[float, ...]) -> FloatArray:
    return np.array(corners if len(corners) > 1 else (0.0, *corners), dtype=np.float64)


def cogen_of(one: CasePolygonChp, steps: int) -> Cogen:
    """A CHP with a polygon."""
    return Cogen(
        name=one.name,
        corners=one.corners,
        fuel_planes=one.fuel,
        heat_carrier=one.heat_carrier,
        low_heat=one.low_heat,
        low_carrier=one.low_carrier,
        commitment=commitment_of(one.switching, steps),
    )


def loads_of(loads: list[CaseLoad], steps: int) -> Flexible:
    """All loads that may move."""
    return Flexible(
        shift=tuple(
            ShiftLoad(
                name=one.name,
                energy_kwh=one.energy_kwh,
                first=one.first_step,
                until=steps if one.until_step is None else one.until_step,
                most_kw=one.power_kw,
                least_kw=one.least_kw,
            )
            for one in loads
            if isinstance(one, CaseShiftLoad)
        ),
        batches=tuple(
            Batch(
                name=one.name,
                course_kw=one.course_kw,
                first=one.first_step,
                until=steps if one.until_step is None else one.until_step,
            )
            for one in loads
            if isinstance(one, CaseBatch)
        ),
        shed=tuple(
            ShedLoad(
                name=one.name,
                most_kw=spread(steps, f"power_kw of {one.name}", one.power_kw),
                eur_kwh=one.cost_per_kwh,
                most_kwh=one.most_kwh,
            )
            for one in loads
            if isinstance(one, CaseShedLoad)
        ),
        ev=tuple(_group(one) for one in loads if isinstance(one, CaseEvGroup)),
    )


def _group(one: CaseEvGroup) -> EvGroup:
    cars = sorted(one.cars, key=lambda car: car.name)
    return EvGroup(
        name=one.name,
        most_kw=one.power_kw,
        cars=tuple(
            Car(
                name=car.name,
                arrives=car.arrives_step,
                leaves=car.leaves_step,
                energy_kwh=car.energy_kwh,
                most_kw=car.power_kw,
            )
            for car in cars
        ),
    )


def supply_of(case: CaseContracts, steps: int) -> Supply:
    """All contracts."""
    reactive, gas = case.reactive, case.gas
    estimate = case.marginal_kg_per_kwh
    return Supply(
        charges=tuple(_charge(one) for one in sorted(case.demand, key=lambda one: one.name)),
        tiers=tuple(
            EnergyTier(
                room_kwh=np.inf if tier.room_kwh is None else tier.room_kwh, eur_kwh=tier.surcharge_per_kwh
            )
            for tier in case.tiers
        ),
        levies=tuple(
            Levy(name=name, eur_kwh=spread(steps, f"levy {name}", series))
            for name, series in sorted(case.levies_per_kwh.items())
        ),
        import_least_kw=case.import_least_kw,
        reactive=None
        if reactive is None
        else Reactive(
            need_kvar=spread(steps, "need_kvar", reactive.need_kvar),
            inverter_kva=reactive.inverter_kva,
            factor_least=reactive.factor_least,
            eur_kvarh=reactive.per_kvarh,
            month_kwh=reactive.month_kwh,
            month_kvarh=reactive.month_kvarh,
        ),
        gas=None
        if gas is None
        else GasContract(
            hourly_kwh=np.inf if gas.hourly_kwh is None else gas.hourly_kwh,
            this_hour_kwh=gas.this_hour_kwh,
            take_kwh=gas.take_or_pay_kwh,
        ),
        co2_cap_kg=case.co2_cap_kg,
        marginal_kg_kwh=None if estimate is None else spread(steps, "marginal_kg_per_kwh", estimate),
    )


def _charge(one: CaseDemandCharge) -> DemandCharge:
    return DemandCharge(
        name=one.name,
        eur_kw=one.per_kw,
        so_far_kw=one.so_far_kw,
        over_from_kw=one.over_from_kw,
        over_eur_kw=one.over_per_kw,
        weight_frac=one.share_frac,
        counts=None if one.counts is None else np.array(one.counts, dtype=np.bool_),
        window_s=None if one.window_min is None else one.window_min * MINUTE_S,
        sliding=one.sliding,
        before_kw=one.before_kw,
        apparent=one.by_kva,
    )
