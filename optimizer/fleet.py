"""Classes of identical machines: found before the matrix is made, shared out to single machines after.

The matrix decides how many of a class run. Which ones follows here: the one that stood longest starts first
among those still warm, then the longest cold one, and the one that ran longest stops first. With the
aggregated minimum times of the class each machine then keeps its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from optimizer.problem import BoolArray, Commitment, IntArray, steps_of
from protocols.errors import SolveError


def classes_of(keys: Sequence[Hashable]) -> list[list[int]]:
    """Places of equal keys, in the order of their first.

    Example:
        >>> classes_of(["a", "b", "a"])
        [[0, 2], [1]]
    """
    found: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, []).append(place)
    return list(found.values())


def share_out(running: IntArray, machines: Sequence[Commitment], step_s: float) -> BoolArray:
    """Which machines of a class run, shape (machines, steps).

    Args:
        running: How many do, shape (steps,).
        machines: State of each; the times are those of the class.
        step_s: Length of a step. [s]

    Raises:
        SolveError: The counts break the minimum times, which is a fault of the matrix.
    """
    commitment = machines[0]
    least = (steps_of(commitment.min_down_s, step_s), steps_of(commitment.min_up_s, step_s))
    warm = commitment.cold_after_s / step_s + 1e-9
    on = np.array([machine.on for machine in machines])
    lasted = np.array([machine.state_s / step_s for machine in machines])
    plan = np.zeros((len(machines), len(running)), dtype=np.bool_)
    for step, wanted in enumerate(running.tolist()):
        change = wanted - int(on.sum())
        starting = change > 0
        may = np.flatnonzero((on != starting) & (lasted >= least[int(not starting)] - 1e-9))
        if len(may) < abs(change):
            raise SolveError(f"step {step}: {abs(change)} of a class should switch, {len(may)} may")
        cold = lasted[may] > warm if starting else np.zeros(len(may), dtype=np.bool_)
        chosen = may[np.lexsort((may, -lasted[may], cold))][: abs(change)]
        on[chosen] = starting
        lasted[chosen] = 0.0
        lasted += 1.0
        plan[:, step] = on
    return plan
