"""Plan against baseline: what the plans in force bought, and what the plant's own control would have bought.

Both are simulated from the same forecasts: the difference is an estimate, and is never called a saving. What
was measured stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import func, select

from accounts.pricing import price_series
from hub.accounts.book import ELECTRICITY
from hub.accounts.counted import STEP_S, counted
from hub.accounts.counted import Column as Wanted
from hub.accounts.making import courses_of
from hub.accounts.phrases import account_text
from hub.ledger.tables import PlanRow
from hub.reports.around import Around, Built, nothing
from hub.reports.content import Cell, Chart, Column, Figure, Section, Table
from hub.reports.sources.cells import (
    by_step,
    completeness_column,
    edges_of,
    known_pct,
    known_sum,
    step_of,
    time_column,
)
from hub.store.port import FloatArray, TimeArray
from protocols.config import Text
from protocols.errors import ConfigError

_W: Final = {
    "title": Text(en="Plan against baseline (estimate)", zh="计划与基线对比（估算）"),
    "planned": Text(en="Bought by the plans in force", zh="生效计划购电量"),
    "baseline": Text(en="Bought under the plant's own control (simulated)", zh="自主控制下购电量（仿真）"),
    "measured": Text(en="Bought, measured", zh="实测购电量"),
    "difference": Text(en="Baseline less plan, estimate", zh="基线减计划（估算）"),
    "cost_planned": Text(en="Cost of the planned purchase", zh="计划购电费用"),
    "cost_baseline": Text(en="Cost of the baseline", zh="基线购电费用"),
    "cost_difference": Text(en="Baseline less plan, cost, estimate", zh="基线减计划费用（估算）"),
    "plans": Text(en="Plans made", zh="已生成计划数"),
    "course": Text(en="Energy bought {0}", zh="购电量（{0}）"),
    "estimate": Text(
        en="An estimate: plan and baseline are both simulated from the same forecasts. "
        "It is no measured saving.",
        zh="本报告为估算：计划与基线均由相同预测仿真得出，并非实测节约量。",
    ),
    "no_price": Text(en="No cost: {0}", zh="无费用数据：{0}"),
    "no_meter": Text(
        en="No single meter of the book counts what is bought: nothing measured stands beside it.",
        zh="账簿中没有唯一的购电计量表，因此没有实测值可比。",
    ),
}  # fmt: skip
_NS: Final = 1_000_000_000
_STEP_NS: Final = STEP_S * _NS
_HOURS: Final = STEP_S / 3600.0
_AT_ONCE: Final = 20


class _Course(NamedTuple):
    """What was in force in each quarter of an hour, shape (n,); NaN where no plan was. [kWh]."""

    planned: FloatArray
    baseline: FloatArray


def build(around: Around) -> Built:
    """What it says.

    Raises:
        ReportError: No plan was in force in that time.
        StoreError: The series cannot be read now.
    """
    start_ns, end_ns = around.span_ns
    starts = np.arange(start_ns, end_ns, _STEP_NS, dtype=np.int64)
    course = _in_force(around, starts)
    if not np.isfinite(course.planned).any():
        raise nothing(around)
    around.tell(0.7)
    measured, notes = _measured(around, (start_ns, end_ns))
    prices = _prices(around, starts, notes)
    figures = _figures(around, course, measured, prices)
    table = _table(around, course, measured, starts)
    section = Section(around.say(_W["title"]), figures, (table,), (around.say(_W["estimate"]), *notes))
    return Built((section,), known_pct(course.planned))


def _in_force(around: Around, starts: TimeArray) -> _Course:
    """Each quarter by the plan that was accepted last before it and still reaches it."""
    planned, baseline = np.full(len(starts), np.nan), np.full(len(starts), np.nan)
    count = max(_count(around), 1)
    for number, (made_ns, body) in enumerate(_plans(around)):
        series = {line["name"]: line["values"] for line in body["series"]}
        begin_ns, step_ns = _ns(body["times"][0]), round(float(body["step_s"]) * _NS)
        place = (starts - begin_ns) // step_ns
        inside = (starts + _STEP_NS > made_ns) & (place >= 0) & (place < len(body["times"]))
        if "baseline_kw" not in series:
            continue  # a plan of an earlier version: nothing to hold it against
        for to, name in ((planned, "import_kw"), (baseline, "baseline_kw")):
            to[inside] = np.array(series[name], np.float64)[place[inside]] * _HOURS
        around.tell(0.1 + 0.5 * number / count)
    return _Course(planned, baseline)


def _count(around: Around) -> int:
    start_ns, end_ns = around.span_ns
    inside = (PlanRow.site == around.site, PlanRow.created_ns >= start_ns, PlanRow.created_ns < end_ns)
    return int(around.session.execute(select(func.count()).select_from(PlanRow).where(*inside)).scalar_one())


def _plans(around: Around) -> Iterator[tuple[int, dict[str, Any]]]:
    """Plans by when they were accepted, some at a time; the one before the begin too."""
    start_ns, end_ns = around.span_ns
    before = select(func.max(PlanRow.created_ns)).where(
        PlanRow.site == around.site, PlanRow.created_ns < start_ns
    )
    first_ns = around.session.execute(before).scalar_one() or start_ns
    wanted = (
        select(PlanRow.created_ns, PlanRow.body)
        .where(PlanRow.site == around.site, PlanRow.created_ns >= first_ns, PlanRow.created_ns < end_ns)
        .order_by(PlanRow.created_ns)
        .execution_options(yield_per=_AT_ONCE)
    )
    for row in around.session.execute(wanted):
        yield int(row[0]), dict(row[1])


def _ns(text: object) -> int:
    return round(datetime.fromisoformat(str(text)).timestamp()) * _NS


def _measured(around: Around, span_ns: tuple[int, int]) -> tuple[FloatArray | None, list[str]]:
    accounts = around.view.accounts
    supplies = [] if accounts is None else [
        one for one in accounts.book.meters if one.carrier == ELECTRICITY and one.bought and one.below is None
    ]  # fmt: skip
    if accounts is None or len(supplies) != 1:
        return None, [around.say(_W["no_meter"])]
    wanted = [Wanted("supply", supplies[0].point, "kWh")]
    found = counted(around.reader, accounts, wanted, (*span_ns, _STEP_NS))
    return found.table.columns["supply"], []


def _prices(around: Around, starts: TimeArray, notes: list[str]) -> FloatArray | None:
    accounts = around.view.accounts
    if accounts is None or accounts.contract is None:
        return None
    try:
        return price_series(accounts.contract, starts, courses_of(around.reader, accounts, around.span_ns))
    except ConfigError as error:
        notes.append(around.say(_W["no_price"]).format(around.say(account_text(str(error)))))
        return None


def _figures(
    around: Around, course: _Course, measured: FloatArray | None, prices: FloatArray | None
) -> tuple[Figure, ...]:
    say, known = around.say, known_pct(course.planned)
    planned, baseline = known_sum(course.planned), known_sum(course.baseline)
    found = [
        Figure(say(_W["plans"]), float(_count(around)), "", 0),
        Figure(say(_W["planned"]), planned, "kWh", 1, known),
        Figure(say(_W["baseline"]), baseline, "kWh", 1, known),
        Figure(say(_W["difference"]), baseline - planned, "kWh", 1, known),
    ]
    if measured is not None:
        found.append(Figure(say(_W["measured"]), known_sum(measured), "kWh", 1, known_pct(measured)))
    accounts = around.view.accounts
    if prices is not None and accounts is not None:
        costs = [known_sum(one * prices) for one in (course.planned, course.baseline)]
        names = ("cost_planned", "cost_baseline", "cost_difference")
        for name, cost in zip(names, (*costs, costs[1] - costs[0]), strict=True):
            found.append(Figure(say(_W[name]), cost, accounts.currency, 2, known))
    return tuple(found)


def _table(around: Around, course: _Course, measured: FloatArray | None, starts: TimeArray) -> Table:
    edges = edges_of(around, step_of(around))
    rows: list[tuple[Cell, ...]] = []
    places = np.searchsorted(starts, edges)
    parts = [course.planned, course.baseline, *([] if measured is None else [measured])]
    for at, (first, last) in enumerate(pairwise(places)):
        values = [known_sum(one[first:last]) for one in parts]
        rows.append((around.at(int(edges[at])), *values, known_pct(course.planned[first:last])))
    names = ("planned", "baseline", "measured")[: len(parts)]
    title = around.say(_W["course"]).format(by_step(around))
    columns = (
        time_column(around, step_of(around)), *(Column(around.say(_W[name]), "kWh") for name in names),
        completeness_column(around),
    )  # fmt: skip
    return Table(title, columns, rows, (Chart(title, "bar", 0, tuple(range(1, len(parts) + 1))),))
