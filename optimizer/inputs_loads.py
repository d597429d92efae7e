"""Refusals of loads that may move, be left off or charge, in plant words."""

from __future__ import annotations

import numpy as np

from optimizer.flexible import Batch, Car, ShiftLoad
from optimizer.problem import DispatchProblem
from protocols.errors import SolveError


def refuse_loads(problem: DispatchProblem) -> None:
    """Refuse loads that cannot be planned.

    Raises:
        SolveError: The message names the load and what to give instead.
    """
    for shift in problem.flexible.shift:
        _refuse_times(problem, shift.name, (shift.first, shift.until))
        _refuse_shift(shift)
    for batch in problem.flexible.batches:
        _refuse_times(problem, batch.name, (batch.first, batch.until))
        _refuse_batch(batch)
    for shed in problem.flexible.shed:
        sized = shed.most_kw.shape == (problem.steps,) and bool(np.isfinite(shed.most_kw).all())
        if not sized or shed.most_kw.min() < 0 or not (0 <= shed.eur_kwh < np.inf and shed.most_kwh >= 0):
            raise SolveError(
                f"{shed.name} needs numbers not below zero of what may be left off, in every step",
                zh=f"{shed.name} 每步可切除的量须为不小于零的数",
                machine=shed.name,
            )
    for group in problem.flexible.ev:
        if (
            not group.cars
            or not group.most_kw >= 0
            or len({car.name for car in group.cars}) < len(group.cars)
        ):
            raise SolveError(
                f"{group.name} needs cars with names of their own",
                zh=f"{group.name} 需要各有名称的车辆",
                machine=group.name,
            )
        for car in group.cars:
            _refuse_times(problem, f"{group.name}.{car.name}", (car.arrives, car.leaves))
            _refuse_car(group.name, car)


def _refuse_times(problem: DispatchProblem, name: str, times: tuple[int, int]) -> None:
    if not 0 <= times[0] < times[1] <= problem.steps:
        raise SolveError(
            f"{name} is to run from step {times[0]} to before step {times[1]}; the window has steps 0 to "
            f"{problem.steps - 1}",
            zh=f"{name} 须在第 {times[0]} 步至第 {times[1]} 步之前运行；时段为第 0 至 {problem.steps - 1} 步",
            machine=name,
        )


def _refuse_shift(load: ShiftLoad) -> None:
    if not (0 <= load.least_kw <= load.most_kw < np.inf and 0 <= load.energy_kwh < np.inf):
        raise SolveError(
            f"{load.name} needs an energy, and a least power not above its most, none of them negative",
            zh=f"{load.name} 需要电量，以及不大于最大功率的最小功率，均不为负",
            machine=load.name,
        )


def _refuse_batch(batch: Batch) -> None:
    course = np.array(batch.course_kw, dtype=np.float64)
    if not course.size or not np.isfinite(course).all() or course.min() < 0 or course.max() <= 0:
        raise SolveError(
            f"{batch.name} needs a course of powers not below zero",
            zh=f"{batch.name} 需要不小于零的功率曲线",
            machine=batch.name,
        )
    if batch.until - batch.first < len(course):
        raise SolveError(
            f"{batch.name} takes {len(course)} steps, but has {batch.until - batch.first}; give it longer",
            zh=f"{batch.name} 需要 {len(course)} 步，但只有 {batch.until - batch.first} 步；请放宽时间",
            machine=batch.name,
        )


def _refuse_car(group: str, car: Car) -> None:
    if not (0 <= car.energy_kwh < np.inf and 0 <= car.most_kw < np.inf):
        raise SolveError(
            f"{car.name} of {group} needs an energy and a power not below zero",
            zh=f"{group} 的 {car.name} 需要不小于零的电量和功率",
            machine=group,
        )
