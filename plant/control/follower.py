"""Battery follower: the battery's power so that the exchange with the grid meets a target or stays in a band.

    P_wanted = P_battery + (aim - P_grid)       (one step of an integrator: grid and battery of the same poll)

with the aim the target (`target`), or the nearer edge of the free band (`peak_shave`): above `import_max_kw`
the battery gives, below `recharge_below_kw` it takes. The result is limited by power, by ramp, and by what
the state of charge still allows over `horizon_s`, so that power fades out instead of breaking off:

    P_charge ≤ (SoC_max - SoC)·E / (η_c·T),     P_discharge ≤ (SoC - SoC_min)·E·η_d / T

Charging is positive. Source: energy balance of a store behind an inverter.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from protocols.config import Config
from protocols.units import Fraction, KilowattHours, Kilowatts, Seconds


class FollowerBattery(Config):
    """The battery as the follower knows it."""

    capacity_kwh: Annotated[KilowattHours, Field(gt=0)]
    """Usable energy between empty and full."""

    charge_max_kw: Annotated[Kilowatts, Field(ge=0)]
    """Largest charging power at the AC terminals."""

    discharge_max_kw: Annotated[Kilowatts, Field(ge=0)]
    """Largest discharging power at the AC terminals, as a positive number."""

    efficiency_frac: Annotated[Fraction, Field(gt=0)] = 0.95
    """One way, AC to stored and stored to AC."""

    soc_min_frac: Fraction = 0.1
    """Not discharged below."""

    soc_max_frac: Fraction = 0.95
    """Not charged above."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.soc_min_frac >= self.soc_max_frac:
            raise ValueError(
                f"soc_min_frac {self.soc_min_frac} must be below soc_max_frac {self.soc_max_frac}"
            )
        return self


class FollowerSettings(Config):
    """What the battery is to do."""

    aim: Literal["target", "peak_shave"]
    """Hold the grid power at a target, or keep it inside a band."""

    target_kw: Kilowatts = 0.0
    """Grid power held (import positive); for `target`."""

    import_max_kw: Kilowatts | None = None
    """The battery gives what is above; for `peak_shave`."""

    recharge_below_kw: Kilowatts | None = None
    """The battery takes what is below this; for `peak_shave`. None: it never charges by itself."""

    dead_band_kw: Annotated[Kilowatts, Field(ge=0)] = 2.0
    """A deviation of the grid power up to this is left alone."""

    ramp_kw_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 50.0
    """Largest change of power in a second. [kW/s]"""

    horizon_s: Annotated[Seconds, Field(ge=1, le=3600)] = 60.0
    """Power fades out when the battery would be full or empty within this time."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.aim == "peak_shave" and self.import_max_kw is None:
            raise ValueError("peak_shave needs import_max_kw")
        low, high = self.recharge_below_kw, self.import_max_kw
        if low is not None and high is not None and low >= high:
            raise ValueError(f"recharge_below_kw {low} must be below import_max_kw {high}")
        return self


class FollowerNow(NamedTuple):
    """Everything seen at one instant; NaN where it is not known."""

    now_s: float
    """Any clock that only goes forward. [s]"""
    grid_kw: float
    """Exchange with the grid, import positive."""
    battery_kw: float
    """Power of the battery, charging positive, of the same poll."""
    soc_frac: float
    """State of charge."""
    target_kw: float | None = None
    """Leased target or import limit in place of that of the settings."""


class FollowerReason(StrEnum):
    """What decides the power."""

    NO_DATA = "no_data"
    IN_BAND = "in_band"
    FOLLOWS = "follows"
    FULL = "full"
    EMPTY = "empty"
    POWER_LIMIT = "power_limit"


class FollowerMemory(NamedTuple):
    """What the follower remembers."""

    wanted_kw: float = 0.0
    """Last result."""
    at_s: float = math.nan
    """Last call."""


class Followed(NamedTuple):
    """Result of one call."""

    battery_kw: float
    """Wanted power, charging positive; 0 when a reading is missing."""
    reason: FollowerReason
    """What decided it."""
    memory: FollowerMemory
    """For the next call."""


def decide(
    settings: FollowerSettings, battery: FollowerBattery, memory: FollowerMemory, now: FollowerNow
) -> Followed:
    """Look once, about each second, and say the power.

    Args:
        settings: The aim.
        battery: Its limits.
        memory: From the last call; `FollowerMemory()` at the begin.
        now: What is seen.
    """
    if not all(map(math.isfinite, (now.grid_kw, now.battery_kw, now.soc_frac))):
        return Followed(0.0, FollowerReason.NO_DATA, FollowerMemory(0.0, now.now_s))
    aimed_kw = now.battery_kw + _miss_kw(settings, now)
    low_kw, high_kw = _limits_kw(settings, battery, now.soc_frac)
    step_kw = settings.ramp_kw_s * _dt_s(memory, now)
    ramped_kw = min(max(aimed_kw, memory.wanted_kw - step_kw), memory.wanted_kw + step_kw)
    wanted_kw = min(max(ramped_kw, low_kw), high_kw)
    reason = _reason(battery, (aimed_kw, low_kw, high_kw), now.battery_kw)
    return Followed(wanted_kw, reason, FollowerMemory(wanted_kw, now.now_s))


def _dt_s(memory: FollowerMemory, now: FollowerNow) -> float:
    return 1.0 if math.isnan(memory.at_s) else max(now.now_s - memory.at_s, 0.0)


def _miss_kw(settings: FollowerSettings, now: FollowerNow) -> float:
    """What the battery has to take more so that the grid power meets its aim."""
    if settings.aim == "target":
        target_kw = settings.target_kw if now.target_kw is None else now.target_kw
        miss_kw = target_kw - now.grid_kw
        return 0.0 if abs(miss_kw) <= settings.dead_band_kw else miss_kw
    most_kw = settings.import_max_kw if now.target_kw is None else now.target_kw
    without_kw = now.grid_kw - now.battery_kw
    low_kw = -math.inf if settings.recharge_below_kw is None else settings.recharge_below_kw
    high_kw = math.inf if most_kw is None else most_kw
    aim_kw = min(max(without_kw, min(low_kw, high_kw)), high_kw)
    miss_kw = aim_kw - now.grid_kw
    settled = abs(miss_kw) <= settings.dead_band_kw and now.grid_kw <= high_kw
    return 0.0 if settled and abs(now.battery_kw) > settings.dead_band_kw else miss_kw


def _limits_kw(settings: FollowerSettings, battery: FollowerBattery, soc_frac: float) -> tuple[float, float]:
    """Most discharging (negative) and charging power now."""
    per_frac_kw = battery.capacity_kwh * 3600.0 / settings.horizon_s
    room_kw = max(battery.soc_max_frac - soc_frac, 0.0) * per_frac_kw / battery.efficiency_frac
    left_kw = max(soc_frac - battery.soc_min_frac, 0.0) * per_frac_kw * battery.efficiency_frac
    return -min(battery.discharge_max_kw, left_kw), min(battery.charge_max_kw, room_kw)


def _reason(
    battery: FollowerBattery, powers_kw: tuple[float, float, float], battery_kw: float
) -> FollowerReason:
    aimed_kw, low_kw, high_kw = powers_kw
    if aimed_kw < low_kw:
        return FollowerReason.EMPTY if -low_kw < battery.discharge_max_kw else FollowerReason.POWER_LIMIT
    if aimed_kw > high_kw:
        return FollowerReason.FULL if high_kw < battery.charge_max_kw else FollowerReason.POWER_LIMIT
    return FollowerReason.IN_BAND if aimed_kw == battery_kw else FollowerReason.FOLLOWS
