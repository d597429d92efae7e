"""An accepted plan as the ledger keeps it and the API shows it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from hub.dispatch.site import DispatchSite, told_through
from hub.dispatch.solving import Accepted
from hub.forecast.quarters import FloatArray
from hub.ledger.tables import PlanRow
from optimizer.level_words import LABELS
from optimizer.plan import Plan
from optimizer.read_network import AUXILIARIES
from protocols.config import Text
from runtime.clock import iso_utc

_UNITS: Final = {"_kwh": "kWh", "_kvar": "kvar"}
_LABELS: Final = {
    "import_kw": Text(en="Bought from the grid", zh="购电"),
    "export_kw": Text(en="Sold to the grid", zh="售电"),
    "need_kw": Text(en="Need without planned machines", zh="基础用电需求"),
    "compressor_kw": Text(en="Compressors", zh="空压机"),
    "chiller_kw": Text(en="Chillers", zh="冷水机组"),
    "battery_kw": Text(en="Battery, charging positive", zh="储能功率（充电为正）"),
    "chp_kw": Text(en="CHP generation", zh="热电联产发电"),
    "pv_kw": Text(en="PV generation", zh="光伏发电"),
    "fuel_kw": Text(en="Fuel, lower heating value", zh="燃料（低位热值）"),
    "soc_kwh": Text(en="Stored in the battery", zh="电池储能"),
    "inverter_kvar": Text(en="Reactive power of the inverters", zh="逆变器无功功率"),
    "baseline_kw": Text(en="Bought under the plant's own control", zh="自主控制下的购电"),
}


def row_of(site: DispatchSite, accepted: Accepted, created_ns: int, revision: int) -> PlanRow:
    """The row of a plan; its cost and CO2 are those of the forward run, end stores credited."""
    plan = accepted.plan
    return PlanRow(
        id=uuid.uuid4().hex,
        site=site.id,
        revision=revision,
        created_ns=created_ns,
        status=accepted.status,
        gap=accepted.gap,
        bound=accepted.bound,
        cost=accepted.simulated.total,
        baseline_cost=accepted.baseline.total,
        co2_kg=accepted.simulated.co2_kg,
        solve_s=accepted.solve_s,
        currency=plan.currency,
        steps=plan.steps,
        binary_steps=plan.binary_steps,
        body=_body(site, accepted),
    )


def _body(site: DispatchSite, accepted: Accepted) -> dict[str, Any]:
    plan = accepted.plan
    step_ns = round(plan.step_s * 1e9)
    return {
        "step_s": round(plan.step_s),
        "exact_steps": min(plan.binary_steps, plan.steps),
        "times": [iso_utc(plan.start_ns + step * step_ns) for step in range(plan.steps)],
        "series": [_line(name, values) for name, values in _series(accepted).items()],
        "machines": [
            {
                "device": name,
                "label": _label(site, name),
                "on": [int(on) for on in machine.on],
                "role": list(machine.role),
            }
            for name, machine in plan.machines.items()
            if name != AUXILIARIES
        ],
        "setpoints": list(_setpoints(site, plan)),
        "reason": accepted.reason,
        "currency": plan.currency,
        "notes": [note.model_dump() for note in accepted.notes],
        "cost_band": None if accepted.cost_band is None else list(accepted.cost_band),
        "forward": list(_forward(site, accepted)),
        "made": accepted.made,
        "through": told_through(site.plant.flowsheet),
        "curves": list(accepted.curves),
        "saving": accepted.saving,
        "shortages": [{"name": s.name, "step": s.step, "amount": s.amount} for s in plan.shortages],
    }


def _forward(site: DispatchSite, accepted: Accepted) -> Iterator[dict[str, Any]]:
    """What each machine takes or gives by the plan, and what it did when the plan was run forward."""
    plan, ran = accepted.plan, accepted.simulated.machine_kw
    hours = plan.step_s / 3600.0 if accepted.outlook is None else accepted.outlook.hours
    for name, machine in plan.machines.items():
        if name in ran:
            heat = machine.kind == "boiler"
            planned = machine.level if heat else machine.power_kw
            yield {
                "device": name,
                "label": _label(site, name),
                "quantity": "heat" if heat else "electricity",
                "planned_kwh": round(float(np.sum(planned * hours)), 1) + 0.0,
                "simulated_kwh": round(float(np.sum(ran[name] * hours)), 1) + 0.0,
            }


def _setpoints(site: DispatchSite, plan: Plan) -> Iterator[dict[str, Any]]:
    """Set-points the plan chose, with the machines that are told them."""
    plant = site.plant
    towers = tuple(name for name, unit in plant.flowsheet.units.items() if unit is plant.tower)
    told_by = {
        "chilled_water_c": (plant.chiller_ids, "supply_set_c"),
        "condenser_water_c": (towers, "condenser_set_c"),
        "air_bar_g": (plant.compressor_ids, "pressure_set_bar_g"),
    }
    for name, (label, unit) in LABELS.items():
        if name in plan.setpoints:
            machines, role = told_by[name]
            yield {
                "name": name,
                "label": label.model_dump(),
                "unit": unit,
                "devices": [one for one in machines if plant.flowsheet.binding(one, role) is not None],
                "values": [round(float(value), 3) for value in plan.setpoints[name]],
            }


def _series(accepted: Accepted) -> dict[str, FloatArray]:
    plan = accepted.plan

    def total(kind: str, field: str, sign: float = 1.0) -> FloatArray:
        rows = [getattr(machine, field) for machine in plan.machines.values() if machine.kind == kind]
        return sign * np.sum(rows, axis=0) if rows else np.zeros(plan.steps)

    chosen = {name: plan.setpoints[name] for name in ("inverter_kvar",) if name in plan.setpoints}
    return chosen | {
        "import_kw": plan.import_kw,
        "export_kw": plan.export_kw,
        "baseline_kw": accepted.baseline.import_kw,
        "need_kw": accepted.process_kw,
        "compressor_kw": total("compressor", "power_kw"),
        "chiller_kw": total("chiller", "power_kw"),
        "battery_kw": total("battery", "power_kw"),
        "chp_kw": total("chp", "power_kw", -1.0),
        "pv_kw": total("pv", "power_kw", -1.0),
        "fuel_kw": plan.fuel_kw,
        "soc_kwh": total("battery", "level"),
    }


def _line(name: str, values: FloatArray) -> dict[str, Any]:
    unit = next((unit for end, unit in _UNITS.items() if name.endswith(end)), "kW")
    shown = [round(float(value), 2) + 0.0 for value in values]
    return {"name": name, "unit": unit, "label": _LABELS[name].model_dump(), "values": shown}


def _label(site: DispatchSite, name: str) -> dict[str, str]:
    label = site.labels.get(name)
    return label.model_dump() if label is not None else {"en": name, "zh": name}
