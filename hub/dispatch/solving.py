"""One plan: compile, solve, check, run forward, judge. Pure and slow; the hub does it in a child process.

A plan is accepted only when the independent check finds no limit broken, and when it was run forward through
the plant model: users get what they get under the plant's own control, and it does not cost more than that
by a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from optimizer.check import check
from optimizer.compile import compile_problem
from optimizer.dispatch import plan_day
from optimizer.outlook import Outlook, PlantNow
from optimizer.plan import Plan
from optimizer.problem import FloatArray
from optimizer.simulate import SimulatedDay, compare
from optimizer.solve import Feasible, Infeasible, Optimal, Stopped
from optimizer.tariff import Emissions, Tariff
from plant.state import Plant
from protocols.errors import SolveError

LIMIT_S: Final = 20.0
_UNMET_FRAC: Final = 0.01
"""Share of a need that may be unmet in the forward run beyond what the own control leaves unmet."""
_DEARER_FRAC: Final = 0.10
_REASONS: Final = {
    "base": "runs fully loaded, it carries the base of the air need",
    "trim": "follows the air need, it is the one that regulates",
    "standby": "stands by, the others carry the air need",
    "on": "runs, that is the cheapest way to meet the need",
    "off": "stands still, the others meet the need for less",
}


@dataclass(frozen=True, slots=True)
class Task:
    """What one plan is made from; `hint` is the plan in force."""

    plant: Plant
    supply: tuple[Tariff, Emissions]
    outlook: Outlook
    now: PlantNow
    notes: tuple[str, ...]
    reason: str
    hint: Plan | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A plan that may be followed.

    Attributes:
        plan: The plan.
        pv_kw: What the sky was forecast to give, shape (steps,). [kW]
        process_kw: Need that is no machine's, shape (steps,). [kW]
        status: `optimal` (the gap asked for was proven) or `feasible` (the time came first).
        gap: Against the bound of the problem solved, a fraction.
        bound: No solution is cheaper. [money]
        solve_s: Time of the solver. [s]
        simulated: The plan run forward.
        baseline: The plant's own control on the same forecast.
        notes: What was clipped, degraded or foreseen, in plant words.
        reason: Why it was made.
    """

    plan: Plan
    pv_kw: FloatArray
    process_kw: FloatArray
    status: str
    gap: float
    bound: float
    solve_s: float
    simulated: SimulatedDay
    baseline: SimulatedDay
    notes: tuple[str, ...]
    reason: str

    def why(self, machine: str, step: int) -> str:
        """Reason of a machine's set-points in a step, in plain words."""
        found = self.plan.machines.get(machine)
        if found is None:
            return self.reason
        if found.kind == "battery":
            power_kw = float(found.power_kw[step])
            return (
                "charges while power is cheap" if power_kw > 0 else "discharges or rests for the dear hours"
            )
        return _REASONS[found.role[step]]


def solve_task(task: Task) -> Accepted:
    """Make one plan and judge it.

    Raises:
        SolveError: No plan that may be used; the message says why in plant words.
    """
    problem = compile_problem(task.plant, task.outlook, task.now, task.supply)
    outcome = plan_day(problem, task.hint, LIMIT_S)
    match outcome:
        case Infeasible() | Stopped():
            raise SolveError(outcome.reason)
        case Optimal():
            status = "optimal"
        case Feasible():
            status = "feasible"
        case _:
            assert_never(outcome)
    broken = check(problem, outcome.plan)
    if broken:
        first = broken[0]
        raise SolveError(
            f"the plan breaks {len(broken)} limits, first {first.machine}, step {first.step}: {first.limit}",
            amount=first.amount,
        )
    money = (problem.prices, task.supply[0].cny_rate)
    simulated, baseline = compare(task.plant, task.outlook, task.now, money, outcome.plan)
    _judge(task, simulated, baseline)
    return Accepted(
        plan=outcome.plan,
        pv_kw=problem.forecasts.pv_kw,
        process_kw=problem.forecasts.electric_kw,
        status=status,
        gap=outcome.gap,
        bound=outcome.bound,
        solve_s=outcome.stats.solve_s,
        simulated=simulated,
        baseline=baseline,
        notes=(*task.notes, *outcome.plan.notes),
        reason=task.reason,
    )


def _judge(task: Task, simulated: SimulatedDay, baseline: SimulatedDay) -> None:
    hours = task.outlook.step_s / 3600.0
    air_m3 = float(task.outlook.air_m3_min.sum()) * hours * 60.0
    cooling_kwh = float(task.outlook.cooling_kw.sum()) * hours
    for carrier, unit, planned, own, need in (
        ("air", "m³", simulated.air_unmet_m3, baseline.air_unmet_m3, air_m3),
        ("cooling", "kWh", simulated.cooling_unmet_kwh, baseline.cooling_unmet_kwh, cooling_kwh),
    ):
        if planned > own + _UNMET_FRAC * need:
            raise SolveError(
                f"run forward, the plan leaves {planned:.0f} {unit} of {carrier} unmet, "
                f"the plant's own control {own:.0f}; it is not used"
            )
    if simulated.total > baseline.total + _DEARER_FRAC * abs(baseline.total):
        raise SolveError(
            f"run forward, the plan costs {simulated.total:.0f}, "
            f"the plant's own control {baseline.total:.0f}; it is not used"
        )
