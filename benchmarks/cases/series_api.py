"""A year from the API: 4 points of 1 min for 1,200 pixels, measured and virtual; calendar days; samples.

The API is the hub's own role in a process of its own, asked over HTTP by somebody who is signed in.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from benchmarks.cases.store_embedded import DAY_NS, START_NS, filled_year
from benchmarks.chart_api import PIXELS, asked_ms, chart_api, write_site
from benchmarks.registry import Case, Result
from runtime.clock import iso_utc

_POINTS: Final = tuple(f"p{at:04d}_kw" for at in range(4))


def run() -> Result:
    """Build the year once, then ask several times.

    Raises:
        ContractError: An answer is not what was asked for.
        StoreError: The store does not have what was put in.
    """
    terms = ", ".join(f"dev0.{name}" for name in _POINTS)
    text = {"en": "x", "zh": "x"}
    virtual = {"id": "dev0/sum_kw", "label": text, "unit": "kW", "expression": f"sum({terms})"}
    whole = {"from": iso_utc(START_NS), "to": iso_utc(START_NS + 365 * DAY_NS)}
    inner = {"from": iso_utc(START_NS + DAY_NS), "to": iso_utc(START_NS + 363 * DAY_NS)}
    day = {"from": iso_utc(START_NS + 100 * DAY_NS), "to": iso_utc(START_NS + 101 * DAY_NS)}
    points = [f"demo/dev0/{point}" for point in _POINTS]
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        folder = Path(name)
        filled_year(folder)
        write_site(folder / "config", "dev0", _POINTS, [virtual])
        with chart_api(folder, folder / "config") as client:
            charts = {"pixels": PIXELS, **whole}
            return Result(
                {
                    "chart_year_api_ms": asked_ms(client, "series", {"point": points, **charts}),
                    "virtual_year_api_ms": asked_ms(
                        client, "series", {"point": "demo/dev0/sum_kw", **charts}
                    ),
                    "days_year_api_ms": asked_ms(
                        client, "series", {"point": points, "calendar": "day", **inner}
                    ),
                    "samples_day_api_ms": asked_ms(client, "samples", {"point": points[0], **day}),
                }
            )


CASE: Final = Case(
    "series_api", "A year of 1-min data of 4 points for 1,200 pixels from the API; days; samples", run
)
