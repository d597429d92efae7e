"""Whole decisions from relaxed ones, for the steps beyond the binary window.

Those steps are planned again long before they come; until then the outlook must still say which machines
could run. Machines are permitted in the order of their relaxed share until the need is covered, so an
outlook is never short of capacity that exists.
"""

from __future__ import annotations

import numpy as np

from optimizer.plan import Role
from optimizer.problem import BoolArray, FloatArray

_HALF = 0.5
_LEFT_OVER = 1e-6


def rounded_on(share: FloatArray, capacity: FloatArray, need: FloatArray, binary_steps: int) -> BoolArray:
    """Which machines run, shape (machines, steps).

    Args:
        share: On-variable, whole in the first `binary_steps`, shape (machines, steps).
        capacity: Most each machine gives, shape (machines, steps).
        need: What they must cover together, shape (steps,).
        binary_steps: Steps in which `share` is taken as it is.

    Example:
        >>> rounded_on(np.array([[0.2], [0.9]]), np.array([[10.0], [10.0]]), np.array([8.0]), 0).tolist()
        [[False], [True]]
    """
    order = np.argsort(-share, axis=0, kind="stable")
    ordered = np.take_along_axis(capacity, order, axis=0)
    before = np.cumsum(ordered, axis=0) - ordered
    wanted = np.take_along_axis(share, order, axis=0)
    chosen = (before < need - _LEFT_OVER) & (wanted > _LEFT_OVER) | (wanted > 1.0 - _LEFT_OVER)
    on = np.zeros_like(chosen)
    np.put_along_axis(on, order, chosen, axis=0)
    on[:, :binary_steps] = share[:, :binary_steps] > _HALF
    return on


def rounded_roles(on: BoolArray, trim: FloatArray, binary_steps: int) -> list[tuple[Role, ...]]:
    """Role of each compressor and step: exactly one of those running trims beyond the binary steps."""
    running = np.where(on, trim, -1.0)
    best = np.zeros_like(on)
    np.put_along_axis(best, running.argmax(axis=0)[None, :], values=True, axis=0)
    best[:, :binary_steps] = trim[:, :binary_steps] > _HALF
    return [
        tuple(_role(bool(up), bool(trims)) for up, trims in zip(row_on, row_best, strict=True))
        for row_on, row_best in zip(on, best, strict=True)
    ]


def _role(on: bool, trims: bool) -> Role:  # noqa: FBT001  two states of one machine
    if not on:
        return "standby"
    return "trim" if trims else "base"
