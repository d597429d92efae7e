"""The whole matrix from its components, and the plan in force as a start for the solver."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.components.balance import add_balances
from optimizer.components.battery import BatteryColumns, add_batteries
from optimizer.components.chillers import ChillerColumns, add_chillers
from optimizer.components.compressors import CompressorColumns, add_compressors
from optimizer.components.grid import GridColumns, add_grid
from optimizer.components.heat import ChpColumns, add_boilers, add_chps, add_pv
from optimizer.components.station import StationColumns, add_station
from optimizer.matrix import Matrix, MatrixBuilder
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem, IntArray
from optimizer.stations import is_small


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each component's decisions stand in the matrix."""

    grid: GridColumns
    station: StationColumns | None
    """Of a small station, else None."""
    compressors: dict[str, CompressorColumns]
    """Of a large station, else empty."""
    chillers: dict[str, ChillerColumns]
    batteries: dict[str, BatteryColumns]
    chps: dict[str, ChpColumns]
    boilers: dict[str, IntArray]
    pv: IntArray | None


def build(problem: DispatchProblem) -> tuple[Matrix, Columns]:
    """Build the matrix of a problem that `inputs.refuse` let pass."""
    builder = MatrixBuilder()
    rows = add_balances(builder, problem)
    small = is_small(problem)
    columns = Columns(
        grid=add_grid(builder, problem, rows),
        station=add_station(builder, problem, rows) if small else None,
        compressors={} if small else add_compressors(builder, problem, rows),
        chillers=add_chillers(builder, problem, rows),
        batteries=add_batteries(builder, problem, rows),
        chps=add_chps(builder, problem, rows),
        boilers=add_boilers(builder, problem, rows),
        pv=add_pv(builder, problem, rows),
    )
    return builder.build(), columns


def hint_from(problem: DispatchProblem, columns: Columns, plan: Plan) -> dict[int, float]:
    """On, trim and charging of an older plan, shifted to this window's start, for its binary steps only."""
    shift = round((problem.start_ns - plan.start_ns) / (problem.step_s * 1e9))
    count = min(problem.binary_steps, plan.binary_steps - shift, problem.steps)
    hint: dict[int, float] = {}
    if shift < 0 or count <= 0 or abs(plan.step_s - problem.step_s) > 0:
        return hint
    window = slice(shift, shift + count)
    switches = {
        name: c.switch.on for group in (columns.compressors, columns.chillers) for name, c in group.items()
    }
    switches |= {name: c.switch.on for name, c in columns.chps.items()}
    if columns.station is not None:
        switches |= {name: switch.on for name, switch in columns.station.switches.items()}
    for name, on in switches.items():
        if name in plan.machines:
            hint.update(zip(on[:count].tolist(), plan.machines[name].on[window].astype(float), strict=True))
    for name, machine in columns.compressors.items():
        if name in plan.machines:
            trims = (float(role == "trim") for role in plan.machines[name].role[window])
            hint.update(zip(machine.trim[:count].tolist(), trims, strict=True))
    return hint
