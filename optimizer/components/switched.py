"""A machine of a plant that switches, with all that hangs on its starts and stops."""

from __future__ import annotations

from optimizer.components.balance import Balances
from optimizer.components.commitment import add_on
from optimizer.components.starting import Switched, add_course, add_run
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem
from optimizer.switching import Commitment


def add_switched(
    builder: MatrixBuilder, problem: DispatchProblem, of: tuple[str, Commitment], rows: Balances
) -> Switched:
    """Add on, start, stop and run of one machine; what its starts and stops take goes into the balances."""
    name, commitment = of
    on = add_on(builder, problem, name, commitment)
    switch = add_run(builder, problem, of, (on.on, on.start, on.stop))
    fuel_eur_kw = problem.gas_marginal_eur_kwh * problem.hours
    power, fuel = add_course(builder, problem, (name, commitment, switch), fuel_eur_kw)
    if power is not None:
        builder.add(rows.electric, power, -1.0)
    if fuel is not None:
        rows.add_fuel(builder, fuel, 1.0)
    return switch
