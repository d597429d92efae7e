"""A plan held against the true curves: what straight lines miss, where it leaves what was learnt.

Each planned point is evaluated on the curve the forward simulation reads (the learnt one where there is one),
at its own step's temperatures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from optimizer.outlook import Outlook
from optimizer.plan import MachinePlan, Plan
from optimizer.planned import planned_header_bar_g
from optimizer.problem import BoolArray, DispatchProblem, FloatArray
from optimizer.words import QUANTITIES, Speech
from plant.learnt import AnyLearnt
from plant.state import Plant, Weather
from plant.units.compressor import Compressor, cycle_power_frac
from plant.units.cooling import Chiller
from protocols.config import Text

_GRID: Final = 61
_PLAIN: Final = Speech()
_TOLD_FRAC: Final = 0.03
"""A planned point this far beside the curve is worth a word. [share of full power]"""
_STANDS: Final = 1e-6
_SETTLED: Final = 3

_At = Callable[[float, int], float]
"""Level and step to power on the true curve. [kW]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveUse:
    """How a plan uses the curve of one machine."""

    machine: str
    version: int
    """Version of the learnt curve; 0: the nominal one."""
    corner_error_frac: float
    """Farthest the straight lines between the corners lie beside the curve, anywhere, over full power."""
    worst_frac: float
    """Farthest a point of an exact step lies beside the curve at its temperatures, over full power."""
    planned_kwh: float
    """Electricity by the plan over its exact steps; a relaxed one runs parts of machines."""
    curve_kwh: float
    """The same points on the true curve, each at its step's temperatures."""
    outside_steps: int = 0
    """Steps in which it works outside the range its curve was learnt in."""
    outside: tuple[str, ...] = ()
    """Quantities that lie outside then."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"outside": list(self.outside)}


def curve_uses(plant: Plant, outlook: Outlook, problem: DispatchProblem, plan: Plan) -> tuple[CurveUse, ...]:
    """Compressors and chillers of a plan against their curves, in the order of the problem.

    Args:
        plant: With its learnt curves.
        outlook: Weather the plan is for.
        problem: With the corners the plan was made on.
        plan: For the same window.
    """
    return (*_compressors(plant, outlook, problem, plan), *_chillers(plant, outlook, problem, plan))


def curve_notes(uses: tuple[CurveUse, ...], steps: int, speech: Speech = _PLAIN) -> tuple[Text, ...]:
    """What of it a person should know, one sentence each, machines as `speech` calls them."""
    found: list[Text] = []
    for use in uses:
        name = speech.name(use.machine)
        if use.outside_steps:
            told = [QUANTITIES.get(one, Text(en=one, zh=one)) for one in use.outside]
            what_en, what_zh = ", ".join(one.en for one in told), "、".join(one.zh for one in told)
            found.append(
                Text(
                    en=f"{name.en} works outside the range its curve was learnt in ({what_en}) in "
                    f"{use.outside_steps} of {steps} steps; there its power is the nominal shape at the "
                    "learnt level",
                    zh=f"{name.zh} 有 {use.outside_steps}/{steps} 个时段超出其曲线的学习范围（{what_zh}）；"
                    "此时功率按额定曲线形状、学习所得水平计算",
                )
            )
        if use.worst_frac > _TOLD_FRAC:
            share = 100.0 * use.worst_frac
            found.append(
                Text(
                    en=f"planned points of {name.en} lie up to {share:.1f} % of full power beside its curve",
                    zh=f"{name.zh} 的计划点与其曲线最多相差满载功率的 {share:.1f} %",
                )
            )
    return tuple(found)


def _compressors(plant: Plant, outlook: Outlook, problem: DispatchProblem, plan: Plan) -> Iterator[CurveUse]:
    own_bar_g = planned_header_bar_g(plant)
    bar_g = plan.setpoints.get("air_bar_g", np.full(plan.steps, own_bar_g)) + plant.drop_bar
    mean_c = float(np.nanmean(outlook.outdoor_c)) if outlook.steps else 0.0
    usable_m3 = _usable_m3(plant)
    units = dict(zip(plant.compressor_ids, plant.compressors, strict=True))
    for asked in problem.compressors:
        unit, machine = units.get(asked.name), plan.machines.get(asked.name)
        if unit is None or machine is None:
            continue

        def true_kw(flow: float, step: int | None, unit: Compressor = unit) -> float:
            if step is None:
                return _compressor_kw(unit, flow, (own_bar_g + plant.drop_bar, mean_c), usable_m3)
            return _compressor_kw(unit, flow, (float(bar_g[step]), float(outlook.outdoor_c[step])), usable_m3)

        grid = np.linspace(0.0, float(asked.flow_m3_min[-1]), _GRID)
        off = [
            abs(float(np.interp(q, asked.flow_m3_min, asked.power_kw)) - true_kw(float(q), None))
            for q in grid[1:]
        ]
        curve = plant.learnt.get(asked.name)
        at = {"pressure_bar_g": bar_g, "inlet_c": outlook.outdoor_c}
        yield _use(
            (asked.name, curve, asked.full_power_kw, max(off) / max(asked.full_power_kw, _STANDS)),
            (problem.hours, machine, plan.binary_steps),
            true_kw,
            at | {"flow_m3_min": machine.level},
        )


def _usable_m3(plant: Plant) -> float:
    if plant.receiver is None:
        return 0.0
    band = plant.receiver.roles.trim
    return plant.receiver.usable_m3(band.unload_bar_g - band.load_bar_g)


def _compressor_kw(unit: Compressor, flow: float, at: tuple[float, float], usable_m3: float) -> float:
    """Mean power at a mean flow: its cycle below the least flow, the curve above."""
    if flow <= _STANDS:
        return 0.0
    low = unit.flow_min_m3_min
    share = cycle_power_frac(unit, flow / low, usable_m3) if flow < low else 1.0
    return unit.loaded_kw(max(flow, low), *at) * share


def _chillers(plant: Plant, outlook: Outlook, problem: DispatchProblem, plan: Plan) -> Iterator[CurveUse]:
    weather = [outlook.weather(step) for step in range(outlook.steps)]
    units = dict(zip(plant.chiller_ids, plant.chillers, strict=True))
    for asked in problem.chillers:
        unit, machine = units.get(asked.name), plan.machines.get(asked.name)
        if unit is None or machine is None:
            continue
        supply, condenser = _water(plant, plan, asked.supply_c, [(unit, one) for one in weather])
        rated = np.array([plant.condenser_c(unit, one) for one in weather])

        def true_kw(
            load: float, step: int, unit: Chiller = unit, supply: FloatArray = supply,
            condenser: FloatArray = condenser,
        ) -> float:  # fmt: skip
            return _chiller_kw(unit, load, (float(supply[step]), float(condenser[step])))

        order = np.argsort(rated)
        off: list[float] = []
        for step in {int(order[0]), int(order[len(order) // 2]), int(order[-1])}:
            corners, powers = asked.load_kw[step], asked.power_kw[step]
            grid = np.linspace(float(corners[0]), float(corners[-1]), _GRID)
            off += [
                abs(
                    float(np.interp(q, corners, powers))
                    - _chiller_kw(unit, float(q), (asked.supply_c, float(rated[step])))
                )
                / float(powers[-1])
                for q in grid
                if powers[-1] > 0.0
            ]
        at = {"supply_c": supply, "condenser_c": condenser}
        yield _use(
            (asked.name, plant.learnt.get(asked.name), float(asked.power_kw.max()), max(off, default=0.0)),
            (problem.hours, machine, plan.binary_steps),
            true_kw,
            at | {"cooling_kw": machine.level},
        )


def _water(
    plant: Plant, plan: Plan, own_c: float, of: list[tuple[Chiller, Weather]]
) -> tuple[FloatArray, FloatArray]:
    """Set-point of the leaving water and condenser side in each step, as the plan chose them [°C]."""
    supply = plan.setpoints.get("chilled_water_c", np.full(plan.steps, own_c))
    told = plan.setpoints.get("condenser_water_c")
    condenser = [
        plant.condenser_c(unit, one, None if told is None else float(told[step]))
        for step, (unit, one) in enumerate(of)
    ]
    return supply, np.array(condenser)


def _chiller_kw(unit: Chiller, load_kw: float, water: tuple[float, float]) -> float:
    """Power at a load; the loop is the warmer the more the machine gives (its own controller's band)."""
    supply_c, condenser_c = water
    loop_c = supply_c
    for _ in range(_SETTLED):
        share = min(load_kw / unit.eir.available_kw(loop_c, condenser_c), 1.0)
        loop_c = supply_c + (share - 0.5) * unit.supply.proportional_k
    return unit.total_kw(load_kw, loop_c, condenser_c)


def _use(
    about: tuple[str, AnyLearnt | None, float, float],
    of: tuple[FloatArray, MachinePlan, int],
    true_kw: _At,
    at: Mapping[str, FloatArray],
) -> CurveUse:
    name, curve, full_kw, corner_error = about
    hours, machine, exact = of
    works: BoolArray = machine.level > _STANDS
    planned, true = np.zeros(len(works)), np.zeros(len(works))
    for step in np.flatnonzero(works[:exact]).tolist():
        planned[step], true[step] = machine.power_kw[step], true_kw(float(machine.level[step]), step)
    beyond, outside = 0, dict[str, None]()
    for step in np.flatnonzero(works).tolist() if curve is not None else ():
        found = curve.outside({key: float(column[step]) for key, column in at.items()}) if curve else ()
        beyond += bool(found)
        outside |= dict.fromkeys(found)
    return CurveUse(
        machine=name,
        version=0 if curve is None else curve.version,
        corner_error_frac=round(corner_error, 6),
        worst_frac=round(float(np.abs(true - planned).max(initial=0.0)) / max(full_kw, _STANDS), 6),
        planned_kwh=round(float(planned @ hours), 3),
        curve_kwh=round(float(true @ hours), 3),
        outside_steps=beyond,
        outside=tuple(outside),
    )
