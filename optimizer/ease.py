"""The second pass against chatter: of the plans that cost the same, the one that moves least.

Prices alone leave ties: at a flat tariff a battery may cycle or rest, a chiller start now or a step later.
Tiny prices on top would distort the cost and slow the search down; a second problem asked after the first
does neither. In turn, each holding what the one before found: fewest starts at a cost within the gap, least
cost with these switches, least movement of storage, load and generation at that cost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.build import Columns
from optimizer.components.balance import shortages_of, slacks_of
from optimizer.marginal import settled, solve_linear
from optimizer.matrix import Matrix
from optimizer.plan import SHORTAGE_TOLERANCE
from optimizer.problem import FloatArray, IntArray
from optimizer.solve import Solved, SolveOptions, solve

_ENOUGH: Final = 0.5
"""A saved part of a start that is not worth a search; starts are whole where switches are. [starts]"""
_SAME: Final = 1e-7
"""Money that is the same, as a share."""
_HAIR: Final = 1e-6
"""Amount of a shortage that is none."""
_LEAST_SPAN: Final = 1e-6

Move = tuple[IntArray, IntArray | None]
"""Columns of a course, and those taken off it; each (steps,)."""


def ease(
    matrix: Matrix, columns: Columns, found: Solved, options: SolveOptions, *, few_starts: bool
) -> Solved:
    """The plan with fewest starts and least movement at a cost within the gap.

    Args:
        matrix: The problem.
        columns: Where its decisions stand.
        found: Its solution; the bound stays, so the gap of what is returned is as true as its own.
        options: The gap asked for is what the pass may cost, the limit what it may take: half of it the
            search for fewer starts, half each linear problem; what is not ready by then stays as it was.
        few_starts: Whether switches may change; in a rolled window they stay as they were decided.
    """
    begun = _with_few_starts(matrix, found, options) if few_starts else found
    half_s = options.limit_s / 2.0
    cheapest = solve_linear(settled(matrix, begun.x), half_s)
    if cheapest is None:
        return found
    as_short = _no_more(matrix, slacks_of(matrix), cheapest.x + _HAIR)
    still = _settled_moves(as_short, moves_of(columns), cheapest.x, cheapest.objective)
    moved = solve_linear(still, half_s)
    least = None if moved is None else moved.x[: len(matrix.lower)]
    x = cheapest.x if least is None else least
    objective = float(matrix.cost @ x) + matrix.offset
    gap = max(0.0, objective - found.bound) / max(abs(objective), options.gap_eur)
    return replace(found, x=x, objective=objective, bound=min(found.bound, objective), gap=gap)


def moves_of(columns: Columns) -> tuple[Move, ...]:
    """Courses that shall move little: storage, chillers' loads, CHP power."""
    moves: list[Move] = [(one.charge, one.discharge) for one in columns.batteries.values()]
    moves += [(one.flow, None) for one in columns.stores.values()]
    moves += [(one.curve.load, None) for one in columns.chillers.values()]
    moves += [(one.power, None) for one in columns.chps.values()]
    return tuple(moves)


def starts_of(matrix: Matrix) -> IntArray:
    """Columns that count starts, of single machines and of classes."""
    blocks = [block.ravel() for name, block in matrix.columns.items() if name.endswith(".start")]
    return np.concatenate(blocks or [np.zeros(0, dtype=np.int64)])


def _in_whole_steps(matrix: Matrix) -> IntArray:
    """Those of them where the switch is whole; beyond, a start is a share that is decided anew."""
    named = [
        (matrix.columns[f"{name[:-6]}.on"], block)
        for name, block in matrix.columns.items()
        if name.endswith(".start")
    ]
    blocks = [start[matrix.integer[on]] for on, start in named]
    return np.concatenate(blocks or [np.zeros(0, dtype=np.int64)])


def _with_few_starts(matrix: Matrix, found: Solved, options: SolveOptions) -> Solved:
    """As many starts less as the gap allows; the same where that is not proven in time."""
    starts = starts_of(matrix)
    if found.x[_in_whole_steps(matrix)].sum() < _ENOUGH or not found.proven:
        return found
    allowed = max(found.objective, found.bound + options.gap_frac * abs(found.bound))
    counted = np.zeros_like(matrix.cost)
    counted[starts] = 1.0
    near = _with_the_outlook_kept(
        _no_more(matrix, shortages_of(matrix), found.x + SHORTAGE_TOLERANCE), found.x
    )
    asked = replace(_capped(near, allowed), cost=counted, offset=0.0)
    whole = np.flatnonzero(matrix.integer)
    hint = {int(column): float(np.rint(found.x[column])) for column in whole}
    how = replace(options, gap_frac=0.0, gap_eur=_ENOUGH, limit_s=options.limit_s / 2.0)
    fewer = solve(asked, how, hint)
    if not isinstance(fewer, Solved) or not fewer.proven:
        return found  # stopped by the clock: what it has by then is another one each time
    decided = _in_whole_steps(matrix)
    saved = found.x[decided].sum() - fewer.x[decided].sum()
    spent = replace(
        found.stats,
        solve_s=found.stats.solve_s + fewer.stats.solve_s,
        nodes=found.stats.nodes + fewer.stats.nodes,
    )
    return replace(found, x=fewer.x if saved > _ENOUGH else found.x, stats=spent)


def _no_more(matrix: Matrix, columns: IntArray, most: FloatArray) -> Matrix:
    """What is short may not grow: the gap of a large plant would pay for a start with a need left off."""
    upper = matrix.upper.copy()
    upper[columns] = np.minimum(upper[columns], np.maximum(most[columns], 0.0))
    return replace(matrix, upper=upper)


def _with_the_outlook_kept(matrix: Matrix, x: FloatArray) -> Matrix:
    """Only what is decided exactly may change: what lies beyond is decided anew before it comes."""
    switches = [block for name, block in matrix.columns.items() if name.endswith(".on") and block.size]
    steps = max(block.shape[-1] for block in switches)
    whole = max(int(matrix.integer[block].sum(axis=-1).max()) for block in switches)
    blocks = (block for block in matrix.columns.values() if block.shape[-1] == steps)
    beyond = np.concatenate([block[..., whole:].ravel() for block in blocks])
    return matrix.held(beyond, x[beyond])


def _capped(matrix: Matrix, most: float) -> Matrix:
    """The same with its cost as a row."""
    priced = np.flatnonzero(matrix.cost)
    row = np.full(len(priced), len(matrix.row_lower), dtype=np.int64)
    nothing = np.zeros(0)
    limits = (np.array([-np.inf]), np.array([most - matrix.offset]))
    return matrix.extended(nothing, limits, (row, priced, matrix.cost[priced]))


def _settled_moves(matrix: Matrix, moves: tuple[Move, ...], x: FloatArray, cost: float) -> Matrix:
    """The least sum of changes from step to step, each as a share of its range, at the same cost."""
    asked = settled(_capped(matrix, cost + _SAME * max(abs(cost), 1.0)), x)
    prices = np.zeros_like(asked.cost)
    for course, taken_off in moves:
        if len(course) > 1:
            asked, prices = _with_changes(asked, prices, (course, taken_off))
    return replace(asked, cost=prices, offset=0.0)


def _with_changes(matrix: Matrix, prices: FloatArray, move: Move) -> tuple[Matrix, FloatArray]:
    """One more column per change, not below it in either direction, priced by the range of the course."""
    course, taken_off = move
    count, rows = len(course) - 1, len(matrix.row_lower)
    ends = [matrix.upper[course].max(), -matrix.lower[course].min()]
    ends += [] if taken_off is None else [matrix.upper[taken_off].max()]
    span = max(_LEAST_SPAN, float(sum(max(end, 0.0) for end in ends)))
    change = len(matrix.lower) + np.arange(count)
    entries: list[tuple[IntArray, IntArray, FloatArray]] = []
    for sign, first in ((1.0, rows), (-1.0, rows + count)):
        row = first + np.arange(count)
        parts = [(change, 1.0), (course[1:], -sign), (course[:-1], sign)]
        parts += [] if taken_off is None else [(taken_off[1:], sign), (taken_off[:-1], -sign)]
        entries += [(row, column, np.full(count, value)) for column, value in parts]
    row, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    more = matrix.extended(
        np.full(count, np.inf), (np.zeros(2 * count), np.full(2 * count, np.inf)), (row, column, value)
    )
    return more, np.concatenate([prices, np.full(count, 1.0 / span)])
