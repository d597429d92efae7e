"""What the compressor sequencer is told, sees, remembers and says; its law is `sequencer.py` beside."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Final, NamedTuple, Self

from pydantic import Field, model_validator

from protocols.config import Config, IdPart
from protocols.units import BarGauge, Bars, CubicMetres, Fraction, FreeAirFlow, Hours, Seconds

HOUR_S: Final = 3600.0


class SequencerTimes(Config):
    """How patient the sequencer is."""

    filter_s: Annotated[Seconds, Field(gt=0)] = 30.0
    """Time constant of the need."""

    lead_s: Annotated[Seconds, Field(gt=0)] = 25.0
    """The next machine comes when the pressure would reach the lower edge of the band within this time: its
    start sequence and some more."""

    add_after_s: Seconds = 3.0
    """How long that must have been so."""

    drop_after_s: Seconds = 60.0
    """A machine must have been one too many for so long."""

    wake_s: Seconds = 60.0
    """How long an idling trim machine may take to give air before a machine is let go."""

    min_run_s: Seconds = 300.0
    """Least time a machine carries base load once it was brought in."""

    min_stop_s: Seconds = 60.0
    """Least standstill before it is brought in again."""

    start_timeout_s: Annotated[Seconds, Field(gt=0)] = 120.0
    """A machine that gives no air so long after it was brought in has failed and is replaced."""

    retry_after_s: Seconds = 900.0
    """How long a failed machine is left alone."""


class SequencerSettings(Config):
    """What the sequencer holds and how."""

    target_bar_g: BarGauge
    """Header pressure held; the set-point of the trim machine's own loop where it has one."""

    band_bar: Annotated[Bars, Field(gt=0, le=2)] = 0.4
    """Width of the band around the target; below it the next machine comes without delay."""

    volume_m3: Annotated[CubicMetres, Field(gt=0)]
    """Receiver and pipes."""

    full_frac: Annotated[Fraction, Field(gt=0)] = 0.95
    """From this part of its largest flow on the trim machine counts as being at its upper end."""

    drop_frac: Annotated[Fraction, Field(gt=0)] = 0.93
    """Part of the trim machine's largest flow it may be left with when a base machine goes."""

    starts_per_hour: Annotated[int, Field(ge=1, le=60)] = 6
    """Motor starts of one machine in any hour."""

    standby_count: Annotated[int, Field(ge=0)] = 1
    """Idle machines that keep their permit and help by themselves below the standby band."""

    wake_bar: Annotated[Bars, Field(ge=0, le=1)] = 0.6
    """How far the set-point of an idling trim machine is raised so that it gives air before another goes."""

    hours_band_h: Annotated[Hours, Field(gt=0)] = 24.0
    """Machines whose running hours differ by less than this are taken in the order of the list."""

    times: SequencerTimes = SequencerTimes()
    """Delays."""

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.drop_frac >= self.full_frac:
            raise ValueError(f"drop_frac {self.drop_frac} must be below full_frac {self.full_frac}")
        return self


class AirMachine(Config):
    """One compressor as the sequencer knows it."""

    id: Annotated[IdPart, Field(max_length=21)]
    """Its name; its place is the input `<id>_place_code`."""

    flow_max_m3_min: Annotated[FreeAirFlow, Field(gt=0)]
    """Free air delivery at most."""

    flow_min_m3_min: Annotated[FreeAirFlow, Field(ge=0)] | None = None
    """Least flow while loaded of a variable machine; None: all or nothing."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.flow_min_m3_min is not None and self.flow_min_m3_min >= self.flow_max_m3_min:
            raise ValueError("flow_min_m3_min must be below flow_max_m3_min")
        return self

    @property
    def range_m3_min(self) -> float:
        """Width of its regulating range; 0 for a fixed machine."""
        return 0.0 if self.flow_min_m3_min is None else self.flow_max_m3_min - self.flow_min_m3_min


class AirSeen(NamedTuple):
    """One machine as it is seen now."""

    available: bool
    """Answers, is not in local mode, has no fault, is not forbidden."""
    running: bool
    """Its motor turns."""
    flow_m3_min: float
    """Air it gives; NaN: not measured."""
    run_h: float = 0.0
    """Running hours; NaN: unknown."""
    place: float = math.nan
    """Its turn where the order was given from outside; NaN: by hours, then the list."""


class AirNow(NamedTuple):
    """Everything seen at one instant."""

    now_s: float
    """Boot time, or any clock that only goes forward. [s]"""
    header_bar_g: float
    """Header pressure at the critical user; NaN: unknown."""
    machines: tuple[AirSeen, ...]
    """In the order of the list."""
    target_bar_g: float | None = None
    """Leased target; None: that of the settings."""


class AirWanted(NamedTuple):
    """What one machine is to be told; all None gives it back to its own band."""

    role: int | None = None
    """ROLE_BASE, ROLE_TRIM or ROLE_STANDBY."""
    permit: bool | None = None
    """Whether it may give air."""
    target_bar_g: float | None = None
    """Set-point of its own pressure loop, of the trim machine only."""


class Reason(StrEnum):
    """Why the last change was made."""

    BEGIN = "begin"
    NO_PRESSURE = "no_pressure"
    NOBODY = "nobody"
    TRIM_HIGH = "trim_high"
    PRESSURE_LOW = "pressure_low"
    SURPLUS = "surplus"
    REPLACED = "replaced"
    NOT_STARTED = "not_started"
    ALL_IN = "all_in"


class MachineMemory(NamedTuple):
    """What is remembered of one machine."""

    base: bool = False
    """Carries base load."""
    since_s: float = -math.inf
    """When it was brought in or let go."""
    going: bool = False
    """Let go, its motor may still turn."""
    running: bool = False
    """Whether its motor turned at the last look."""
    starts_s: tuple[float, ...] = ()
    """Motor starts of the last hour."""
    failed_until_s: float = -math.inf
    """Left alone until then."""


class SequencerMemory(NamedTuple):
    """What the sequencer remembers."""

    machines: tuple[MachineMemory, ...]
    """In the order of the list."""
    trim: int | None = None
    """Place of the trim machine."""
    flow_m3_min: float = math.nan
    """Low-passed flow."""
    header_bar_g: float = math.nan
    """Low-passed pressure."""
    at_s: float = math.nan
    """Last look."""
    short_s: float = 0.0
    """How long the trim machine has been at its upper end."""
    surplus_s: float = 0.0
    """How long a machine has been one too many."""
    reason: Reason = Reason.BEGIN
    """Of the last change."""


class Sequenced(NamedTuple):
    """Result of one call."""

    wanted: tuple[AirWanted, ...]
    """In the order of the list."""
    reason: Reason
    """Of the last change."""
    need_m3_min: float
    """Air the network needs; NaN when it cannot be told."""
    memory: SequencerMemory
    """For the next call."""
