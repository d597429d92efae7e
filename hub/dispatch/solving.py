"""One plan: compile, solve, check, run forward, judge. Pure and slow; the hub does it in a child process.

A plan is accepted only when the independent check finds no limit broken, and when it was run forward through
the plant model: users get what they get under the plant's own control, and it does not cost more than that
by a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

import numpy as np

from accounts.contract import Contract
from accounts.invoice import Courses
from optimizer.check import check
from optimizer.choices import Choices, told_of, with_choices
from optimizer.coarse import coarsened, far_by_the_hour
from optimizer.compile import compile_problem
from optimizer.components.balance import SLACK_EUR
from optimizer.contracted import priced
from optimizer.curve_use import curve_notes, curve_uses
from optimizer.demand_ceiling import DemandCeiling, ceiling_of
from optimizer.demand_windows import hours_of
from optimizer.dispatch import plan_day
from optimizer.outlook import Outlook, PlantNow
from optimizer.peaks import Peaks
from optimizer.plan import Plan
from optimizer.power_limits import PowerLimits, with_power_limits
from optimizer.problem import DispatchProblem, FloatArray, Prices
from optimizer.reserve import InHand, with_reserve
from optimizer.saving import Run, contract_money, given_kvar, saving_of
from optimizer.simulate import SimulatedDay, compare, simulate_plan
from optimizer.site_supply import SiteSupply, with_contracts
from optimizer.solve import Feasible, Infeasible, Optimal, Stopped
from optimizer.switch_limits import SwitchLimits, with_switch_limits
from optimizer.tariff import Emissions, Tariff
from optimizer.words import CARRIERS, Speech, said, told
from optimizer.written import written
from plant.state import Plant
from protocols.config import Text
from protocols.errors import SolveError, WorseThanOwnControlError

LIMIT_S: Final = 20.0
EVENT_LIMIT_S: Final = 5.0
"""After an event a good plan soon is worth more than the best one later: ten seconds after it another one is
in force, look, search, check and forward run together, also on a busy machine. [s]"""
_UNMET_FRAC: Final = 0.01
"""Share of a need that may be unmet in the forward run beyond what the own control leaves unmet."""
_DEARER_FRAC: Final = 0.10
_OWN_CONTROL: Final = Text(en="the plant's own control", zh="设备自主控制")
REASONS: Final = {
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
    notes: tuple[Text, ...]
    reason: str
    hint: Plan | None = None
    limit_s: float = LIMIT_S
    """Longest search; what the pass against chatter takes beyond it is a quarter at most. [s]"""
    contract: tuple[Contract, Peaks] | None = None
    """What electricity is bought by, with the highest demand so far; None: by the tariff."""
    band: tuple[Outlook, Outlook] | None = None
    """Cheap and dear outlook around the one that is planned on; None where nobody knows them."""
    choices: Choices = field(default_factory=Choices)
    """Set-points the plan chooses with the machines."""
    in_hand: InHand = field(default_factory=InHand)
    """What is kept ready."""
    beside: SiteSupply = field(default_factory=SiteSupply)
    """Contracts beside the prices."""
    courses: Mapping[str, Courses] = field(default_factory=dict)
    """Prices the contract goes by that are made day by day, by their name."""
    power_kw: PowerLimits = field(default_factory=dict)
    """Machine to the powers it may be told, where the plan tells it one. [kW, kW]"""
    switching: Mapping[str, SwitchLimits] = field(default_factory=dict)
    """Machine to how often it may be switched."""
    speech: Speech = field(default_factory=Speech)
    """How its machines and times are called."""
    not_held: Text | None = None
    """Why the demand window cannot be held between two plans; None: it can."""


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
    notes: tuple[Text, ...]
    reason: str
    made: str = ""
    """What it was made from and became, packed, so that it can be explained later."""
    saving: dict[str, Any] = field(default_factory=dict)
    """What it saves against the plant's own control, by part and in words."""
    outlook: Outlook | None = None
    """What it was made on."""
    curves: tuple[dict[str, Any], ...] = ()
    """How it uses the curves of its machines (`curve_use.CurveUse.to_dict`)."""
    cost_band: tuple[float, float] | None = None
    """What it costs at the cheap and the dear end of the forecast, run forward. [money]"""
    ceiling: DemandCeiling | None = None
    """How high demand windows may come by it; None: nothing is paid by demand."""

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
        return REASONS[found.role[step]]


def solve_task(task: Task) -> Accepted:
    """Make one plan and judge it.

    Raises:
        SolveError: No plan that may be used; the message says why in plant words.
    """
    compiled = compile_problem(task.plant, task.outlook, task.now, task.supply)
    compiled = with_power_limits(compiled, task.power_kw)
    compiled = with_switch_limits(compiled, task.switching, task.now.late_s)
    compiled, priced_notes = _priced(compiled, task)
    compiled = with_contracts(compiled, task.beside)
    compiled = with_reserve(compiled, task.plant, task.outlook, task.in_hand)
    compiled = with_choices(compiled, task.plant, task.outlook, task.choices)
    compiled = replace(compiled, speech=task.speech)
    grid = far_by_the_hour(compiled.start_ns, compiled.step_s)
    problem = coarsened(compiled, grid)
    outcome = plan_day(problem, task.hint, task.limit_s, grid=grid)
    match outcome:
        case Infeasible() | Stopped():
            raise SolveError(outcome.reason, zh=outcome.words.zh, limits=outcome.limits)
        case Optimal():
            status = "optimal"
        case Feasible():
            status = "feasible"
        case _:
            assert_never(outcome)
    _keeps_all(problem, outcome.plan)
    money, plan = (compiled.prices, task.supply[0].cny_rate), told_of(outcome.plan, task.choices)
    simulated, baseline = compare(task.plant, task.outlook, task.now, money, plan)
    runs = _runs((simulated, plan), baseline)
    judge(task, compiled, (simulated, baseline), runs)
    ceiling = ceiling_of(problem, outcome.plan.import_kw)
    uses = curve_uses(task.plant, task.outlook, compiled, plan)
    return Accepted(
        plan=plan,
        pv_kw=compiled.forecasts.pv_kw,
        process_kw=compiled.forecasts.electric_kw,
        status=status,
        gap=outcome.gap,
        bound=outcome.bound,
        solve_s=outcome.stats.solve_s,
        simulated=simulated,
        baseline=baseline,
        notes=(
            *task.notes,
            *priced_notes,
            *plan.notes,
            *curve_notes(uses, plan.steps, task.speech),
            *_not_held(task, ceiling),
        ),
        reason=task.reason,
        made=written(problem, outcome.plan),
        saving=saving_of(*runs, compiled, _OWN_CONTROL).to_dict(),
        curves=tuple(use.to_dict() for use in uses),
        outlook=task.outlook,
        cost_band=_cost_band(task, money, plan),
        ceiling=ceiling,
    )


def _keeps_all(problem: DispatchProblem, plan: Plan) -> None:
    """Let the independent check look at every declared limit.

    Raises:
        SolveError: One is broken.
    """
    broken = check(problem, plan)
    if broken:
        first = broken[0]
        raise SolveError(
            f"the plan breaks {len(broken)} limits, first {first.machine}, step {first.step}: {first.limit}",
            zh=f"计划违反 {len(broken)} 项限值，首项为 {first.machine} 第 {first.step} 步：{first.limit}",
            amount=first.amount,
        )


def _not_held(task: Task, ceiling: DemandCeiling | None) -> Iterator[Text]:
    """Why nobody holds the demand window between two plans, where it is paid for."""
    why = None if ceiling is None else ceiling.odd() or task.not_held
    if why is not None:
        yield why


def _priced(compiled: DispatchProblem, task: Task) -> tuple[DispatchProblem, tuple[Text, ...]]:
    """By the contract where it has prices for the window; else by the tariff, which the plan then tells."""
    if task.contract is None:
        return compiled, ()
    try:
        return priced(compiled, *task.contract, task.courses), ()
    except SolveError as error:
        return compiled, (said("{why}; planned by the tariff", "{why}；按电价表计划", why=told(error)),)


def _cost_band(task: Task, money: tuple[Prices, float], plan: Plan) -> tuple[float, float] | None:
    """The same set-points on the cheap and the dear outlook."""
    if task.band is None:
        return None
    cheap, dear = (simulate_plan(task.plant, one, task.now, money, plan).total for one in task.band)
    return min(cheap, dear), max(cheap, dear)


def _runs(of: tuple[SimulatedDay, Plan], baseline: SimulatedDay) -> tuple[Run, Run]:
    """The plan run forward and the plant's own control, whose inverters give no reactive power."""
    simulated, plan = of
    return _run(simulated, given_kvar(plan)), _run(baseline, given_kvar(None, plan.steps))


def _run(day: SimulatedDay, inverter_kvar: FloatArray) -> Run:
    return Run(day.cost, day.stored, day.import_kw, day.fuel_kw, inverter_kvar)


def judge(
    task: Task, problem: DispatchProblem, days: tuple[SimulatedDay, SimulatedDay], runs: tuple[Run, Run]
) -> None:
    """Refuse a plan that is worse than the plant's own control, by the same contracts for both.

    Args:
        task: What was asked.
        problem: Its prices and contracts.
        days: The plan run forward, and the own control.
        runs: Their money.

    Raises:
        WorseThanOwnControlError: It leaves more unmet, or costs a tenth more.
    """
    simulated, baseline = days
    hours = task.outlook.hours
    air_m3 = float(task.outlook.air_m3_min @ hours) * 60.0
    cooling_kwh = float(task.outlook.cooling_kw @ hours)
    for carrier, unit, planned, own, need in (
        ("air", "m³", simulated.air_unmet_m3, baseline.air_unmet_m3, air_m3),
        ("cooling", "kWh", simulated.cooling_unmet_kwh, baseline.cooling_unmet_kwh, cooling_kwh),
    ):
        if planned > own + _UNMET_FRAC * need:
            what = CARRIERS[carrier]
            raise WorseThanOwnControlError(
                f"run forward, the plan leaves {planned:.0f} {unit} of {what.en} unmet, "
                f"the plant's own control {own:.0f}; it is not used",
                zh=f"前推结果：计划有 {planned:.0f} {unit} {what.zh}未满足，设备自主控制为 {own:.0f}；"
                "不采用该计划",
            )
    ours, theirs = (
        day.total + _over_gas(task, day) + contract_money(problem, run).total
        for day, run in zip(days, runs, strict=True)
    )
    if ours > theirs + _DEARER_FRAC * abs(theirs):
        raise WorseThanOwnControlError(
            f"run forward, the plan costs {ours:.0f}, the plant's own control {theirs:.0f}; it is not used",
            zh=f"前推结果：计划费用 {ours:.0f}，设备自主控制 {theirs:.0f}；不采用该计划",
        )


def _over_gas(task: Task, day: SimulatedDay) -> float:
    """What a course lies above the gas contract at the planner's price; the own control knows no contract."""
    gas = task.beside.gas
    if gas is None:
        return 0.0
    outlook = task.outlook
    shares_h = hours_of(outlook.start_ns, outlook.steps, outlook.step_s) / 3600.0
    shares_h = shares_h * (outlook.hours / (outlook.step_s / 3600.0))
    energy = shares_h @ day.fuel_kw
    energy[0] += gas.this_hour_kwh
    over: float = float(np.maximum(energy - gas.hourly_kwh, 0.0).sum())
    return over * SLACK_EUR["gas_over"]
