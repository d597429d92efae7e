"""Plants of others for the benchmark of forecasts: `<name>.csv` with what was measured, and `<name>.yaml`.

The CSV has `time` (ISO 8601, start of the quarter hour, UTC where no offset is told) and a column for each
load; columns named like the weather series are weather, those with `_foreseen` behind what was foreseen of it
a day before. The YAML is a calendar file of a site with one more key, `time_zone`.
"""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import yaml
from pydantic import ValidationError

from benchmarks.forecast_plants import Made
from hub.forecast.quarters import QUARTER_NS, WEATHER, FloatArray
from hub.registry.calendars import Calendar, CalendarFile
from protocols.errors import ConfigError

_FORESEEN = "_foreseen"


def read_plants(folder: Path) -> list[Made]:
    """All plants of a folder, by name.

    Raises:
        ConfigError: A file is missing or wrong.
    """
    return [read_plant(path) for path in sorted(folder.glob("*.csv"))]


def read_plant(path: Path) -> Made:
    """One plant.

    Raises:
        ConfigError: A file is missing or wrong.
    """
    try:
        site = yaml.safe_load(path.with_suffix(".yaml").read_text(encoding="utf-8"))
        zone = str(site.pop("time_zone", "UTC"))
        calendar = Calendar(CalendarFile.model_validate(site))
        start_ns, columns = _columns(path)
    except (
        OSError,
        ValueError,
        AttributeError,
        LookupError,
        TypeError,
        yaml.YAMLError,
        ValidationError,
    ) as error:
        raise ConfigError(f"{path}: {error}") from error
    foreseen = {name.removesuffix(_FORESEEN): c for name, c in columns.items() if name.endswith(_FORESEEN)}
    measured = {name: column for name, column in columns.items() if not name.endswith(_FORESEEN)}
    if not set(measured) - set(WEATHER):
        raise ConfigError(f"{path}: there is no load in it")
    length = len(next(iter(measured.values())))
    missing = {name: np.full(length, np.nan) for name in WEATHER if name not in measured}
    return Made(path.stem, calendar, zone, start_ns, measured | missing, {}, foreseen)


def _columns(path: Path) -> tuple[int, dict[str, FloatArray]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    times = np.array([_instant_ns(row["time"]) for row in rows], dtype=np.int64)
    start_ns = int(times.min()) // QUARTER_NS * QUARTER_NS
    at = (times - start_ns) // QUARTER_NS
    columns: dict[str, FloatArray] = {}
    for name in rows[0]:
        if name != "time":
            column = np.full(int(at.max()) + 1, np.nan)
            column[at] = [float(row[name]) if row[name] else np.nan for row in rows]
            columns[name] = column
    return start_ns, columns


def _instant_ns(text: str) -> int:
    at = dt.datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()) * 1_000_000_000
