"""A small compressor station: the MILP chooses the set of running machines, each set with its exact power.

One share per set and step, Σ shares = 1, on of a machine = Σ shares of the sets it is in. With on whole the
shares are whole, so the machines' on are the only binaries; relaxed, the power is a mean of exact powers.
"""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.components.balance import Balances
from optimizer.components.starting import Switched
from optimizer.components.switched import add_switched
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, IntArray
from optimizer.stations import Ways, best_per_set, capacity_m3_min, ways_of


@dataclass(frozen=True, slots=True)
class StationColumns:
    """Column indices of the station.

    Attributes:
        switches: Per machine.
        share: Share of each set, shape (sets, steps).
        sets: What each set does.
    """

    switches: dict[str, Switched]
    share: IntArray
    sets: Ways


def add_station(builder: MatrixBuilder, problem: DispatchProblem, rows: Balances) -> StationColumns:
    """Add the sets of a small station and the on-variables of its machines."""
    count = problem.steps
    sets = best_per_set(problem, ways_of(problem))
    share = builder.columns("station.share", (len(sets.on), count), (0.0, 1.0))
    one = builder.rows("station.one_set", count, 1.0, 1.0)
    builder.add(one[None, :], share, 1.0)
    # what leaks or is wanted more at another pressure is no supply
    builder.add(rows.air[None, :], share, sets.flow - (sets.need - problem.forecasts.air_m3_min))
    builder.add(rows.electric[None, :], share, -sets.power)
    builder.add(rows.air_reserve[None, :], share, capacity_m3_min(problem, sets.on)[:, None])
    switches: dict[str, Switched] = {}
    for place, machine in enumerate(problem.compressors):
        switch = add_switched(builder, problem, (machine.name, machine.commitment), rows)
        member = builder.rows(f"{machine.name}.member", count, 0.0, 0.0)
        builder.add(member, switch.on, -1.0)
        builder.add(member[None, :], share[sets.on[:, place]], 1.0)
        switches[machine.name] = switch
    return StationColumns(switches, share, sets)
