"""The demo's day, shared with the bench of re-planning."""

from __future__ import annotations

from benchmarks.dispatch_day import (
    CONFIG,
    NOW_NS,
    QUARTERS,
    START_NS,
    DayView,
    accepted,
    in_force,
    past,
    site,
    snapshot,
    told,
)

__all__ = [
    "CONFIG",
    "NOW_NS",
    "QUARTERS",
    "START_NS",
    "DayView",
    "accepted",
    "in_force",
    "past",
    "site",
    "snapshot",
    "told",
]
