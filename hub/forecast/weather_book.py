"""What was foreseen of the weather a day before each quarter: models learn from forecasts with their errors.

Kept in a file beside the other weather files of the hub, written anew with each forecast, so that a start
does not make models trust a weather forecast as if it were the weather. One that is broken is begun anew.
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from hub.forecast.quarters import QUARTER_NS, WEATHER, FloatArray, Quarters

_log = logging.getLogger(__name__)
_KEPT_NS: Final = 400 * 86_400_000_000_000
_GHI: Final = "ghi_w_m2"


class WeatherBook:
    """Of each quarter the first forecast counts, which is the one from longest before."""

    def __init__(self, path: Path | None = None) -> None:
        """Open it.

        Args:
            path: Where it is kept; None: it is forgotten with this process.
        """
        self._path = path
        self._kept: dict[str, dict[int, float]] = {} if path is None else _read(path)

    def add(self, start_ns: int, weather: Mapping[str, FloatArray]) -> None:
        """Note a forecast, and keep the book.

        Args:
            start_ns: Start of its first quarter.
            weather: Quantity to its course.
        """
        for name, course in weather.items():
            kept = self._kept.setdefault(name, {})
            for number in np.flatnonzero(np.isfinite(course)).tolist():
                kept.setdefault(start_ns + number * QUARTER_NS, float(course[number]))
            for old in [at_ns for at_ns in kept if at_ns < start_ns - _KEPT_NS]:
                del kept[old]
        if weather and self._path is not None:
            _write(self._path, self._kept)

    def over(self, past: Quarters) -> dict[str, FloatArray]:
        """Quantity to its course over the quarters of a past, NaN where none was noted."""
        count = min(len(values) for values in past.values.values())
        times = (past.start_ns + np.arange(count, dtype=np.int64) * QUARTER_NS).tolist()
        return {
            name: np.array([kept.get(at_ns, np.nan) for at_ns in times]) for name, kept in self._kept.items()
        }

    def forget(self) -> None:
        """Begin anew: the site is another one."""
        self._kept = {}
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, dict[int, float]]:
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return {
                name: dict(zip(found[f"{name}.at"].tolist(), found[name].tolist(), strict=True))
                for name in (*WEATHER, _GHI)
                if name in found
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("what was foreseen of the weather is begun anew, %s cannot be read: %s", path, error)
        return {}


def _write(path: Path, kept: Mapping[str, Mapping[int, float]]) -> None:
    arrays: dict[str, np.ndarray] = {}
    for name, course in kept.items():
        arrays[f"{name}.at"] = np.fromiter(course.keys(), np.int64, len(course))
        arrays[name] = np.fromiter(course.values(), np.float64, len(course))
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(packed.getvalue())
        fresh.replace(path)
    except OSError as error:  # a full disk costs what was foreseen, not the forecast
        _log.warning("what was foreseen of the weather is not kept: %s", error)
