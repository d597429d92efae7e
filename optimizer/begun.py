"""A first step that has begun already: the plan is for what is left of it.

Steps stay on the clock of prices, forecasts and meters. Energy, money and contents of the first step are
those of what is left; the metering interval counts what was bought before; times in a state are counted from
the begin of the step, so that what is owed ends at its minute.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from optimizer.problem import Begun, DispatchProblem
from protocols.errors import SolveError


def begun_since(problem: DispatchProblem, gone_s: float, import_kw: float) -> DispatchProblem:
    """The problem as it stands some time into its first step.

    Args:
        problem: State of stores and machines as of now.
        gone_s: How much of the first step is over; above 0, below its length. [s]
        import_kw: Mean import of that time. [kW]
    """

    def from_the_begin(machine: Any) -> Any:  # noqa: ANN401  any machine that is on or off
        own = machine.commitment
        starting = replace(own.starting, ages_s=tuple(age_s - gone_s for age_s in own.starting.ages_s))
        return replace(machine, commitment=replace(own, state_s=own.state_s - gone_s, starting=starting))

    return replace(
        problem,
        begun=Begun(gone_frac=gone_s / problem.step_s, import_kw=import_kw),
        compressors=tuple(from_the_begin(one) for one in problem.compressors),
        chillers=tuple(from_the_begin(one) for one in problem.chillers),
        chps=tuple(from_the_begin(one) for one in problem.chps),
        cogens=tuple(from_the_begin(one) for one in problem.cogens),
        converters=tuple(from_the_begin(one) for one in problem.converters),
    )


def refuse_begun(problem: DispatchProblem) -> None:
    """Refuse a begun step where something of the plant is followed by the minute from a step's begin on.

    Raises:
        SolveError: The message says what.
    """
    begun = problem.begun
    if begun is None:
        return
    if not 0.0 < begun.gone_frac < 1.0 or not begun.import_kw >= 0.0:
        raise SolveError(
            f"of the first step {begun.gone_frac} is said to be over with an import of {begun.import_kw} kW; "
            "the share must lie between 0 and 1, the import not below 0",
            zh=f"首步已过 {begun.gone_frac}，期间购电 {begun.import_kw} kW；"
            "该比例须在 0 与 1 之间，购电不得小于 0",
        )
    own = [machine.commitment for machine in problem.switched]
    for what, zh, there in (
        ("a ramp", "爬坡限制", any(one.ramp is not None for one in own)),
        ("a run-on", "停机后空转", any(one.starting.run_on_s > 0 for one in own)),
        (
            "machines counted by class",
            "按类计数的机组",
            any(machine.floats for machine in problem.compressors),
        ),
        ("a batch", "批次负荷", bool(problem.flexible.batches)),
        ("a sliding demand window", "滑动需量窗口", any(charge.sliding for charge in problem.supply.charges)),
    ):
        if there:
            raise SolveError(
                f"with {what} the window must begin with a whole step; begin it at the next one",
                zh=f"有{zh}时计划须从完整的步开始；请从下一步开始",
            )
