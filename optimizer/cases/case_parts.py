"""Parts all machines of a plant's case file share: how a machine switches."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from optimizer.cases.case_numbers import Count, Minutes, NotNegative, Rate, Total
from optimizer.problem import LONG_S
from protocols.config import Config

MINUTE_S = 60.0


class CaseStarts(Config):
    """What a start and a stop bring with them, and how often a machine may start."""

    most_per_h: Count | None = None
    """Starts in any hour. [-]"""

    most_per_day: Count | None = None
    """Starts in any 24 h. [-]"""

    ago_min: tuple[NotNegative, ...] = ()
    """How long before the window each earlier start was. [min]"""

    warm_up_min: Minutes = 0.0
    """From the start until it gives anything. [min]"""

    warm_up_kw: NotNegative = 0.0
    """Electric power during that time. [kW]"""

    warm_up_fuel_kw: NotNegative = 0.0
    """Fuel during that time. [kW LHV]"""

    run_on_min: Minutes = 0.0
    """Unloaded running or cooling down after the stop. [min]"""

    run_on_kw: NotNegative = 0.0
    """Electric power during that time. [kW]"""

    stop_cost: NotNegative = 0.0
    """Cost of one stop. [money]"""


class CaseRamp(Config):
    """How fast the output of a running machine may move."""

    up_per_min: Rate = 1e9
    """Units of its output per minute. [1/min]"""

    down_per_min: Rate = 1e9
    """Units of its output per minute. [1/min]"""

    last: NotNegative = 0.0
    """Output in the step before the window. [unit of the output]"""

    at_start: NotNegative | None = None
    """Most in the step of a start; without it its least load or one step of the ramp. [unit of the output]"""

    at_stop: NotNegative | None = None
    """Most in the last step before a stop, likewise. [unit of the output]"""


class CaseSwitching(Config):
    """State of a machine when the window begins, and what switching costs."""

    running: bool = False
    """Whether it runs."""

    since_min: Total = LONG_S / MINUTE_S
    """For how long it has been so. [min]"""

    min_run_min: Minutes = 0.0
    """Shortest run. [min]"""

    min_stop_min: Minutes = 0.0
    """Shortest stop. [min]"""

    start_cost: NotNegative = 0.0
    """Cost of a start, of a warm one where a cold one is dearer. [money]"""

    cold_start_cost: NotNegative | None = None
    """Cost of a start after a longer stop; without it a start costs the same always. [money]"""

    cold_after_min: Total = LONG_S / MINUTE_S
    """Longest stop after which a start is warm. [min]"""

    starts: CaseStarts = CaseStarts()
    """Start limits, warming up, running on."""

    ramp: CaseRamp | None = None
    """How fast its output may move; without it at once."""

    run_h: NotNegative = 0.0
    """Hours run in its life: of machines that are alike the one with fewest runs longest. [h]"""

    held: Literal["free", "running", "standing"] = "free"
    """Held from outside over the whole window, or free."""

    @model_validator(mode="after")
    def _cold(self) -> Self:
        if self.cold_start_cost is not None and "cold_after_min" not in self.model_fields_set:
            raise ValueError("cold_start_cost needs cold_after_min: after how long a stop is a start cold?")
        return self
