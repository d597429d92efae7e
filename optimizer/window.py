"""The steps a matrix is made for: how many, how long, and in how many of them switches are whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from optimizer.problem import BoolArray


class Window(Protocol):
    """What every component has to know of the window; a `DispatchProblem` is one."""

    @property
    def steps(self) -> int:
        """Number of steps."""

    @property
    def step_s(self) -> float:
        """Length of a step. [s]."""

    @property
    def binary_steps(self) -> int:
        """Steps from the start in which a machine is either on or off; later ones are relaxed."""

    @property
    def gone_s(self) -> float:
        """How much of the first step is over. [s]."""


@dataclass(frozen=True, slots=True)
class Steps:
    """A window of its own; without `binary_steps` it is whole throughout."""

    steps: int
    step_s: float = 3600.0
    binary_steps: int = 1 << 30
    gone_s: float = 0.0


def whole_steps(window: Window) -> BoolArray:
    """In which steps a switch is whole, shape (steps,)."""
    return np.arange(window.steps) < window.binary_steps
