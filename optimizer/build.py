"""The whole matrix from its components, and the plan in force as a start for the solver."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.chilled_sets import form_of
from optimizer.components.balance import Balances, add_balances, shortages_of
from optimizer.components.battery import BatteryColumns, add_batteries
from optimizer.components.chilled_station import ChilledColumns, add_chilled_station
from optimizer.components.chillers import ChillerColumns, add_chillers
from optimizer.components.cogen import CogenColumns, add_cogens
from optimizer.components.compressors import CompressorColumns, add_compressors
from optimizer.components.converter import ConverterColumns, add_converters
from optimizer.components.cooling_levels import LevelColumns
from optimizer.components.flexible import add_flexible
from optimizer.components.floating import ClassColumns, add_floating
from optimizer.components.grid import GridColumns, add_grid
from optimizer.components.heat import ChpColumns, add_boilers, add_chps, add_pv
from optimizer.components.margin import Running, add_margins
from optimizer.components.station import StationColumns, add_station
from optimizer.components.store import StoreColumns, add_stores
from optimizer.components.supply import add_supply
from optimizer.matrix import Matrix, MatrixBuilder
from optimizer.plan import MachinePlan, Plan
from optimizer.problem import DispatchProblem, IntArray, steps_of
from optimizer.rolling import Switching, Whole
from optimizer.shortage_prices import with_shortages_priced
from optimizer.stations import is_small


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each component's decisions stand in the matrix."""

    grid: GridColumns
    station: StationColumns | None
    """Of a small station, else None."""
    compressors: dict[str, CompressorColumns]
    """Of a large station with one trim machine, else empty."""
    floating: tuple[ClassColumns, ...]
    """Of a station whose machines float, else empty."""
    chillers: dict[str, ChillerColumns]
    batteries: dict[str, BatteryColumns]
    stores: dict[str, StoreColumns]
    chps: dict[str, ChpColumns]
    boilers: dict[str, IntArray]
    pv: IntArray | None
    converters: dict[str, ConverterColumns]
    cogens: dict[str, CogenColumns]
    flexible: dict[str, dict[str, IntArray]]
    """Power of each part of each load."""
    chilled: ChilledColumns | None
    """Of chillers whose sets are chosen with their water temperatures, else None."""
    cooling_levels: LevelColumns | None
    inverter_kvar: IntArray | None
    """Reactive power of the inverters."""


def build(problem: DispatchProblem) -> tuple[Matrix, Columns]:
    """Build the matrix of a problem that `inputs.refuse` let pass."""
    builder = MatrixBuilder()
    rows = add_balances(builder, problem)
    floats = any(machine.floats for machine in problem.compressors)
    small, large = is_small(problem) and not floats, not is_small(problem) and not floats
    columns = Columns(
        grid=add_grid(builder, problem, rows),
        inverter_kvar=None,
        station=add_station(builder, problem, rows) if small else None,
        compressors=add_compressors(builder, problem, rows) if large else {},
        floating=add_floating(builder, problem, rows) if floats else (),
        chilled=(chilled := _add_chilled(builder, problem, rows))[0],
        chillers=chilled[1],
        cooling_levels=chilled[2],
        batteries=add_batteries(builder, problem, rows),
        stores=add_stores(builder, problem, rows),
        chps=add_chps(builder, problem, rows),
        boilers=add_boilers(builder, problem, rows),
        pv=add_pv(builder, problem, rows),
        converters=add_converters(builder, problem, rows),
        cogens=add_cogens(builder, problem, rows),
        flexible=add_flexible(builder, problem, rows),
    )
    given = add_supply(builder, problem, rows, (columns.grid, columns.pv))
    columns = replace(columns, inverter_kvar=given)
    add_margins(builder, problem, *_running(problem, columns))
    return with_shortages_priced(problem, builder.build()), columns


def _add_chilled(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances
) -> tuple[ChilledColumns | None, dict[str, ChillerColumns], LevelColumns | None]:
    """Chillers by sets where they alone make the cooling and may choose their water, else one by one."""
    if problem.cooling_levels is not None and form_of(problem) != "columns":
        return add_chilled_station(builder, problem, rows, problem.cooling_levels), {}, None
    return (None, *add_chillers(builder, problem, rows))


def _running(problem: DispatchProblem, columns: Columns) -> tuple[dict[str, Running], dict[str, Running]]:
    """On-variables and capacities of compressors and chillers, whatever the form of their station."""
    switches = _switches(columns)
    air: dict[str, Running] = {}
    for machine in problem.compressors:
        most = max(machine.full_flow_m3_min, float(machine.flow_m3_min[-1]))
        if machine.name in switches:
            air[machine.name] = (switches[machine.name], np.full(problem.steps, most), 1)
    for group in columns.floating:
        first = problem.compressors[group.members[0]]
        capacity = np.full(problem.steps, float(first.flow_m3_min[-1]))
        air[first.name] = (group.switch.on, capacity, len(group.members))
    cooling: dict[str, Running] = {
        one.name: (switches[one.name], one.load_kw[:, -1], 1) for one in problem.chillers
    }
    return air, cooling


def whole_of(problem: DispatchProblem, matrix: Matrix, columns: Columns) -> Whole:
    """Which columns are whole in which step, for a window that is rolled."""
    steps = problem.steps
    step_of = np.full(len(matrix.lower), -1, dtype=np.int64)
    for block in matrix.columns.values():
        if block.shape[-1] == steps and matrix.integer[block].any():
            step_of[block] = np.broadcast_to(np.arange(steps), block.shape)
    named = _switches(columns)
    switches = [(m.commitment, named[m.name]) for m in problem.switched if m.name in named]
    switches += [(problem.compressors[c.members[0]].commitment, c.switch.on) for c in columns.floating]
    return Whole(
        step_of=np.where(matrix.integer, step_of, -1).astype(np.int64),
        shortages=shortages_of(matrix),
        switches=tuple(
            Switching(
                on,
                steps_of(max(own.min_up_s, own.starting.warm_up_s), problem.step_s),
                steps_of(own.min_down_s, problem.step_s),
            )
            for own, on in switches
        ),
    )


def hint_from(problem: DispatchProblem, columns: Columns, plan: Plan) -> dict[int, float]:
    """On, trim and charging of an older plan, shifted to this window's start, for its binary steps only."""
    shift = round((problem.start_ns - plan.start_ns) / (problem.step_s * 1e9))
    count = min(problem.binary_steps, plan.binary_steps - shift, problem.steps)
    hint: dict[int, float] = {}
    if shift < 0 or count <= 0 or abs(plan.step_s - problem.step_s) > 0:
        return hint
    known = plan.machines
    window = slice(shift, shift + count)
    for name, on in _switches(columns).items():
        if name in known:
            hint.update(zip(on[:count].tolist(), known[name].on[window].astype(float), strict=True))
    for name, machine in columns.compressors.items():
        if name in known:
            trims = (float(role == "trim") for role in known[name].role[window])
            hint.update(zip(machine.trim[:count].tolist(), trims, strict=True))
    return hint | _hint_of_classes(problem, columns, known, window)


def _hint_of_classes(
    problem: DispatchProblem, columns: Columns, known: dict[str, MachinePlan], window: slice
) -> dict[int, float]:
    hint: dict[int, float] = {}
    for group in columns.floating:
        names = [problem.compressors[place].name for place in group.members]
        if set(names) <= known.keys():
            running = np.sum([known[name].on[window] for name in names], axis=0).astype(np.float64)
            hint.update(zip(group.switch.on[: len(running)].tolist(), running.tolist(), strict=True))
    return hint


def _switches(columns: Columns) -> dict[str, IntArray]:
    """On-variables of single machines by name."""
    switches = {
        name: c.switch.on for group in (columns.compressors, columns.chillers) for name, c in group.items()
    }
    switches |= {name: c.switch.on for name, c in columns.chps.items()}
    switches |= {name: c.switch.on for name, c in columns.cogens.items()}
    switches |= {name: c.switch.on for name, c in columns.converters.items() if c.switch is not None}
    if columns.chilled is not None:
        switches |= {name: switch.on for name, switch in columns.chilled.switches.items()}
    if columns.station is not None:
        switches |= {name: switch.on for name, switch in columns.station.switches.items()}
    return switches
