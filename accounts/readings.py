"""What the meter of a supply counted, interval by interval, and what a tariff reads out of it.

An interval belongs to the band of its begin; one that a band begins within is refused, since nobody knows
how much of it was used before. A missing interval is NaN: it is counted and told, never filled in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accounts.bands import BandArray, Bands, IntArray
from accounts.dated import DatedBands
from protocols.config import Config
from protocols.errors import ConfigError

FloatArray = NDArray[np.float64]
_NS: Final = 1_000_000_000
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600.0


class Metering(Config):
    """How the highest demand is found."""

    window_s: Literal[900, 1800, 3600] = 900
    """Length of the mean: 15, 30 or 60 minutes. [s]"""

    slide: bool = False
    """Whether the window moves on by `slip_s` (most Chinese meters); otherwise blocks follow each other."""

    slip_s: int = Field(default=60, ge=1, le=900)
    """How far a sliding window moves on. [s]"""


@dataclass(frozen=True, slots=True)
class Readings:
    """Intervals of one length, one after the other.

    Attributes:
        start_ns: Begin of the first. [ns since 1970, UTC]
        step_s: Length of each. [s]
        import_kwh: Taken from the grid, shape (T,); NaN where nothing is known. [kWh]
        export_kwh: Fed in, shape (T,); empty: nothing is. [kWh]
        kvarh: Reactive energy that is counted, both directions as amounts, shape (T,); empty: not metered.
            [kvarh]
    """

    start_ns: int
    step_s: int
    import_kwh: FloatArray
    export_kwh: FloatArray = field(default_factory=lambda: np.empty(0))
    kvarh: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        """Refuse what cannot be readings.

        Raises:
            ConfigError: Different lengths, a negative or infinite reading, an interval of no whole minute.
        """
        if self.step_s <= 0 or (self.step_s % _MINUTE_S and _MINUTE_S % self.step_s):
            raise ConfigError(f"intervals of {self.step_s} s: allowed are whole minutes, or parts of one")
        for name in ("export_kwh", "kvarh"):
            if len(getattr(self, name)) not in {0, len(self.import_kwh)}:
                raise ConfigError(f"{name} has another number of intervals than import_kwh; give all or none")
        for name in ("import_kwh", "export_kwh", "kvarh"):
            values = getattr(self, name)
            if np.isinf(values).any() or (values < 0).any():
                at = int(np.flatnonzero(np.isinf(values) | (values < 0))[0])
                raise ConfigError(
                    f"{name} of interval {at} is {values[at]}; allowed are numbers from 0 on, or none"
                )

    def __len__(self) -> int:
        return len(self.import_kwh)

    @property
    def starts_ns(self) -> IntArray:
        """Begin of each interval, shape (T,)."""
        return self.start_ns + np.arange(len(self), dtype=np.int64) * (self.step_s * _NS)

    @property
    def missing(self) -> int:
        """Intervals that lack one of the readings."""
        given = [values for values in (self.import_kwh, self.export_kwh, self.kvarh) if len(values)]
        return int(np.isnan(np.array(given)).any(axis=0).sum()) if given else 0

    def between(self, from_ns: int, to_ns: int) -> Readings:
        """The intervals of a period; the edges must be edges of intervals.

        Raises:
            ConfigError: They are not, or the readings do not reach over the whole period.
        """
        step_ns = self.step_s * _NS
        first, odd = divmod(from_ns - self.start_ns, step_ns)
        last, odd_end = divmod(to_ns - self.start_ns, step_ns)
        if odd or odd_end:
            raise ConfigError(
                "the period begins or ends within an interval of the readings; shift one of them"
            )
        if first < 0 or last > len(self):
            raise ConfigError(
                f"the readings do not reach over the period: {max(-first, 0)} intervals are missing "
                "before and "
                f"{max(last - len(self), 0)} after; give them as missing, or bill a shorter period"
            )
        cut = slice(first, last)
        return Readings(from_ns, self.step_s, self.import_kwh[cut], self.export_kwh[cut], self.kvarh[cut])


def bands_of(readings: Readings, bands: Bands | DatedBands) -> BandArray:
    """Index of the band of each interval, shape (T,).

    Raises:
        ConfigError: A band begins within an interval.
    """
    starts_ns = readings.starts_ns
    at_begin = bands.at(starts_ns)
    if bands.never_within(starts_ns, readings.step_s):
        return at_begin
    for later_s in range(_MINUTE_S, readings.step_s, _MINUTE_S):
        within = bands.at(starts_ns + later_s * _NS)
        if (changed := np.flatnonzero(within != at_begin)).size:
            raise ConfigError(
                f"a band begins {later_s // 60} min into interval {int(changed[0])} of "
                f"{readings.step_s // 60} "
                "min; give readings of shorter intervals"
            )
    return at_begin


def peak_kw(readings: Readings, metering: Metering, counts: NDArray[np.bool_] | None = None) -> float:
    """Highest mean of a demand window that lies wholly in the readings; 0 without a complete one. [kW].

    Args:
        readings: The period; meters begin anew at its begin, so blocks are counted from there.
        metering: Length and kind of the window.
        counts: Intervals that count, shape (T,); a window counts by the interval it ends in.

    Raises:
        ConfigError: The intervals are too long to know it.

    Source:
        DL/T 448 and IEC 62053-21: demand as the mean power of an integration period, block or sliding.
    """
    return float(demands_kw(readings, metering, counts).max(initial=0.0))


def demands_kw(readings: Readings, metering: Metering, counts: NDArray[np.bool_] | None = None) -> FloatArray:
    """Means of all demand windows that lie wholly in the readings, in their order. [kW].

    Args:
        readings: As for `peak_kw`.
        metering: As for `peak_kw`.
        counts: As for `peak_kw`.

    Raises:
        ConfigError: The intervals are too long to know them.
    """
    move_s = metering.slip_s if metering.slide else metering.window_s
    if not knows_peak(readings.step_s, metering):
        kind = f"sliding by {move_s} s" if metering.slide else "in blocks"
        raise ConfigError(
            f"a demand of {metering.window_s} s {kind} cannot be known from intervals of "
            f"{readings.step_s} s; "
            "give readings of shorter intervals, or the metering of the contract as it is"
        )
    per_window, move = metering.window_s // readings.step_s, move_s // readings.step_s
    if len(readings) < per_window:
        return np.empty(0)
    known = np.isfinite(readings.import_kwh)
    ends = np.arange(per_window - 1, len(readings), move)
    sums = _window_sums(np.where(known, readings.import_kwh, 0.0), per_window)[ends - per_window + 1]
    whole = _window_sums(known.astype(np.float64), per_window)[ends - per_window + 1] > per_window - 0.5
    if counts is not None:
        whole &= counts[ends]
    return np.asarray(sums[whole] * _HOUR_S / metering.window_s)


def knows_peak(step_s: int, metering: Metering) -> bool:
    """Whether intervals are short enough to find the highest demand as the contract does."""
    move_s = metering.slip_s if metering.slide else metering.window_s
    return metering.window_s % step_s == 0 and move_s % step_s == 0


def _window_sums(values: FloatArray, length: int) -> FloatArray:
    """Sums of all runs of a length; each is added up on its own, so that no error is carried along."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(values, length).sum(axis=1))
