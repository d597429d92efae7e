"""Stores of air, chilled and hot water: a flow and a content, with a standing loss and a worth at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.components.balance import Balances, add_end
from optimizer.matrix import MatrixBuilder
from optimizer.problem import DispatchProblem, FloatArray, IntArray, Store


@dataclass(frozen=True, slots=True)
class StoreColumns:
    """Column indices, each (steps,)."""

    flow: IntArray
    """Out of the store into the balance; negative while it charges."""
    content: IntArray
    """At the end of the step."""


def clipped_content(store: Store) -> float:
    """Measured content clipped into the range the plan must keep. [m³ or kWh]."""
    return float(np.clip(store.content, store.least, store.most))


def kept_frac(store: Store, hours: FloatArray) -> FloatArray:
    """Share of the content that is left after each step of standing."""
    kept: FloatArray = np.maximum(0.0, 1.0 - store.loss_per_h_frac * hours)
    return kept


def add_stores(builder: MatrixBuilder, problem: DispatchProblem, rows: Balances) -> dict[str, StoreColumns]:
    """Add all stores with their content from step to step."""
    return {store.name: _add_store(builder, problem, rows, store) for store in problem.stores}


def _add_store(
    builder: MatrixBuilder, problem: DispatchProblem, rows: Balances, store: Store
) -> StoreColumns:
    name, count = store.name, problem.steps
    held = store.held_per_step(problem.step_s) * (problem.hours / problem.step_h)
    kept = kept_frac(store, problem.hours)
    whole = store.most / held
    bounds = (-np.minimum(store.charge_max, whole), np.minimum(store.discharge_max, whole))
    flow = builder.columns(f"{name}.flow", count, bounds)
    worth = np.zeros(count)
    worth[-1] = store.end_value
    content = builder.columns(f"{name}.content", count, (store.least, store.most), cost=-worth)
    start = clipped_content(store)
    builder.offset += store.end_value * start
    before: FloatArray = np.zeros(count)
    before[0] = kept[0] * start
    change = builder.rows(f"{name}.balance", count, before, before)
    builder.add(change, content, 1.0)
    builder.add(change[1:], content[:-1], -kept[1:])
    builder.add(change, flow, held)
    builder.add(rows.of(store.carrier), flow, 1.0)
    if store.end_least is not None:
        add_end(builder, name, content[-1:], store.end_least)
    return StoreColumns(flow, content)
