"""Chillers as sets at their best water temperatures: one share per set and step, on = sum of the shares."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.chilled_sets import ChilledSets, curve_of_set, every_set, form_of, sets_of
from optimizer.components.balance import Balances
from optimizer.components.curve import CurveColumns, add_cuts
from optimizer.components.starting import Switched
from optimizer.components.switched import add_switched
from optimizer.levels import CoolingLevels
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, IntArray


@dataclass(frozen=True, slots=True)
class ChilledColumns:
    """Column indices of the station.

    Attributes:
        switches: Per machine.
        share: Share of each set, shape (sets, steps).
        sets: What each set does at the need of each step; None where its load is decided.
        load: Cooling of each running set, where it is decided, each (steps,).
    """

    switches: dict[str, Switched]
    share: IntArray
    sets: ChilledSets | None
    load: dict[int, IntArray]


def add_chilled_station(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances, levels: CoolingLevels
) -> ChilledColumns:
    """Add the sets and the on-variables of their machines; the relaxed outlook mixes sets."""
    count, on = problem.steps, every_set(len(problem.chillers))
    share = builder.columns("chilled.share", (len(on), count), (0.0, 1.0))
    one = builder.rows("chilled.one_set", count, 1.0, 1.0)
    builder.add(one[None, :], share, 1.0)
    sets, load = None, {}
    if form_of(problem) == "needs":
        sets = sets_of(problem, levels)
        builder.add(rows.cooling[None, :], share, sets.load_kw.sum(axis=1))
        builder.add(rows.electric[None, :], share, -(sets.power_kw.sum(axis=1) + sets.extra_kw))
    else:
        load = _add_loads(builder, problem, rows, (levels, share))
    switches: dict[str, Switched] = {}
    for place, machine in enumerate(problem.chillers):
        switch = add_switched(builder, problem, (machine.name, machine.commitment), rows)
        member = builder.rows(f"{machine.name}.member", count, 0.0, 0.0)
        builder.add(member, switch.on, -1.0)
        builder.add(member[None, :], share[on[:, place]], 1.0)
        builder.add(rows.cooling_reserve, switch.on, machine.load_kw[:, -1])
        switches[machine.name] = switch
    return ChilledColumns(switches, share, sets, load)


def _add_loads(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances, of: tuple[CoolingLevels, IntArray]
) -> dict[int, IntArray]:
    """Cooling and power of each running set along its curve, times its share."""
    (levels, share), found = of, {}
    for place, running in enumerate(every_set(len(problem.chillers))):
        if running.any():
            x, y = curve_of_set(problem, levels, running)
            name = f"chilled.set{place}"
            columns = CurveColumns(
                builder.columns(f"{name}.load", problem.steps, (0.0, x[:, -1])),
                builder.columns(f"{name}.power", problem.steps, (0.0, y.max(axis=1))),
            )
            add_cuts(builder, name, share[place], columns, (x, y))
            builder.add(rows.cooling, columns.load, 1.0)
            builder.add(rows.electric, columns.power, -1.0)
            found[place] = columns.load
    return found
