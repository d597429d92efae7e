"""What a start and a stop of a machine bring with them, how often it may start, how fast its output may move.

Seconds and units per minute, whatever the step of a plan: `components.starting` makes steps of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HOUR_S = 3600.0
DAY_S = 86400.0
MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """Course of a start and a stop. A machine runs while it warms up, but gives nothing yet."""

    most_per_h: int | None = None
    """Starts in any hour, those before the window included; None for no limit."""
    most_per_day: int | None = None
    """Starts in any 24 h, likewise."""
    ages_s: tuple[float, ...] = ()
    """How long before the window each earlier start was; older than a day is left out. [s]"""
    warm_up_s: float = 0.0
    """From the start until it gives anything; a run is no shorter. [s]"""
    warm_up_kw: float = 0.0
    """Electric power during that time. [kW]"""
    warm_up_fuel_kw: float = 0.0
    """Fuel during that time. [kW LHV]"""
    run_on_s: float = 0.0
    """Unloaded running or cooling down after the stop; no longer than the shortest stop or a step. [s]"""
    run_on_kw: float = 0.0
    """Electric power during that time. [kW]"""
    stop_eur: float = 0.0
    """Cost of one stop. [money]"""

    @property
    def limits(self) -> tuple[tuple[int, float], ...]:
        """Starts permitted in any so many seconds."""
        asked = ((self.most_per_h, HOUR_S), (self.most_per_day, DAY_S))
        return tuple((most, length_s) for most, length_s in asked if most is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """How fast the output of a running machine may move, in units of its output per minute."""

    up_per_min: float = np.inf
    down_per_min: float = np.inf
    last: float = 0.0
    """Output in the step before the window."""
    at_start: float | None = None
    """Most in the step of a start; None: its least load, or one step of the ramp where that is more."""
    at_stop: float | None = None
    """Most in the last step before a stop, likewise. A trip or a lock outranks it."""


def course_kw(
    on: npt.NDArray[np.bool_], ran: tuple[bool, float], own: Starting, step_s: float, gone_s: float = 0.0
) -> Course:
    """What starts and stops of a given course of on and off bring, step by step.

    Args:
        on: Whether it runs, shape (steps,).
        ran: Whether it ran before, and for how long it was so. [s]
        own: Course of its starts and stops.
        step_s: Length of a step. [s]
        gone_s: How much of the first one is over; its switch comes then. [s]

    Example:
        >>> own = Starting(warm_up_s=600.0, warm_up_kw=12.0, run_on_s=300.0, run_on_kw=9.0)
        >>> found = course_kw(np.array([True, True, False]), (False, 1e9), own, 900.0)
        >>> found.giving_frac.round(3).tolist(), found.power_kw.round(3).tolist()
        ([0.333, 1.0, 0.0], [8.0, 0.0, 3.0])
    """
    steps = len(on)
    warm, run_on = np.zeros(steps), np.zeros(steps)
    before, lasted_s = ran[0], ran[1] + gone_s
    for step, now in enumerate(on):
        left_s = step_s if step else step_s - gone_s
        lasted_s = 0.0 if bool(now) != before else lasted_s
        before = bool(now)
        length_s = own.warm_up_s if now else own.run_on_s
        # switched late in a step that is planned whole, it has lasted less than nothing
        share = min(max(length_s - lasted_s, 0.0) / left_s, 1.0) if length_s > 0 else 0.0
        (warm if now else run_on)[step] = share
        lasted_s += left_s
    return Course(
        giving_frac=on - warm,
        power_kw=warm * own.warm_up_kw + run_on * own.run_on_kw,
        fuel_kw=warm * own.warm_up_fuel_kw,
    )


@dataclass(frozen=True, slots=True)
class Course:
    """What starts and stops bring in each step.

    Attributes:
        giving_frac: Share of the step in which the machine may give something. [-]
        power_kw: Electric power of warming up and running on, mean of the step. [kW]
        fuel_kw: Fuel of warming up, likewise. [kW LHV]
    """

    giving_frac: npt.NDArray[np.float64]
    power_kw: npt.NDArray[np.float64]
    fuel_kw: npt.NDArray[np.float64]
