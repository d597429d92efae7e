"""Checks of on and off: locks, shortest runs and stops, start limits, warming up, ramps."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.plan import MachinePlan
from optimizer.problem import Commitment, DispatchProblem
from optimizer.violations import POWER_KW, Violation, phases

_HOUR_S, _DAY_S = 3600.0, 86400.0


def check_switching(
    problem: DispatchProblem, machine: MachinePlan, name: str, commitment: Commitment
) -> Iterator[Violation]:
    """Locks and shortest times in the exact steps; a lock outranks the times."""
    exact = min(problem.steps, problem.binary_steps)
    on = [bool(value) for value in machine.on[:exact]]
    given = [-1] * exact if commitment.lock is None else [int(value) for value in commitment.lock[:exact]]
    for step, (runs, held) in enumerate(zip(on, given, strict=True)):
        if held >= 0 and runs != bool(held):
            yield Violation(name, step, float(runs), f"held {'on' if held else 'off'} from outside")
    begin, state, before_s, since_s = 0, commitment.on, commitment.state_s, 0.0
    for step in range(exact):
        if on[step] == state:
            continue
        # a switch of a first step that has begun comes late in it
        at_s = step * problem.step_s if step else problem.gone_s
        lasted_s = before_s + at_s - since_s
        least_s = max(commitment.min_up_s, commitment.starting.warm_up_s) if state else commitment.min_down_s
        touched = any(held >= 0 for held in given[begin : step + 1])
        if lasted_s < least_s - 1.0 and not touched:
            yield Violation(name, step, least_s - lasted_s, f"minimum {'run' if state else 'stop'} [s]")
        begin, state, before_s, since_s = step, on[step], 0.0, at_s
    yield from _start_limits(problem, (name, commitment), on, given)


def _start_limits(
    problem: DispatchProblem, of: tuple[str, Commitment], on: list[bool], given: list[int]
) -> Iterator[Violation]:
    """Count the starts of every hour and day that ends with a start of the plan."""
    (name, commitment), own = of, of[1].starting
    times = [-age for age in own.ages_s]
    before = commitment.on
    for step, runs in enumerate(on):
        if runs and not before:
            now = step * problem.step_s if step else problem.gone_s
            times.append(now)
            for most, length_s, word in (
                (own.most_per_h, _HOUR_S, "hour"),
                (own.most_per_day, _DAY_S, "day"),
            ):
                counted = sum(now - length_s + 1e-3 < at <= now for at in times)
                forced = any(
                    held == 1
                    for at, held in enumerate(given[: step + 1])
                    if at * problem.step_s > now - length_s
                )
                if most is not None and counted > most and not forced:
                    yield Violation(name, step, float(counted), f"at most {most} starts in any {word}")
        before = runs


def check_ramp(
    problem: DispatchProblem, machine: MachinePlan, name: str, commitment: Commitment
) -> Iterator[Violation]:
    """The output moves no faster than its ramp, apart from starts, stops, trips and a capacity that sinks."""
    ramp, exact = commitment.ramp, min(problem.steps, problem.binary_steps)
    if ramp is None or not exact:
        return
    minutes = problem.step_s / 60.0
    ends = [_ends(problem, name, step) for step in range(exact)]
    giving = phases(commitment, machine, problem.step_s, problem.gone_s).giving_frac
    on, level = commitment.on, min(max(ramp.last, ends[0][0]), ends[0][1]) if commitment.on else 0.0
    gave = 0.0 if on and commitment.state_s < commitment.starting.warm_up_s else float(on)
    most_before = ends[0][1]
    for step in range(exact):
        now, (least, most) = float(machine.level[step]), ends[step]
        runs = bool(machine.on[step])
        up, down = ramp.up_per_min * minutes, ramp.down_per_min * minutes
        begin = min(max(least, up) if ramp.at_start is None else ramp.at_start, most)
        allowed = (up * gave if gave > 0 else 0.0) + begin * (float(on) - gave + float(runs and not on))
        if now - level > allowed + POWER_KW:
            yield Violation(name, step, now - level - allowed, "rises no faster than its ramp")
        end = max(least, down) if ramp.at_stop is None else ramp.at_stop
        tripped = commitment.lock is not None and commitment.lock[step] == 0
        fall = down if runs else end
        fall += max(most_before - most, 0.0)
        if level - now > fall + POWER_KW and not tripped:
            yield Violation(name, step, level - now - fall, "falls no faster than its ramp")
        on, level, gave, most_before = runs, now, float(giving[step]), most


def _ends(problem: DispatchProblem, name: str, step: int) -> tuple[float, float]:
    """Least and most output of a machine in a step."""
    ends = {one.name: (one.power_min_kw, one.power_max_kw) for one in problem.chps}
    for cogen in problem.cogens:
        powers = [power for power, _ in cogen.corners]
        ends[cogen.name] = (min(powers), max(powers))
    corners = [(one.name, one.load_kw) for one in problem.chillers]
    corners += [(one.name, one.level) for one in problem.converters]
    ends |= {known: (float(levels[step, 0]), float(levels[step, -1])) for known, levels in corners}
    return ends[name]
