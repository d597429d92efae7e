"""The accounts of a site over a period, from its series: the statement of the book, and where goals stand.

Everything here may wait for the store and takes a while over a year: call it from a thread.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from accounts.goals import Day, Goal, Standing, standing
from accounts.invoice import Courses, midnight_ns
from accounts.ledger import Dimension
from accounts.money import metered
from accounts.readings import FloatArray
from accounts.used import Period
from hub.accounts.counted import STEP_S, Column, Counted, between, columns_wanted, counted, edges_of
from hub.accounts.goal_totals import supplies_of, total_of_goal
from hub.accounts.notes import Note, no_point
from hub.accounts.periods import NamedPeriod
from hub.accounts.site import SiteAccounts
from hub.accounts.statement import Around, Statement, statement
from hub.store.port import SeriesReader, TimeArray
from hub.values.reading import windows
from protocols.errors import ConfigError

_NS: Final = 1_000_000_000
_STEP_NS: Final = STEP_S * _NS
_PLACES: Final = 6


@dataclass(frozen=True, slots=True)
class PeriodStatement:
    """The accounts of a period.

    Attributes:
        period: The period.
        until_ns: How far it is reckoned: its end, or now. [ns since 1970, UTC]
        statement: Accounts, media, standard coal, carbon, products, CHP.
        counted: The table it was made from, with what is told of its columns.
        notes: What could not be said, and why.
    """

    period: NamedPeriod
    until_ns: int
    statement: Statement
    counted: Counted
    notes: tuple[Note, ...]


def statement_of(
    reader: SeriesReader,
    site: SiteAccounts,
    period: NamedPeriod,
    by: Sequence[Dimension],
    now: tuple[int, Decimal | None],
) -> PeriodStatement:
    """Make the accounts of a period.

    Args:
        reader: The series.
        site: The site.
        period: The period; one that goes on is reckoned up to now.
        by: Dimensions of the accounts.
        now: Now [ns since 1970, UTC], and the total of an invoice that is shared out; None: none is.

    Raises:
        ConfigError: It has not begun, or a document of the site does not fit.
        StoreError: The series cannot be read now.
    """
    now_ns, invoice = now
    start_ns, end_ns = reckoned(period, site, now_ns)
    found = counted(reader, site, columns_wanted(site), (start_ns, end_ns, _STEP_NS))
    around = Around(
        contract=site.contract,
        courses=courses_of(reader, site, (start_ns, end_ns)),
        calendar=site.calendar,
        zone=site.zone,
        invoice=invoice,
    )
    without_goals = site.book.model_copy(update={"goals": ()})
    made = statement(without_goals, found.table, by, around)
    unread = [name for name, kept in found.kept.items() if kept.point is None]
    notes = [*made.notes, *([no_point(unread)] if unread else [])]
    return PeriodStatement(period, end_ns, made, found, tuple(notes))


def reckoned(period: NamedPeriod, site: SiteAccounts, now_ns: int) -> tuple[int, int]:
    """First and last instant that a period can be reckoned over. [ns since 1970, UTC].

    Raises:
        ConfigError: It has not begun, or no interval of it is over.
    """
    start_ns, end_ns = period.edges_ns(site.zone)
    if end_ns > now_ns:
        end_ns = start_ns + max(now_ns - start_ns, 0) // _STEP_NS * _STEP_NS
    if end_ns <= start_ns:
        raise ConfigError(f"{period.name} has not begun, or its first quarter of an hour is not over")
    return start_ns, end_ns


def courses_of(reader: SeriesReader, site: SiteAccounts, span_ns: tuple[int, int]) -> dict[str, Courses]:
    """Prices that the contract goes by, quarter by quarter.

    Raises:
        StoreError: The series cannot be read now.
    """
    edges = edges_of(*span_ns, _STEP_NS)
    found: dict[str, Courses] = {}
    for course in site.book.courses:
        point = site.point(course.point)
        prices = windows(reader, site.values, [point], edges)[point].mean * course.per_kwh
        found[course.id] = Courses(span_ns[0], STEP_S, prices)
    return found


def goals_of(reader: SeriesReader, site: SiteAccounts, now_ns: int) -> dict[str, Standing]:
    """Where each goal stands by its whole days up to now.

    Raises:
        StoreError: The series cannot be read now.
    """
    by_name = {column.name: column for column in columns_wanted(site)}
    return {goal.id: standing(goal, _days(reader, site, goal, (by_name, now_ns))) for goal in site.book.goals}


def _days(
    reader: SeriesReader, site: SiteAccounts, goal: Goal, known: tuple[Mapping[str, Column], int]
) -> list[Day]:
    by_name, now_ns = known
    dates, edges = _dates(site, Period(goal.first, goal.last + dt.timedelta(days=1)), now_ns)
    if not dates:
        return []
    names = [name for name in (goal.figure, goal.per) if name is not None and name in by_name]
    values, _ = between(reader, site, [by_name[name] for name in names], edges)
    if goal.figure not in by_name:
        values[goal.figure] = _daily_total(reader, site, goal.figure, edges)
    return [
        Day(date, _finite({name: float(column[at]) for name, column in values.items()}))
        for at, date in enumerate(dates)
    ]


def _daily_total(reader: SeriesReader, site: SiteAccounts, figure: str, edges: TimeArray) -> FloatArray:
    """Money, CO2 or standard coal of each day; NaN of one that is not wholly known."""
    span_ns = (int(edges[0]), int(edges[-1]))
    columns = [Column(meter.id, meter.point, meter.unit) for meter in supplies_of(site)]
    found = counted(reader, site, columns, (*span_ns, _STEP_NS))
    whole = total_of_goal(site, found, courses_of(reader, site, span_ns), figure)
    return np.add.reduceat(whole, (edges[:-1] - edges[0]) // _STEP_NS)


def _dates(site: SiteAccounts, period: Period, now_ns: int) -> tuple[list[dt.date], TimeArray]:
    """Whole days of a period that are over, and their edges."""
    dates = [period.first + dt.timedelta(days=step) for step in range(period.days)]
    edges = [midnight_ns(date, site.zone) for date in (*dates, period.after)]
    over = sum(edge <= now_ns for edge in edges[1:])
    return dates[:over], np.array(edges[: over + 1], np.int64)


def _finite(figures: Mapping[str, float]) -> dict[str, Decimal]:
    return {name: metered([value], _PLACES) for name, value in figures.items() if np.isfinite(value)}


def least_known(found: Counted, names: Iterable[str]) -> float:
    """Known share of the column that is known least. [-]."""
    return found.known_frac(list(names))
