"""A station whose machines all follow their curves at once, as centrifugals in parallel or a study may.

Identical machines are one whole number; which of them run is shared out when the plan is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.components.balance import Balances
from optimizer.components.commitment import OnColumns, add_on
from optimizer.components.curve import Choice, CurveColumns, add_curve
from optimizer.fleet import classes_of
from optimizer.matrix import MatrixBuilder
from optimizer.problem import LONG_S, Compressor, DispatchProblem


@dataclass(frozen=True, slots=True)
class ClassColumns:
    """Column indices of one class of identical machines.

    Attributes:
        members: Places of the machines in the problem.
        switch: How many run, start and stop.
        curve: Flow and power of all of them together.
    """

    members: tuple[int, ...]
    switch: OnColumns
    curve: CurveColumns


def add_floating(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> tuple[ClassColumns, ...]:
    """Add the compressors, class by class."""
    count = problem.steps
    found: list[ClassColumns] = []
    for places in classes_of([_key(machine) for machine in problem.compressors]):
        machines = [problem.compressors[place] for place in places]
        first, size = machines[0], len(machines)
        running = sum(machine.commitment.on for machine in machines)
        switch = add_on(builder, problem, first.name, first.commitment, (size, running))
        x = np.broadcast_to(first.flow_m3_min, (count, len(first.flow_m3_min)))
        y = np.broadcast_to(first.power_kw, x.shape)
        curve = add_curve(builder, problem, first.name, Choice(switch.on, size), (x, y))
        builder.add(rows.air, curve.load, 1.0)
        builder.add(rows.electric, curve.power, -1.0)
        builder.add(rows.air_reserve, switch.on, float(first.flow_m3_min[-1]))
        found.append(ClassColumns(tuple(places), switch, curve))
    return tuple(found)


def _key(machine: Compressor) -> tuple[object, ...]:
    """Equal for machines that may be exchanged: one that owes time or is held shares with its like alone."""
    own = machine.commitment
    owes = own.state_s < (own.min_up_s if own.on else own.min_down_s)
    state = (own.on, own.state_s) if owes or own.cold_start_eur is not None else (LONG_S,)
    lock = None if own.lock is None else own.lock.tobytes()
    times = replace(own, on=False, state_s=LONG_S, lock=None)
    # a count of starts belongs to one machine
    alone = machine.name if own.starting.limits else None
    return (machine.flow_m3_min.tobytes(), machine.power_kw.tobytes(), times, state, lock, alone)
