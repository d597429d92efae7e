"""A large compressor station, machine by machine: all that run are fully loaded except at most one (trim).

Two machines at part load is what a badly set cascade does; a plan never asks for it. The receiver is
seconds of need and no store at 15 min; its switching losses are in the trim curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import Balances
from optimizer.components.curve import Choice, CurveColumns, add_curve
from optimizer.components.starting import Switched
from optimizer.components.switched import add_switched
from optimizer.matrix import MatrixBuilder
from optimizer.problem import Compressor, DispatchProblem, IntArray


@dataclass(frozen=True, slots=True)
class CompressorColumns:
    """Column indices of one machine; base = on - trim."""

    switch: Switched
    trim: IntArray
    curve: CurveColumns
    heat: IntArray | None
    """Heat recovered."""


def add_compressors(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> dict[str, CompressorColumns]:
    """Add all compressors and the rule of one trim machine per step."""
    count = problem.steps
    whole = np.arange(count) < problem.binary_steps
    one_trim = builder.rows("one_trim", count, -np.inf, 1.0) if problem.compressors else None
    columns: dict[str, CompressorColumns] = {}
    for machine in problem.compressors:
        switch = add_switched(builder, problem, (machine.name, machine.commitment), rows)
        trim = builder.columns(f"{machine.name}.trim", count, (0.0, 1.0), integer=whole)
        x = np.broadcast_to(machine.flow_m3_min, (count, len(machine.flow_m3_min)))
        y = np.broadcast_to(machine.power_kw, x.shape)
        curve = add_curve(
            builder, problem, machine.name, Choice(trim, exact=machine.heat_recovery_frac > 0), (x, y)
        )
        base = builder.rows(f"{machine.name}.base", count, 0.0, 1.0)
        builder.add(base, switch.on, 1.0)
        builder.add(base, trim, -1.0)
        if one_trim is not None:
            builder.add(one_trim, trim, 1.0)
        for row, full, part in (
            (rows.air, machine.full_flow_m3_min, curve.load),
            (rows.electric, -machine.full_power_kw, curve.power),
        ):
            builder.add(row, switch.on, full)
            builder.add(row, trim, -full)
            builder.add(row, part, float(np.sign(full)))
        builder.add(
            rows.air_reserve, switch.on, max(machine.full_flow_m3_min, float(machine.flow_m3_min[-1]))
        )
        columns[machine.name] = CompressorColumns(
            switch, trim, curve, _add_heat(builder, rows, machine, (switch.on, trim, curve.power))
        )
    return columns


def _add_heat(
    builder: MatrixBuilder, rows: Balances, machine: Compressor, of: tuple[IntArray, IntArray, IntArray]
) -> IntArray | None:
    """Heat up to a share of the power; `of` is on, trim and power while trimming."""
    share, (on, trim, power) = machine.heat_recovery_frac, of
    if share <= 0:
        return None
    heat = builder.columns(f"{machine.name}.recovered", len(on))
    row = builder.rows(f"{machine.name}.recovered", len(on), -np.inf, 0.0)
    builder.add(row, heat, 1.0)
    builder.add(row, on, -share * machine.full_power_kw)
    builder.add(row, trim, share * machine.full_power_kw)
    builder.add(row, power, -share)
    builder.add(rows.of(machine.heat_carrier), heat, 1.0)
    return heat
