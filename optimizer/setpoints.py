"""What the machines are told in a step of a plan; the hub leases exactly this, the simulation follows it.

A compressor on standby keeps its permit: its own low band lets it help when the plan was wrong. A chiller
that is not planned loses its permit; its loop's emergency still overrules that.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from optimizer.plan import Plan
from plant.control.setpoints import ChillerSetpoint, CompressorSetpoint, Setpoints
from plant.state import Plant
from plant.units.compressor import ROLE_BASE, ROLE_STANDBY, ROLE_TRIM
from plant.units.cooling import Chiller

_ROLE_CODES: Final = {"base": ROLE_BASE, "trim": ROLE_TRIM, "standby": ROLE_STANDBY}
_CURTAILED_KW: Final = 0.5
"""PV planned this far below what the sky gives is curtailed; less is rounding. [kW]"""

_SUPPLY_STEP_K: Final = 0.2
"""Warmer water is asked for in steps of this size, so that few set-points are sent. [K]"""


def setpoints_at(plant: Plant, plan: Plan, step: int, pv_available_kw: float | None = None) -> Setpoints:
    """Set-points of one step.

    Args:
        plant: The plant the plan was made for.
        plan: The plan.
        step: Step of the plan, 0 the first.
        pv_available_kw: What the sky was forecast to give; without it PV is never curtailed. [kW]
    """
    return Setpoints(
        compressors=tuple(_compressor(plan, name, step) for name in plant.compressor_ids),
        chillers=tuple(_chiller(plan, name, step) for name in plant.chiller_ids),
        battery_kw=float(plan.battery_kw[step]) if plant.battery else None,
        chp_permit=_chp_runs(plan, step) if plant.chp else None,
        chp_kw=_chp_kw(plant, plan, step),
        pv_limit_frac=_pv_limit(plant, plan, step, pv_available_kw),
        pv_kvar=_chosen(plan, "inverter_kvar", step) if plant.pv else None,
        tower_set_c=_chosen(plan, "condenser_water_c", step) if plant.tower else None,
    )


def eased(
    plant: Plant, told: Setpoints, before_c: tuple[float | None, ...], loop_c: float | None
) -> Setpoints:
    """The same with chilled-water set-points that the loop can follow.

    A set-point that jumps far above the loop stops every chiller at once, and none may start again before
    its anti-recycle time is over; so it rises only as far as the running machines stay in their band.

    Args:
        plant: From `compile_plant`.
        told: What the plan asks for.
        before_c: What each chiller was told last, in the order of `plant.chillers`; None for nothing. [°C]
        loop_c: Chilled water now; None when nobody measures it. [°C]
    """
    return told._replace(
        chillers=tuple(
            setpoint._replace(supply_set_c=_eased_c(unit, setpoint.supply_set_c, last_c, loop_c))
            for unit, setpoint, last_c in zip(plant.chillers, told.chillers, before_c, strict=True)
        )
    )


def _eased_c(
    unit: Chiller, planned_c: float | None, before_c: float | None, loop_c: float | None
) -> float | None:
    if planned_c is None:
        return None
    reached_c = unit.supply.default_c if before_c is None else before_c
    if loop_c is not None:
        most_c = loop_c + _lead_k(unit)
        follows_c = round(math.floor(most_c / _SUPPLY_STEP_K + 1e-6) * _SUPPLY_STEP_K, 3)
        reached_c = follows_c if before_c is None else max(before_c, follows_c)
    return min(planned_c, max(reached_c, unit.supply.low_c))


def _lead_k(unit: Chiller) -> float:
    """How far the set-point may lie above the loop: half way from where least load settles to the stop."""
    settles_k = (0.5 - unit.eir.plr_min_frac) * unit.supply.proportional_k
    stop_k = unit.thermostat.permitted_stop_k
    return (min(settles_k, stop_k) + stop_k) / 2.0


def _chosen(plan: Plan, name: str, step: int) -> float | None:
    """A set-point the plan had a choice of; None where it had none."""
    chosen = plan.setpoints.get(name)
    return None if chosen is None else float(chosen[step])


def _compressor(plan: Plan, name: str, step: int) -> CompressorSetpoint:
    """Role and permit; the machine that trims holds the pressure, where the plan chose it."""
    machine = plan.machines.get(name)
    if machine is None:
        return CompressorSetpoint()
    role = machine.role[step]
    target_bar_g = _chosen(plan, "air_bar_g", step) if role == "trim" else None
    return CompressorSetpoint(role=_ROLE_CODES[role], permit=True, target_bar_g=target_bar_g)


def _chiller(plan: Plan, name: str, step: int) -> ChillerSetpoint:
    """Permit and leaving water: as the plan chose where it had a choice, else as its curve is made for."""
    machine = plan.machines.get(name)
    if machine is None:
        return ChillerSetpoint()
    chosen = _chosen(plan, "chilled_water_c", step)
    supply_c = machine.supply_c if chosen is None else chosen
    return ChillerSetpoint(permit=bool(machine.on[step]), supply_set_c=supply_c)


def _chp_runs(plan: Plan, step: int) -> bool:
    return any(bool(machine.on[step]) for machine in plan.machines.values() if machine.kind == "chp")


def _chp_kw(plant: Plant, plan: Plan, step: int) -> float | None:
    """Beyond the binary steps a relaxed engine may lie below its least power; it is told that."""
    if plant.chp is None or not _chp_runs(plan, step):
        return None
    return -float(np.clip(plan.chp_kw[step], plant.chp.generation_min_kw, plant.chp.generation_max_kw))


def _pv_limit(plant: Plant, plan: Plan, step: int, available_kw: float | None) -> float | None:
    planned = [machine.level[step] for machine in plan.machines.values() if machine.kind == "pv"]
    if plant.pv is None or available_kw is None or not planned or planned[0] > available_kw - _CURTAILED_KW:
        return None
    return float(planned[0]) / plant.pv.inverter_kw
