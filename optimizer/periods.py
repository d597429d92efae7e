"""Billing periods of a planning window: what it answers for, and where the next one begins in it.

What a period has seen so far (its highest demand, the energy of its power factor, gas that was taken) holds
to its end. A window that reaches into the next period has both in it, and there everything begins anew.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.supply import DemandCharge

_NS: Final = 1_000_000_000

Span = tuple[int, int, float]
"""Begin of a window (UTC since the epoch), number of its steps, their length. [ns, -, s]"""


def period_end_s(zone: ZoneInfo, at_ns: int, months: int = 1) -> float:
    """End of the calendar month (`months` 1) or year (12) an instant lies in, UTC since the epoch. [s]."""
    local = dt.datetime.fromtimestamp(at_ns / _NS, zone)
    last = -(-local.month // months) * months
    return dt.datetime(local.year + last // 12, last % 12 + 1, 1, tzinfo=zone).timestamp()


def share_of_period(zone: ZoneInfo, start_ns: int, window_s: float, months: int = 1) -> float:
    """Share of a window in what remains of its calendar month (`months` 1) or year (12)."""
    remaining_s = period_end_s(zone, start_ns, months) - start_ns / _NS
    return min(1.0, window_s / max(remaining_s, 1.0))


def next_from(zone: ZoneInfo, span: Span, months: int = 1) -> int | None:
    """First step of a window that lies in the next period; None where it ends before that begins.

    Example:
        >>> noon = int(dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC).timestamp()) * 10**9
        >>> next_from(ZoneInfo("UTC"), (noon, 96, 900.0)), next_from(ZoneInfo("UTC"), (noon, 48, 900.0))
        (48, None)
    """
    start_ns, steps, step_s = span
    first = math.ceil(round((period_end_s(zone, start_ns, months) - start_ns / _NS) / step_s, 6))
    return first if first < steps else None


def begin_of(span: Span, step: int) -> int:
    """Begin of a step of a window, UTC since the epoch. [ns]."""
    start_ns, _, step_s = span
    return start_ns + round(step * step_s * _NS)


def by_period(charge: DemandCharge, zone: ZoneInfo, span: Span) -> tuple[DemandCharge, ...]:
    """A charge of a calendar month on each month's own steps; that of the next begins at nothing.

    Args:
        charge: On the whole window, with the highest demand of the month it begins in.
        zone: Zone the months are meant in.
        span: The window.
    """
    first = next_from(zone, span)
    if first is None:
        return (charge,)
    _, steps, step_s = span
    later = np.arange(steps) >= first
    weight = share_of_period(zone, begin_of(span, first), (steps - first) * step_s)
    following = replace(
        charge, name=name_of_next(charge.name), so_far_kw=0.0, counts=later, weight_frac=weight
    )
    return replace(charge, counts=~later), following


def name_of_next(name: str) -> str:
    """Name of the same charge of the next period; no name of a file has a dot."""
    return f"{name}.next"
