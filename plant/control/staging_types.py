"""What the chiller staging is told, sees, remembers and says; its law is `staging.py` beside."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import Field, model_validator

from protocols.config import Config, IdPart
from protocols.units import Celsius, Fraction, Hours, Kelvins, Kilowatts, Seconds


class StagingTimes(Config):
    """Durations of the sequence."""

    up_after_s: Seconds = 300.0
    """How long the load or the temperature must ask for one more."""

    down_after_s: Seconds = 900.0
    """How long one must have been too many."""

    between_s: Seconds = 300.0
    """Least time between two changes, so that the last one can be seen."""

    min_run_s: Seconds = 900.0
    """Least running time of a machine; one that fails or goes to local mode is out at once."""

    min_stop_s: Seconds = 900.0
    """Least standstill of a machine."""

    lead_s: Seconds = 60.0
    """Pumps and tower before the chiller."""

    lag_s: Seconds = 180.0
    """Pumps and tower after the chiller has stopped."""

    start_timeout_s: Annotated[Seconds, Field(gt=0)] = 300.0
    """A machine that does not run so long after its permit has failed and is replaced."""

    retry_after_s: Seconds = 1800.0
    """How long a failed machine is left alone."""


class StagingSettings(Config):
    """When machines come and go."""

    supply_set_c: Celsius
    """Supply temperature that the plant has to give, and the set-point of the machines' own loops."""

    up_plr_frac: Annotated[Fraction, Field(gt=0)] = 0.9
    """One more above this part load of the running ones."""

    down_plr_frac: Annotated[Fraction, Field(gt=0)] = 0.8
    """One less when the others would stay below this part load."""

    warm_k: Annotated[Kelvins, Field(gt=0)] = 1.5
    """One more when the supply is this much above its set-point."""

    least: Annotated[int, Field(ge=0)] = 1
    """Machines that always have a permit."""

    hours_band_h: Annotated[Hours, Field(gt=0)] = 48.0
    """Machines whose running hours differ by less are taken in the order of the list."""

    times: StagingTimes = StagingTimes()
    """Durations."""

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.down_plr_frac >= self.up_plr_frac:
            raise ValueError(
                f"down_plr_frac {self.down_plr_frac} must be below up_plr_frac {self.up_plr_frac}"
            )
        return self


class StagedChiller(Config):
    """One chiller as the staging knows it."""

    id: Annotated[IdPart, Field(max_length=21)]
    """Its name; its place is the input `<id>_place_code`."""

    cooling_kw: Annotated[Kilowatts, Field(gt=0)]
    """Rated cooling."""

    pumps: bool = False
    """Whether its pumps and tower are told apart from it; else the machine starts them itself."""


class ChillerSeen(NamedTuple):
    """One chiller as it is seen now."""

    available: bool
    """Answers, is not in local mode, has no fault, is not forbidden."""
    running: bool
    """It cools."""
    cooling_kw: float
    """Heat it takes from the loop; NaN: not measured."""
    run_h: float = 0.0
    """Running hours; NaN: unknown."""
    place: float = math.nan
    """Its turn where the order was given from outside; NaN: by hours, then the list."""


class StagingNow(NamedTuple):
    """Everything seen at one instant."""

    now_s: float
    """Any clock that only goes forward. [s]"""
    supply_c: float
    """Supply temperature of the plant; NaN: unknown."""
    machines: tuple[ChillerSeen, ...]
    """In the order of the list."""
    supply_set_c: float | None = None
    """Leased set-point; None: that of the settings."""


class ChillerWanted(NamedTuple):
    """What one chiller is to be told; None leaves it to itself."""

    permit: bool | None = None
    """Whether it may run."""
    supply_set_c: float | None = None
    """Set-point of its own loop."""
    pumps: bool | None = None
    """Pumps and tower; None where the machine has them itself."""


class StagingReason(StrEnum):
    """Why the last change was made."""

    BEGIN = "begin"
    NO_TEMPERATURE = "no_temperature"
    NOBODY = "nobody"
    LOAD_HIGH = "load_high"
    WARM = "warm"
    LOAD_LOW = "load_low"
    REPLACED = "replaced"
    NOT_STARTED = "not_started"
    ALL_IN = "all_in"


class ChillerMemory(NamedTuple):
    """What is remembered of one chiller."""

    on: bool = False
    """Staged on."""
    since_s: float = -math.inf
    """When it was staged on or off."""
    stopped_s: float = -math.inf
    """When it was last seen running."""
    failed_until_s: float = -math.inf
    """Left alone until then."""


class StagingMemory(NamedTuple):
    """What the staging remembers."""

    machines: tuple[ChillerMemory, ...]
    """In the order of the list."""
    at_s: float = math.nan
    """Last look."""
    changed_s: float = -math.inf
    """Last change of the number."""
    up_s: float = 0.0
    """How long one more has been asked for."""
    down_s: float = 0.0
    """How long one has been too many."""
    reason: StagingReason = StagingReason.BEGIN
    """Of the last change."""


class Staged(NamedTuple):
    """Result of one call."""

    wanted: tuple[ChillerWanted, ...]
    """In the order of the list."""
    reason: StagingReason
    """Of the last change."""
    memory: StagingMemory
    """For the next call."""
