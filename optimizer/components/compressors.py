"""A large compressor station, machine by machine: all that run are fully loaded except at most one (trim).

Two machines at part load is what a badly set cascade does; a plan never asks for it. The receiver is
seconds of need and no store at 15 min; its switching losses are in the trim curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import Balances
from optimizer.components.commitment import OnColumns, add_on
from optimizer.components.curve import CurveColumns, add_curve
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, IntArray


@dataclass(frozen=True, slots=True)
class CompressorColumns:
    """Column indices of one machine; base = on - trim."""

    switch: OnColumns
    trim: IntArray
    curve: CurveColumns


def add_compressors(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> dict[str, CompressorColumns]:
    """Add all compressors and the rule of one trim machine per step."""
    count = problem.steps
    whole = np.arange(count) < problem.binary_steps
    one_trim = builder.rows("one_trim", count, -np.inf, 1.0) if problem.compressors else None
    columns: dict[str, CompressorColumns] = {}
    for machine in problem.compressors:
        switch = add_on(builder, problem, machine.name, machine.commitment)
        trim = builder.columns(f"{machine.name}.trim", count, (0.0, 1.0), integer=whole)
        x = np.broadcast_to(machine.flow_m3_min, (count, len(machine.flow_m3_min)))
        y = np.broadcast_to(machine.power_kw, x.shape)
        curve = add_curve(builder, problem, machine.name, trim, (x, y))
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
        columns[machine.name] = CompressorColumns(switch, trim, curve)
    return columns
