"""Converters: flows of several carriers along one level, exact on each straight piece of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import Balances
from optimizer.components.curve import Choice, add_piece
from optimizer.components.starting import Switched, add_ramp
from optimizer.components.switched import add_switched
from optimizer.matrix import MatrixBuilder
from optimizer.network import Converter, Flow
from optimizer.problem import DispatchProblem, FloatArray, IntArray
from optimizer.window import whole_steps


@dataclass(frozen=True, slots=True)
class ConverterColumns:
    """Column indices of one converter.

    Attributes:
        switch: On, start, stop; None where it goes to zero without switching.
        level: Along which the flows are, shape (steps,).
        pieces: Share and level of each straight piece, each (steps,).
    """

    switch: Switched | None
    level: IntArray
    pieces: tuple[tuple[IntArray, IntArray], ...]


def add_converters(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> dict[str, ConverterColumns]:
    """Add all converters."""
    return {one.name: _add_converter(builder, problem, rows, one) for one in problem.converters}


def _add_converter(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances, one: Converter
) -> ConverterColumns:
    count, own, name = problem.steps, one.commitment, one.name
    switch = add_switched(builder, problem, (name, own), rows) if one.switches else None
    run = builder.columns(f"{name}.there", count, (1.0, 1.0)) if switch is None else switch.run
    low, high = one.level[:, 0], one.level[:, -1]
    level = builder.columns(f"{name}.level", count, (0.0, high))
    parts = one.level.shape[1] - 1
    choice = Choice(run, fractional=own.starting.warm_up_s > 0)
    split = parts > 1
    one_piece = builder.rows(f"{name}.one_piece", count, 0.0, 0.0) if split else None
    total = builder.rows(f"{name}.total_level", count, 0.0, 0.0)
    one_pick = builder.rows(f"{name}.one_pick", count, -np.inf, 1.0) if split and choice.fractional else None
    builder.add(total, level, -1.0)
    if one_piece is not None:
        builder.add(one_piece, run, -1.0)
    pieces: list[tuple[IntArray, IntArray]] = []
    for k in range(parts):
        share = run
        if one_piece is not None:
            share = add_piece(builder, f"{name}.piece{k}", choice, whole_steps(problem), one_pick)
            builder.add(one_piece, share, 1.0)
        pieces.append((share, _add_piece_level(builder, problem, (one, k), share, rows)))
        builder.add(total, pieces[-1][1], 1.0)
    if switch is not None:
        add_ramp(builder, problem, (name, own, switch), level, (low, high))
    return ConverterColumns(switch, level, tuple(pieces))


def _add_piece_level(
    builder: MatrixBuilder,
    problem: DispatchProblem,
    of: tuple[Converter, int],
    share: IntArray,
    rows: Balances,
) -> IntArray:
    """Level within one straight piece, with all flows along it."""
    one, k = of
    x0, x1 = one.level[:, k], one.level[:, k + 1]
    fuel_eur = problem.gas_marginal_eur_kwh * problem.hours
    gas = [line_of(one, flow, k) for flow in one.flows if flow.carrier == "gas"]
    slopes = sum((slope for slope, _ in gas), np.zeros(problem.steps))
    level = builder.columns(f"{one.name}.level{k}", problem.steps, (0.0, x1), cost=slopes * fuel_eur)
    least = builder.rows(f"{one.name}.least{k}", problem.steps, 0.0, np.inf)
    builder.add(least, level, 1.0)
    builder.add(least, share, -x0)
    most = builder.rows(f"{one.name}.most{k}", problem.steps, -np.inf, 0.0)
    builder.add(most, level, 1.0)
    builder.add(most, share, -x1)
    fixed = sum((constant for _, constant in gas), np.zeros(problem.steps))
    if fixed.any():
        # what burns whatever the level hangs on the share, which has its cost already elsewhere
        burn = builder.columns(f"{one.name}.idle{k}", problem.steps, (-np.inf, np.inf), cost=fuel_eur)
        row = builder.rows(f"{one.name}.idle{k}", problem.steps, 0.0, 0.0)
        builder.add(row, burn, 1.0)
        builder.add(row, share, -fixed)
    for flow in one.flows:
        slope, constant = line_of(one, flow, k)
        if flow.carrier == "gas":
            rows.add_fuel(builder, level, slope)
            rows.add_fuel(builder, share, constant)
        else:
            builder.add(rows.of(flow.carrier), level, -slope)
            builder.add(rows.of(flow.carrier), share, -constant)
    return level


def line_of(one: Converter, flow: Flow, k: int) -> tuple[FloatArray, FloatArray]:
    """Slope and constant of a flow on a piece, each (steps,)."""
    x0, x1 = one.level[:, k], one.level[:, k + 1]
    slope = (flow.at[:, k + 1] - flow.at[:, k]) / (x1 - x0)
    return slope, flow.at[:, k] - slope * x0
