"""State and switching limits of a machine that is either on or off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from optimizer.arrays import IntArray
from optimizer.starting import Ramp, Starting

FREE: Final = -1
"""Lock value: the plan decides."""
OFF: Final = 0
"""Lock value: held off (tripped, in maintenance, local mode observed off)."""
ON: Final = 1
"""Lock value: held on (local mode observed running)."""

LONG_S: Final = 1e9
"""Time in a state that is longer than any minimum. [s]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """State and switching limits of a machine that is either on or off."""

    on: bool = False
    """Whether it runs when the window begins."""
    state_s: float = LONG_S
    """Time in that state. [s]"""
    min_up_s: float = 0.0
    """Shortest run. [s]"""
    min_down_s: float = 0.0
    """Shortest stop. [s]"""
    start_eur: float = 0.0
    """Wear and energy of one start. [money]"""
    cold_start_eur: float | None = None
    """Cost of a start after more than `cold_after_s` of standing; None: a start costs the same. [money]"""
    cold_after_s: float = LONG_S
    """Longest stop after which a start is still warm. [s]"""
    lock: IntArray | None = None
    """FREE, OFF or ON per step, shape (steps,); None is free throughout. A lock outranks minimum times."""
    starting: Starting = field(default_factory=Starting)
    """Start limits, warming up, running on."""
    ramp: Ramp | None = None
    """How fast its output may move; None for at once."""
    run_h: float = 0.0
    """Hours run in its life; of machines that may be exchanged the one with fewest runs longest. [h]"""

    @property
    def dearest_start_eur(self) -> float:
        """Cost of a start from cold. [money]."""
        return self.start_eur if self.cold_start_eur is None else self.cold_start_eur


def steps_of(duration_s: float, step_s: float) -> int:
    """Whole steps that cover a duration; a hair of rounding does not add a step."""
    return max(0, int(np.ceil(duration_s / step_s - 1e-9)))


def effective_lock(commitment: Commitment, steps: int, step_s: float, gone_s: float = 0.0) -> IntArray:
    """Lock per step with the minimum time still owed from before the window, shape (steps,).

    A lock given from outside (a trip, local mode) outranks the owed time. Times in a state count from the
    begin of the first step; where `gone_s` of it is over [s], its switch comes that late, and what ended
    before is not owed.
    """
    lock = np.full(steps, FREE, dtype=np.int64)
    up_s = max(commitment.min_up_s, commitment.starting.warm_up_s)
    owed_s = (up_s if commitment.on else commitment.min_down_s) - commitment.state_s
    lock[: steps_of(owed_s, step_s) if owed_s > gone_s else 0] = ON if commitment.on else OFF
    if commitment.lock is None:
        return lock
    given = commitment.lock != FREE
    broken = given & (lock != FREE) & (commitment.lock != lock)
    if broken.any():
        # once a trip or local mode has broken the owed time, nothing is owed after it
        lock[int(np.argmax(broken)) :] = FREE
    return np.where(given, commitment.lock, lock).astype(np.int64)
