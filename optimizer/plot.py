"""A plan as an SVG drawing: power by machine, grid, and what the stores hold, over local time of the case."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from optimizer.plan import Plan
from optimizer.problem import FloatArray

_WIDTH: Final = 960
_PANEL: Final = 220
_LEFT: Final = 64
_RIGHT: Final = 170
_TOP: Final = 34
_GAP: Final = 58
_COLOURS: Final = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
)
_MOST_LINES: Final = 14
_WHOLE: Final = 8.0
_NS: Final = 1_000_000_000

Line = tuple[str, FloatArray]
"""Name as markup, and values of each step."""


def drawing(plan: Plan, title: str, zone: dt.tzinfo = dt.UTC) -> str:
    """The plan as the text of an SVG file."""
    grid: list[Line] = [("import", plan.import_kw), ("export", -plan.export_kw)]
    heat: list[Line] = [("fuel", plan.fuel_kw)] if plan.fuel_kw.any() else []
    panels = [("grid, kW", grid + heat), ("machines, kW", powers(plan)), ("held, kWh or m³", contents(plan))]
    return panels_of(plan, [(name, lines) for name, lines in panels if lines], escape(title), zone)


def powers(plan: Plan) -> list[Line]:
    """Electric power of each machine that has one, its name as markup."""
    return [
        (escape(name), machine.power_kw)
        for name, machine in plan.machines.items()
        if machine.kind not in {"store", "boiler"}
    ]


def contents(plan: Plan) -> list[Line]:
    """What each store and battery holds."""
    held = {"store", "battery"}
    return [(escape(name), machine.level) for name, machine in plan.machines.items() if machine.kind in held]


def panels_of(
    plan: Plan, shown: Sequence[tuple[str, Sequence[Line]]], title: str, zone: dt.tzinfo = dt.UTC
) -> str:
    """Panels of step lines one below the other, as an SVG element.

    Args:
        plan: Gives the time axis.
        shown: Name of each panel and its lines; names are markup that may stand in a `text` element.
        title: Markup of the title; empty: none.
        zone: Of the hours on the axis.
    """
    top = _TOP if title else 0
    height = top + len(shown) * (_PANEL + _GAP)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
            f'height="{height}" font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    if title:
        parts.append(f'<text x="{_LEFT}" y="18" font-size="14">{title}</text>')
    for k, (name, lines) in enumerate(shown):
        parts += _panel(plan, name, lines, (top + k * (_PANEL + _GAP), zone))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(plan: Plan, name: str, lines: Sequence[Line], at: tuple[int, dt.tzinfo]) -> list[str]:
    top, zone = at
    drawn = lines[:_MOST_LINES]
    low = min(0.0, *(float(values.min()) for _, values in drawn))
    high = max(1e-6, *(float(values.max()) for _, values in drawn))
    bottom, width = top + _PANEL, _WIDTH - _LEFT - _RIGHT

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (_PANEL - 20)

    parts = [f'<text x="{_LEFT}" y="{top + 12}" fill="#444">{name}</text>']
    parts.extend(
        f'<line x1="{_LEFT}" x2="{_LEFT + width}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{_short(value, high - low)}</text>'
        for value in np.linspace(low, high, 5)
    )
    parts += _hours(plan, (bottom, width), zone)
    edges = _LEFT + np.arange(plan.steps + 1) / plan.steps * width
    for k, (label, values) in enumerate(drawn):
        corners = [
            f"{edges[step + side]:.1f},{y(float(values[step])):.1f}"
            for step in range(plan.steps)
            for side in (0, 1)
        ]
        colour = _COLOURS[k % len(_COLOURS)]
        dash = ' stroke-dasharray="5 3"' if k >= len(_COLOURS) else ""
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5"{dash} points="{" ".join(corners)}"/>'
            f'<text x="{_LEFT + width + 8}" y="{top + 24 + 14 * k}" fill="{colour}">{label}</text>'
        )
    if len(lines) > len(drawn):
        parts.append(
            f'<text x="{_LEFT + width + 8}" y="{top + 24 + 14 * len(drawn)}">'
            f"and {len(lines) - len(drawn)} more</text>"
        )
    return parts


def _short(value: float, span: float) -> str:
    """A number on the axis, with as many digits as its span needs."""
    return f"{value:.0f}" if span >= _WHOLE else f"{value:.2f}"


def _hours(plan: Plan, at: tuple[int, int], zone: dt.tzinfo) -> list[str]:
    bottom, width = at
    ticks = min(8, plan.steps)
    parts: list[str] = []
    for step in np.unique(np.linspace(0, plan.steps, ticks + 1).astype(int)).tolist():
        when = dt.datetime.fromtimestamp(plan.start_ns / _NS + step * plan.step_s, zone)
        x = _LEFT + step / plan.steps * width
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#444">{when:%H:%M}</text>'
        )
    return parts
