"""A plan as one page that needs nothing beside itself: money, proof, charts, machines, what is not kept.

English and Chinese stand in the same file; the page shows one of them, and two buttons change it without any
script. Charts are inline SVG.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final, Literal

import numpy as np

from optimizer.plan import MachinePlan, Plan
from optimizer.plot import Line, contents, panels_of, powers
from optimizer.problem import DispatchProblem
from optimizer.report_levels import level_rows
from optimizer.report_words import KINDS, STATUS, STYLE, WORDS
from optimizer.short_words import short_texts
from optimizer.words import Speech
from protocols.config import Text

Lang = Literal["en", "zh"]
_NS: Final = 1_000_000_000
_ROW: Final = 22
_NAMES: Final = 150
_BARS: Final = 780
_RIGHT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is told of a plan beside the plan itself.

    Attributes:
        title: Of the page.
        status: `optimal`, `feasible` or what else it was called.
        gap: Against the bound, a fraction; None: unknown.
        objective: What was made least: cost, charges, ageing, less what is left in the stores. [money]
        bound: No solution has a lower objective. [money]
        solver: Name and version; empty: not told.
        solve_s: Time of the solver. [s]
        not_kept: Limits the independent check found broken, in words.
        saving: `Saving.to_dict()`.
        conflicts: Shortages with the limits that conflict, as the CLI tells them.
        curves: `CurveUse.to_dict()` of each machine.
        forward: Machine by the plan and run forward: device, planned_kwh, simulated_kwh.
        labels: Machine to what people call it.
        notes: What was left out, assumed or foreseen; empty: as the plan itself has it.
    """

    title: str
    status: str = ""
    gap: float | None = None
    objective: float | None = None
    bound: float | None = None
    solver: str = ""
    solve_s: float | None = None
    not_kept: Sequence[str] = ()
    saving: dict[str, Any] | None = None
    conflicts: Sequence[dict[str, Any]] = ()
    curves: Sequence[dict[str, Any]] = ()
    forward: Sequence[dict[str, Any]] = ()
    labels: dict[str, Text] = field(default_factory=dict)
    notes: Sequence[Text] = ()


def report_page(
    problem: DispatchProblem, plan: Plan, about: About, zone: dt.tzinfo | None = None, lang: Lang = "en"
) -> str:
    """The page as the text of an HTML file.

    Args:
        problem: What was asked; its prices are drawn.
        plan: The plan.
        about: What is told beside it.
        zone: Of the times; None: UTC.
        lang: Language that is shown first.
    """
    where = zone or dt.UTC
    checked = {one: " checked" if one == lang else "" for one in ("en", "zh")}
    parts = [
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(about.title)}</title><style>{STYLE}</style></head><body>",
        f'<input type="radio" name="lang" id="en"{checked["en"]}><label for="en">English</label>',
        f'<input type="radio" name="lang" id="zh"{checked["zh"]}><label for="zh">中文</label><main>',
        f"<h1>{escape(about.title)}</h1>",
        f"<p>{_window(plan, where)}</p>",
        *_head(plan, about),
        *_faults((problem, plan), about, Speech(about.labels, where)),
        *_money(plan, about),
        *_section("courses", [_charts(problem, plan, where)]),
        *_section("when", [_bars(plan, about, where)]),
        *_section("machines", [_machines(problem, plan, about)]),
        *_levels(plan, where),
        *_curves(about),
        *_forward(about),
        *_remarks(about.notes or plan.notes),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _both(text: Text | str) -> str:
    """Markup with both languages; a plain word is the same in both."""
    if isinstance(text, str):
        return escape(text)
    en, zh = escape(text.en), escape(text.zh)
    return f'<span class="en" lang="en">{en}</span><span class="zh" lang="zh">{zh}</span>'


def _drawn(text: Text) -> str:
    """The same inside an SVG text."""
    return f'<tspan class="en">{escape(text.en)}</tspan><tspan class="zh">{escape(text.zh)}</tspan>'


def _section(name: str, body: Iterable[str]) -> list[str]:
    return [f"<section><h2>{_both(WORDS[name])}</h2>", *body, "</section>"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of markup; numbers, the cells after the first, stand right."""
    cells = "".join(f"<th>{_both(WORDS[name])}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _window(plan: Plan, zone: dt.tzinfo) -> str:
    begin = dt.datetime.fromtimestamp(plan.start_ns / _NS, zone)
    end = begin + dt.timedelta(seconds=plan.steps * plan.step_s)
    return escape(
        f"{begin:%Y-%m-%d %H:%M} … {end:%Y-%m-%d %H:%M} ({zone}), {plan.steps} × {plan.step_s / 60:g} min"
    )


def _head(plan: Plan, about: About) -> list[str]:
    facts: list[tuple[str, str]] = [("cost", f"{plan.cost.total:,.2f} {escape(plan.currency)}")]
    facts.append(("co2", f"{plan.co2_kg:,.0f} kg"))
    facts.append(("peak", f"{plan.peak_kw:,.1f} kW"))
    if about.status:
        facts.append(("proof", _both(STATUS.get(about.status, Text(en=about.status, zh=about.status)))))
    if about.gap is not None:
        facts.append(("gap", f"{100.0 * about.gap:.3f} %"))
    if about.objective is not None:
        facts.append(("objective", f"{about.objective:,.2f}"))
    if about.bound is not None:
        facts.append(("bound", f"{about.bound:,.2f}"))
    if about.solver:
        facts.append(("solver", escape(about.solver)))
    if about.solve_s is not None:
        facts.append(("solve_s", f"{about.solve_s:.2f} s"))
    shown = "".join(f"<div><dt>{_both(WORDS[name])}</dt><dd>{value}</dd></div>" for name, value in facts)
    return [f"<dl>{shown}</dl>"]


def _faults(of: tuple[DispatchProblem, Plan], about: About, speech: Speech) -> list[str]:
    """What is not kept and what is short, before anything else; that nothing is, is said too."""
    problem, plan = of
    if not about.not_kept and not plan.shortages:
        return [f'<p class="good">{_both(WORDS["all_kept"])}</p>']
    rows = [escape(text) for text in about.not_kept]
    rows += [_both(text) for text in short_texts(problem, plan.shortages, speech)]
    body = ["<ul class='bad'>", *(f"<li>{row}</li>" for row in rows), "</ul>"]
    for one in about.conflicts:
        limits = [Text.model_validate(limit) for limit in one.get("limits", ())]
        listed = "".join(f"<li>{_both(limit)}</li>" for limit in limits)
        body.append(f"<p>{_both(Text.model_validate(one['need']))}</p><ul>{listed}</ul>")
    return _section("faults", body)


def _money(plan: Plan, about: About) -> list[str]:
    cost = plan.cost
    rows = [(name, getattr(cost, name)) for name in ("energy", "fuel", "starts")]
    rows.append(("co2_cost", cost.co2))
    lines = [[_both(WORDS[name]), f"{value:,.2f}"] for name, value in rows]
    lines.append([f"<b>{_both(WORDS['cost'])}</b>", f"<b>{cost.total:,.2f}</b>"])
    lines += [[escape(name), f"{round(value, 2) + 0.0:,.2f}"] for name, value in plan.charges.items()]
    body = [_table(("what", "money"), lines)]
    if about.saving:
        parts = about.saving.get("parts", [])
        body.append(f"<p>{_both(Text.model_validate(about.saving['sentence']))}</p>")
        saved = [[_both(Text.model_validate(one["label"])), f"{one['value']:+,.2f}"] for one in parts]
        body.append(_table(("saved", "money"), saved))
    return _section("bill", body)


def _charts(problem: DispatchProblem, plan: Plan, zone: dt.tzinfo) -> str:
    prices: list[Line] = [
        (_drawn(WORDS["buy"]), problem.prices.import_eur_kwh),
        (_drawn(WORDS["sell"]), problem.prices.export_eur_kwh),
    ]
    grid: list[Line] = [(_drawn(WORDS["import"]), plan.import_kw), (_drawn(WORDS["export"]), -plan.export_kw)]
    if plan.fuel_kw.any():
        grid.append((_drawn(WORDS["fuel"]), plan.fuel_kw))
    panels = [("prices", prices), ("grid", grid), ("power", powers(plan)), ("held", contents(plan))]
    shown = [(_drawn(WORDS[name]), lines) for name, lines in panels if lines]
    return panels_of(plan, shown, "", zone)


def _bars(plan: Plan, about: About, zone: dt.tzinfo) -> str:
    """Each machine's running time as bars; a compressor that regulates is lighter than one fully loaded."""
    switched = [
        (name, one) for name, one in plan.machines.items() if one.kind not in {"store", "battery", "pv"}
    ]
    height = _ROW * (len(switched) + 1)
    width = _NAMES + _BARS + _RIGHT
    parts = [f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-size="12">']
    for row, (name, machine) in enumerate(switched):
        y = row * _ROW
        parts.append(f'<text x="0" y="{y + 15}">{_named(about, name, drawn=True)}</text>')
        for first, last in _runs(machine):
            x, w = _NAMES + first / plan.steps * _BARS, (last - first) / plan.steps * _BARS
            shade = "0.45" if machine.role[first] == "trim" else "0.95"
            parts.append(
                f'<rect x="{x:.1f}" y="{y + 4}" width="{w:.1f}" height="14" fill="#1f77b4" '
                f'fill-opacity="{shade}"/>'
            )
    for step in np.unique(np.linspace(0, plan.steps, min(8, plan.steps) + 1).astype(int)).tolist():
        at = dt.datetime.fromtimestamp(plan.start_ns / _NS + step * plan.step_s, zone)
        x = _NAMES + step / plan.steps * _BARS
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle" fill="#444">{at:%H:%M}</text>')
    return "\n".join([*parts, "</svg>"])


def _runs(machine: MachinePlan) -> list[tuple[int, int]]:
    """Steps from … to in which a machine is on in one and the same role."""
    runs: list[tuple[int, int]] = []
    for step, on in enumerate(machine.on):
        if not on or machine.role[step] == "standby":
            continue
        if runs and runs[-1][1] == step and machine.role[runs[-1][0]] == machine.role[step]:
            runs[-1] = (runs[-1][0], step + 1)
        else:
            runs.append((step, step + 1))
    return runs


def _named(about: About, name: str, *, drawn: bool = False) -> str:
    label = about.labels.get(name)
    if label is None:
        return escape(name)
    return _drawn(label) if drawn else _both(label)


def _machines(problem: DispatchProblem, plan: Plan, about: About) -> str:
    hours = problem.hours
    rows: list[list[str]] = []
    for name, machine in plan.machines.items():
        on = machine.on.astype(int)
        rows.append(
            [
                _named(about, name),
                _both(KINDS.get(machine.kind, Text(en=machine.kind, zh=machine.kind))),
                f"{float(on @ hours):,.1f}",
                f"{int(np.sum(np.diff(on) == 1))}",
                f"{round(float(machine.power_kw @ hours), 1) + 0.0:,.1f}",
                f"{float(machine.level.max(initial=0.0)):,.1f}",
            ]
        )
    return _table(("machine", "kind", "on_h", "starts_n", "energy_kwh", "most"), rows)


def _levels(plan: Plan, zone: dt.tzinfo) -> list[str]:
    rows = [[_both(label), told] for label, told in level_rows(plan, zone)]
    return _section("levels", [_table(("what", "levels_from"), rows)]) if rows else []


def _curves(about: About) -> list[str]:
    if not about.curves:
        return []
    rows = [
        [
            _named(about, one["machine"]),
            f"v{one['version']}" if one["version"] else _both(WORDS["nominal"]),
            f"{100.0 * one['corner_error_frac']:.2f} %",
            f"{100.0 * one['worst_frac']:.2f} %",
            f"{one['planned_kwh']:,.1f}",
            f"{one['curve_kwh']:,.1f}",
            f"{one['outside_steps']}" + (f" ({escape(', '.join(one['outside']))})" if one["outside"] else ""),
        ]
        for one in about.curves
    ]
    head = ("machine", "curve", "corners", "worst", "exact_kwh", "curve_kwh", "outside")
    return _section("curves", [_table(head, rows)])


def _forward(about: About) -> list[str]:
    if not about.forward:
        return []
    rows = [
        [
            _named(about, one["device"]),
            f"{one['planned_kwh']:,.1f}",
            f"{one['simulated_kwh']:,.1f}",
            f"{one['simulated_kwh'] - one['planned_kwh']:+,.1f}",
        ]
        for one in about.forward
    ]
    return _section("forward", [_table(("machine", "planned_kwh", "simulated_kwh", "difference"), rows)])


def _remarks(notes: Sequence[Text]) -> list[str]:
    if not notes:
        return []
    return _section("notes", ["<ul>", *(f"<li>{_both(note)}</li>" for note in notes), "</ul>"])
