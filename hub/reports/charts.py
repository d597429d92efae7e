"""Charts as SVG for PDF: bars, stacked bars and lines of a table's columns. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from hub.reports.content import Cell, Chart, Table
from hub.store.port import FloatArray

COLOURS: Final = ("#1f5f99", "#c96a00", "#2e7d5b", "#8a5a9e", "#7a8088", "#a8324a", "#4aa3c7", "#9c8b2a")
"""Told apart also by those who see few colours; the legend has the order."""

_WIDTH: Final = 720
_HEIGHT: Final = 270
_LEFT: Final = 64
_TOP: Final = 34
_BOTTOM: Final = 34
_TICKS: Final = 5
_LABELS: Final = 8
_LABEL: Final = 14
_ROOM: Final = 14
_MOST_POINTS: Final = 600
"""More points than that on a line are means: the picture has no more pixels. [-]"""

_MOST_BARS: Final = 400


class _Frame(NamedTuple):
    """The place of the picture, and the values at its lower and upper edge."""

    low: float
    high: float

    def y(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - part * (_HEIGHT - _BOTTOM - _TOP)


def svg(chart: Chart, table: Table, family: str) -> str:
    """The picture; what is not known is left out."""
    names = [table.columns[at].label for at in chart.ys]
    unit = table.columns[chart.ys[0]].unit if chart.ys else ""
    values = np.array([[_number(row[at]) for row in table.rows] for at in chart.ys], np.float64)
    values = values.reshape(len(chart.ys), len(table.rows))
    labels = _labels([row[chart.x] for row in table.rows])
    most = _MOST_POINTS if chart.kind == "line" else _MOST_BARS
    values = _thinned(values, most)
    frame = _frame(values, chart.kind)
    drawn = (
        _lines(values, frame)
        if chart.kind == "line"
        else _bars(values, frame, stacked=chart.kind == "stacked")
    )
    parts = [*_grid(frame, unit), *drawn, *_axis(labels), *_legend(names)]
    style = f"font-family={quoteattr(family)} font-size='11' fill='#1b2127'"
    box = f"xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}'"
    return f"<svg {box} {style}>{''.join(parts)}</svg>"


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else math.nan


def _thinned(values: FloatArray, most: int) -> FloatArray:
    """No more than `most` columns; each of fewer is the mean of those that are known."""
    count = values.shape[1]
    if count <= most:
        return values
    edges = np.linspace(0, count, most + 1).astype(int)
    known = np.isfinite(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), edges[:-1], axis=1)
    counts = np.add.reduceat(known, edges[:-1], axis=1, dtype=np.float64)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _frame(values: FloatArray, kind: str) -> _Frame:
    if kind == "stacked":
        high = np.nansum(np.maximum(values, 0.0), axis=0).max(initial=0.0)
        low = np.nansum(np.minimum(values, 0.0), axis=0).min(initial=0.0)
    else:
        finite = values[np.isfinite(values)]
        high, low = finite.max(initial=0.0), finite.min(initial=0.0)
    step = nice_step(float(high - low) / _TICKS)
    top = math.ceil(float(high) / step - 1e-9) * step
    return _Frame(math.floor(float(low) / step + 1e-9) * step, top if top > low else step)


def nice_step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten.

    Example:
        >>> nice_step(0.3), nice_step(7.0), nice_step(0.0)
        (0.5, 10.0, 1.0)
    """
    if not rough > 0 or not math.isfinite(rough):
        return 1.0
    scale = 10.0 ** math.floor(math.log10(rough))
    return next((part * scale for part in (1.0, 2.0, 2.5, 5.0) if part * scale >= rough), 10.0 * scale)


def _grid(frame: _Frame, unit: str) -> list[str]:
    step = nice_step((frame.high - frame.low) / _TICKS)
    parts = [f"<text x='{_LEFT}' y='{_TOP - 12}'>{escape(unit)}</text>"]
    for at in range(round((frame.high - frame.low) / step) + 1):
        value = frame.low + at * step
        y = frame.y(value)
        parts.append(f"<path d='M{_LEFT} {y:.1f}H{_WIDTH - 8}' stroke='#c3c8cc' stroke-width='.6'/>")
        parts.append(f"<text x='{_LEFT - 6}' y='{y + 4:.1f}' text-anchor='end'>{_short(value)}</text>")
    return parts


def _short(value: float) -> str:
    return f"{value:,.10g}" if abs(value) < 1e7 else f"{value:.3g}"  # noqa: PLR2004  longer ones have no room


def _slots(count: int) -> float:
    return (_WIDTH - 8 - _LEFT) / max(count, 1)


def _lines(values: FloatArray, frame: _Frame) -> list[str]:
    width = _slots(values.shape[1])
    parts = []
    for at, row in enumerate(values):
        path, pen = [], "M"
        for place, value in enumerate(row.tolist()):
            if not math.isfinite(value):
                pen = "M"
                continue
            path.append(f"{pen}{_LEFT + (place + 0.5) * width:.1f} {frame.y(value):.1f}")
            pen = "L"
        colour = COLOURS[at % len(COLOURS)]
        parts.append(
            f"<path d='{' '.join(path) or 'M0 0'}' fill='none' stroke='{colour}' stroke-width='1.1'/>"
        )
    return parts


def _bars(values: FloatArray, frame: _Frame, *, stacked: bool) -> list[str]:
    slot = _slots(values.shape[1])
    wide = slot * 0.8 / (1 if stacked else max(len(values), 1))
    parts = []
    for place in range(values.shape[1]):
        bases = [0.0, 0.0]
        for at, value in enumerate(values[:, place].tolist()):
            if not math.isfinite(value):
                continue
            base = bases[value < 0] if stacked else 0.0
            bases[value < 0] = base + value
            ends = sorted((frame.y(base), frame.y(base + value)))
            x = _LEFT + place * slot + slot * 0.1 + (0 if stacked else at * wide)
            shape = f"x='{x:.1f}' y='{ends[0]:.1f}' width='{wide:.2f}' height='{ends[1] - ends[0]:.2f}'"
            parts.append(f"<rect {shape} fill='{COLOURS[at % len(COLOURS)]}'/>")
    return parts


def _labels(cells: Sequence[Cell]) -> list[str]:
    times = [cell for cell in cells if isinstance(cell, datetime)]
    if len(times) < len(cells) or not times:
        return [cell if isinstance(cell, str) else "" for cell in cells]
    long = times[-1] - times[0]
    form = "%H:%M" if long <= timedelta(days=1.1) else "%m-%d" if long <= timedelta(days=100) else "%Y-%m"
    return [at.strftime(form) for at in times]


def _axis(labels: Sequence[str]) -> list[str]:
    slot = _slots(len(labels))
    each = max(1, -(-len(labels) // _LABELS)) if len(labels) > _ROOM else 1
    y = _HEIGHT - _BOTTOM + 15
    return [
        f"<text x='{_LEFT + (at + 0.5) * slot:.1f}' y='{y}' text-anchor='middle'>"
        f"{escape(labels[at][:_LABEL])}</text>"
        for at in range(0, len(labels), each)
    ]


def _legend(names: Sequence[str]) -> list[str]:
    each = (_WIDTH - _LEFT - 70) / max(len(names), 1)
    parts = []
    for at, name in enumerate(names):
        x = _LEFT + 60 + at * each
        parts.append(f"<rect x='{x:.0f}' y='7' width='9' height='9' fill='{COLOURS[at % len(COLOURS)]}'/>")
        parts.append(f"<text x='{x + 13:.0f}' y='15'>{escape(name[: max(3, int(each / 7))])}</text>")
    return parts
