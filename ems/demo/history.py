"""Thirty days of past for a hub that has none: simulated once, kept as 15-minute means."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from ems.demo.layout import SITE
from hub.store.engine import StorePlace, embedded_place, open_store, place_of
from hub.store.port import QUARTER_S
from protocols.point import local_point
from runtime.clock import NS, SystemClock
from simulator.history import History, simulate_history
from simulator.service import SimulatorSettings, load_flowsheet, load_timeline

SEEDED_FILE: Final = "series.seeded"
"""In the hub's folder: the server has the past."""

_QUARTER_NS: Final = QUARTER_S * NS


def seed_history(config: Path, hub_state: Path, seed: int, *, on_server: bool = False, days: int = 30) -> int:
    """Simulate the past and put its 15-minute means into the hub's store.

    Args:
        config: The demo's configuration.
        hub_state: State folder of the hub.
        seed: What the past is drawn from.
        on_server: Whether the store is the server the hub was told of; else it is made here, in the folder.
        days: Length of the past. [days]

    Returns:
        Number of points that have a past now.

    Raises:
        ConfigError: The site's configuration is missing or broken.
        StoreError: The store cannot be written; a hub may be running.
    """
    clock = SystemClock()
    wall_ns = clock.now().wall_ns
    settings = SimulatorSettings(config, SITE, hub_state.parent / "sim", seed)
    past = simulate_history(
        load_flowsheet(config, SITE), load_timeline(settings, wall_ns), seed, wall_ns, days
    )
    place = place_of(hub_state) if on_server else embedded_place(hub_state)
    if place.influx is None:
        _all_or_nothing(place.series, past, clock)
    else:
        _put(place, past, clock)
        (hub_state / SEEDED_FILE).touch()
    return len(past.values)


def _all_or_nothing(target: Path, past: History, clock: SystemClock) -> None:
    """The store gets its name when all is in it, so that an interrupted start begins the past anew."""
    fresh = target.with_name(f"{target.name}.new")
    for left in target.parent.glob(f"{fresh.name}*"):
        left.unlink()
    _put(StorePlace(fresh), past, clock)
    fresh.replace(target)


def _put(place: StorePlace, past: History, clock: SystemClock) -> None:
    store = open_store(place, clock)
    try:
        for name, values in past.values.items():
            starts_ns, means = _quarters(past, values)
            store.seed_means(local_point(SITE, name), starts_ns, means)
    finally:
        store.close()


def _quarters(
    past: History, values: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Means of whole quarter-hours; a step ends at its time, so that instant belongs to it."""
    quarter = (past.times_ns - 1) // _QUARTER_NS
    starts, first = np.unique(quarter, return_index=True)
    sums = np.add.reduceat(values, first)
    sizes = np.diff(np.append(first, len(values)))
    whole = sizes == sizes.max()
    return (starts * _QUARTER_NS)[whole], (sums / sizes)[whole]
