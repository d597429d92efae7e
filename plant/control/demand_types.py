"""What the demand limiter is told, sees, remembers and says; its law is `demand.py` beside."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from protocols.config import Config, IdPart
from protocols.units import Kilowatts, Seconds

SLOTS: Final = 90
"""Parts of a sliding window; the part that is leaving counts whole, so the guard errs on the safe side."""


class DemandSettings(Config):
    """The limit and how it is guarded."""

    window: Literal["block", "sliding"]
    """How the meter forms its windows."""

    window_s: Annotated[Seconds, Field(ge=60, le=3600)] = 900.0
    """Length of a window."""

    limit_kw: Annotated[Kilowatts, Field(gt=0)]
    """Mean power that no window may exceed."""

    margin_kw: Annotated[Kilowatts, Field(ge=0)] = 0.0
    """A forecast this far below the limit counts as being at it."""

    rise_kw: Annotated[Kilowatts, Field(ge=0)] = 0.0
    """How much the rest of the plant may still rise within a window, which the guard has to survive."""

    confirm_s: Seconds = 10.0
    """How long a forecast above the limit must stand before the first load goes."""

    return_after_s: Seconds = 60.0
    """How long the forecast must allow it before a load comes back."""

    stagger_s: Seconds = 30.0
    """Least time between two loads that come back."""

    meter_lost_s: Annotated[Seconds, Field(gt=0)] = 120.0
    """Without a reading for so long everything is shed: an unseen window cannot be guarded otherwise."""


class Sheddable(Config):
    """A load that may be taken away for a while."""

    id: IdPart
    """Its name."""

    priority: Annotated[int, Field(ge=1, le=99)]
    """1 goes first and comes back last."""

    power_kw: Annotated[Kilowatts, Field(gt=0)]
    """What it takes when it runs; used where its own power is not measured."""

    min_off_s: Seconds = 120.0
    """Least time off."""

    max_off_s: Annotated[Seconds, Field(gt=0)] = 1800.0
    """After so long it comes back whatever the forecast says."""

    min_on_s: Seconds = 300.0
    """Least time on before it may go again."""

    rebound_kw: Annotated[Kilowatts, Field(ge=0)] = 0.0
    """What it takes in addition for a while after it came back."""


class DemandNow(NamedTuple):
    """Everything seen at one instant."""

    now_s: float
    """Any clock that only goes forward. [s]"""
    power_kw: float
    """Power of the metered place now; NaN: unknown."""
    energy_kwh: float = math.nan
    """Counter of the meter; NaN: none, the power is integrated."""
    mark: float = math.nan
    """Something that changes when the meter begins a block (pulse count, its minute's block); NaN: none."""
    load_kw: tuple[float, ...] = ()
    """Measured power of each load; NaN or missing: taken from the list."""
    limit_kw: float | None = None
    """Leased limit; None: that of the settings. The lower of both counts."""


class LoadMemory(NamedTuple):
    """What is remembered of one load."""

    shed: bool = False
    """Taken away."""
    since_s: float = -math.inf
    """Since when it is as it is."""
    was_kw: float = 0.0
    """What it took before it went."""


class DemandMemory(NamedTuple):
    """What the limiter remembers."""

    loads: tuple[LoadMemory, ...]
    """In the order of the list."""
    at_s: float = math.nan
    """Last reading."""
    step_s: float = 0.0
    """From the reading before to the last one."""
    energy_kwh: float = math.nan
    """Counter at the last reading."""
    power_kw: float = 0.0
    """Power at the last reading."""
    begun_s: float = math.nan
    """When the block began; NaN: its beginning has not been seen."""
    block_kwh: float = 0.0
    """Energy of the block so far."""
    mark: float = math.nan
    """Last mark of the meter."""
    slots_kwh: tuple[float, ...] = ()
    """Energy of the parts of the sliding window, the oldest first."""
    slot_s: float = 0.0
    """How far the newest part is filled."""
    high_s: float = 0.0
    """How long the forecast has been above."""
    free_s: float = 0.0
    """How long the next load could have come back."""
    returned_s: float = -math.inf
    """When the last load came back."""


class Limited(NamedTuple):
    """Result of one call."""

    shed: tuple[bool, ...]
    """Which loads are to be off, in the order of the list."""
    forecast_kw: float
    """Mean of the window (the worst one that has begun) at its end, at the power of now; NaN: unknown."""
    left_s: float
    """Until the end of the block; NaN where it is guarded as sliding."""
    memory: DemandMemory
    """For the next call."""
