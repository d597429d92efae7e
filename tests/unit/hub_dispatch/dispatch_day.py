"""The demo's site on a Monday in January: three weeks that repeat themselves, and a look at ten o'clock."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from hub.dispatch.site import DispatchSite, load_site
from hub.dispatch.snapshot import Reading, Snapshot
from hub.forecast.quarters import QUARTER_NS, Quarters, collect, sources
from protocols.quality import Quality

CONFIG = Path(__file__).parents[3] / "configs"
START_NS = 1_736_121_600_000_000_000  # Monday, 6 January 2025, 00:00 UTC
NOW_NS = START_NS + 21 * 96 * QUARTER_NS + 40 * QUARTER_NS + 7_000_000_000
QUARTERS = 21 * 96 + 40


@cache
def site() -> DispatchSite:
    return load_site(CONFIG, "demo")


@cache
def past() -> Quarters:
    hour = np.arange(QUARTERS) % 96 / 4.0
    day = np.where((hour >= 6) & (hour < 20), 1.0, 0.4)
    means = {
        "meter_process/power_kw": 500.0 * day,
        "comp1/flow_m3_min": 20.0 * day,
        "comp4/flow_m3_min": 12.0 * day,
        "chiller1/cooling_kw": 350.0 * day,
        "boiler1/heat_kw": 150.0 * day,
        "chp1/heat_kw": 200.0 * day,
        "weather1/outdoor_c": 5.0 + day,
        "weather1/wet_bulb_c": 3.0 + day,
    }
    zero = np.zeros(QUARTERS)
    return collect(sources(site().plant.flowsheet), lambda point: means.get(point, zero), START_NS, QUARTERS)


def snapshot(now_ns: int = NOW_NS, values: dict[str, float] | None = None) -> Snapshot:
    seen = {f"{name}/state_code": 0.0 for name in ("comp1", "comp2", "comp3", "comp4")}
    seen |= {f"{name}/state_code": 1.0 for name in ("chiller1", "chiller2", "battery1")}
    seen |= {
        "comp1/state_code": 2.0,
        "comp4/state_code": 2.0,
        "chiller1/state_code": 2.0,
        "chp1/state_code": 0.0,
    }
    seen |= {f"{name.split('/')[0]}/local_mode_code": 0.0 for name in seen}
    seen |= {
        "battery1/soc_frac": 0.5,
        "battery1/power_kw": 2.0,
        "chiller1/supply_c": 8.0,
        "chiller2/supply_c": 8.2,
    }
    seen |= values or {}
    readings = {name: Reading(value, int(Quality.GOOD), now_ns) for name, value in seen.items()}
    return Snapshot(now_ns, readings, dict.fromkeys(site().edges, "up"), past(), 900.0)
