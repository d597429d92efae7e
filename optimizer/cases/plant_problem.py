"""From a plant's case file to the problem of the planner."""

from __future__ import annotations

import datetime as dt

import numpy as np

from optimizer.begun import begun_since
from optimizer.cases.case_parts import MINUTE_S
from optimizer.cases.case_site import CaseNeeds
from optimizer.cases.case_storage import CaseBattery, CaseStore
from optimizer.cases.levels_problem import (
    air_levels_of,
    cooling_levels_of,
    eir_corners,
    eir_remarks,
)
from optimizer.cases.network_problem import (
    CaseLoad,
    cogen_of,
    commitment_of,
    converter_of,
    loads_of,
    spread,
    supply_of,
)
from optimizer.cases.plant_case import (
    CaseBoiler,
    CaseChiller,
    CaseChp,
    CaseCompressor,
    CasePv,
    PlantCase,
)
from optimizer.cases.plant_network import CaseConverter, CaseEirChiller, CasePolygonChp
from optimizer.network import Carrier
from optimizer.problem import (
    Battery,
    Boiler,
    Chiller,
    Chp,
    Compressor,
    DispatchProblem,
    FloatArray,
    Forecasts,
    Limits,
    Prices,
    Pv,
    Store,
)
from optimizer.words import Speech, said
from protocols.errors import SolveError


def problem_of_plant(case: PlantCase) -> DispatchProblem:
    """The problem of a case; machines in the order of their names, so the order of the file is nothing.

    Raises:
        SolveError: A series or curve has another length than it should.
    """
    steps, prices = case.steps, case.prices
    machines = sorted(case.machines, key=lambda machine: machine.name)
    needs = {name: spread(steps, name, getattr(case.needs, name)) for name in CaseNeeds.model_fields}
    eirs = {one.name: one for one in machines if isinstance(one, CaseEirChiller)}
    chillers = tuple(
        _chiller(one, steps) for one in machines if isinstance(one, CaseChiller | CaseEirChiller)
    )
    pv = [one for one in machines if isinstance(one, CasePv)]
    if len(pv) > 1:
        raise SolveError(
            f"the case has {len(pv)} PV plants, {pv[0].name} and {pv[1].name}; add them into one series",
            zh=f"算例有 {len(pv)} 个光伏电站（{pv[0].name} 和 {pv[1].name}）；请合并为一个序列",
        )
    whole = DispatchProblem(
        start_ns=round(case.start.astimezone(dt.UTC).timestamp()) * 1_000_000_000,
        step_s=case.step_min * MINUTE_S,
        steps=steps,
        binary_steps=min(case.exact_steps, steps),
        forecasts=Forecasts(**needs, outdoor_c=np.zeros(steps)),
        prices=Prices(
            import_eur_kwh=spread(steps, "import_per_kwh", prices.import_per_kwh),
            export_eur_kwh=spread(steps, "export_per_kwh", prices.export_per_kwh),
            gas_eur_kwh=prices.gas_per_kwh,
            co2_eur_t=prices.co2_per_t,
            grid_kg_kwh=spread(steps, "grid_kg_per_kwh", prices.grid_kg_per_kwh),
            gas_kg_kwh=prices.gas_kg_per_kwh,
            demand_charge_eur_kw=prices.demand_per_kw,
            month_peak_kw=prices.month_peak_kw,
            peak_weight=prices.demand_share_frac,
            currency=prices.currency,
        ),
        limits=Limits(**case.limits.model_dump()),
        compressors=tuple(_compressor(one, steps) for one in machines if isinstance(one, CaseCompressor)),
        chillers=chillers,
        batteries=tuple(_battery(one) for one in machines if isinstance(one, CaseBattery)),
        stores=tuple(_store(one) for one in machines if isinstance(one, CaseStore)),
        chps=tuple(_chp(one, steps) for one in machines if isinstance(one, CaseChp)),
        boilers=tuple(
            Boiler(name=one.name, capacity_kw=one.heat_kw, efficiency_frac=one.efficiency_frac)
            for one in machines
            if isinstance(one, CaseBoiler)
        ),
        pv=Pv(name=pv[0].name, can_curtail=pv[0].can_curtail) if pv else None,
        supply=supply_of(case.contracts, steps),
        carriers=tuple(
            Carrier(
                name=name,
                need=spread(steps, f"need of {name}", one.need),
                short_eur=one.short_cost,
                surplus_eur=one.surplus_cost,
            )
            for name, one in sorted(case.carriers.items())
        ),
        converters=tuple(converter_of(one, steps) for one in machines if isinstance(one, CaseConverter)),
        cogens=tuple(cogen_of(one, steps) for one in machines if isinstance(one, CasePolygonChp)),
        flexible=loads_of([one for one in machines if isinstance(one, CaseLoad)], steps),
        cooling_levels=cooling_levels_of(case.setpoints, chillers, eirs, steps),
        remarks=tuple(
            said("{name}: {remark}", "{name}：{remark}", name=name, remark=remark)
            for name, one in eirs.items()
            for remark in eir_remarks(one, steps)
        ),
        speech=Speech(
            {name: one.label for name, one in case.carriers.items() if one.label is not None},
            case.start.tzinfo or dt.UTC,
        ),
        air_levels=air_levels_of(case.setpoints, steps),
    )
    if case.begun is None:
        return whole
    return begun_since(whole, case.begun.gone_min * MINUTE_S, case.begun.import_kw)


def _corners(name: str, x: tuple[float, ...], y: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    if len(x) != len(y) or len(x) < 2:  # noqa: PLR2004  a line has two ends
        raise SolveError(
            f"the curve of {name} needs two or more corners, each with its power",
            zh=f"{name} 的曲线需要两个或更多的点，且各有功率",
            machine=name,
        )
    return np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)


def _compressor(one: CaseCompressor, steps: int) -> Compressor:
    flow, power = _corners(one.name, one.flow_m3_min, one.power_kw)
    if one.blow_off_below_m3_min > 0:
        flow, power = _blowing_off(one, flow, power)
    return Compressor(
        name=one.name,
        kind="vsd" if flow[0] > 0 else "fixed",
        full_flow_m3_min=float(flow[-1]),
        full_power_kw=float(power[-1]),
        flow_m3_min=flow,
        power_kw=power,
        floats=one.floats,
        heat_recovery_frac=one.heat_recovery_frac,
        heat_carrier=one.heat_carrier,
        commitment=commitment_of(one.switching, steps),
    )


def _blowing_off(one: CaseCompressor, flow: FloatArray, power: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The curve with a level part below the flow at which the vanes close no further."""
    least = one.blow_off_below_m3_min
    if not flow[0] <= least < flow[-1]:
        raise SolveError(
            f"{one.name} blows off below {least} m³/min, which is no flow of its curve",
            zh=f"{one.name} 低于 {least} m³/min 时放空，但其曲线没有该流量",
            machine=one.name,
        )
    above = flow > least
    level = float(np.interp(least, flow, power))
    return np.array([0.0, least, *flow[above]]), np.array([level, level, *power[above]])


def _eir_chiller(one: CaseEirChiller, steps: int) -> Chiller:
    chilled_c = np.full(steps, one.chilled_c)
    condenser_c = spread(steps, f"condenser_c of {one.name}", one.condenser_c)
    if not (np.isfinite(condenser_c).all() and np.isfinite(one.chilled_c)):
        raise SolveError(
            f"the temperatures of {one.name} must be numbers",
            zh=f"{one.name} 的温度须为数值",
            machine=one.name,
        )
    load, power = eir_corners(one, chilled_c, condenser_c)
    return Chiller(
        name=one.name,
        load_kw=load,
        power_kw=power,
        supply_c=one.chilled_c,
        commitment=commitment_of(one.switching, steps),
    )


def _chiller(one: CaseChiller | CaseEirChiller, steps: int) -> Chiller:
    if isinstance(one, CaseEirChiller):
        return _eir_chiller(one, steps)
    load, power = _corners(one.name, one.load_kw, one.power_kw)
    return Chiller(
        name=one.name,
        load_kw=np.tile(load, (steps, 1)),
        power_kw=np.tile(power, (steps, 1)),
        commitment=commitment_of(one.switching, steps),
    )


def _battery(one: CaseBattery) -> Battery:
    return Battery(
        name=one.name,
        soc_kwh=one.content_kwh,
        soc_min_kwh=one.least_kwh,
        soc_max_kwh=one.most_kwh,
        charge_max_kw=one.charge_kw,
        discharge_max_kw=one.discharge_kw,
        charge_eff_frac=one.efficiency_frac,
        discharge_eff_frac=one.efficiency_frac,
        wear_eur_kwh=one.wear_per_kwh,
        end_least_kwh=one.end_least_kwh,
        end_value_eur_kwh=one.end_value_per_kwh,
    )


def _store(one: CaseStore) -> Store:
    return Store(
        name=one.name,
        carrier=one.carrier,
        content=one.content,
        most=one.most,
        least=one.least,
        charge_max=one.charge,
        discharge_max=one.discharge,
        loss_per_h_frac=one.loss_per_h_frac,
        end_least=one.end_least,
        end_value=one.end_value,
    )


def _chp(one: CaseChp, steps: int) -> Chp:
    return Chp(
        name=one.name,
        power_min_kw=one.power_kw[0],
        power_max_kw=one.power_kw[1],
        gas_min_kw=one.gas_kw[0],
        gas_max_kw=one.gas_kw[1],
        heat_min_kw=one.heat_kw[0],
        heat_max_kw=one.heat_kw[1],
        commitment=commitment_of(one.switching, steps),
    )
