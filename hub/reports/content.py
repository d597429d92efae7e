"""What a report says, in one language, before it is drawn: the one content of Excel and PDF."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, Literal

from protocols.config import Text

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
Cell = str | float | datetime | None
"""A text, a number, an instant in the site's zone; None or NaN: nothing is known."""

MARKED_PCT: Final = 95.0
"""A report with less of its data carries a mark. [%]"""


INSTANTS: Final = {
    "time": ("%Y-%m-%d %H:%M", "yyyy-mm-dd hh:mm"),
    "day": ("%Y-%m-%d", "yyyy-mm-dd"),
    "month": ("%Y-%m", "yyyy-mm"),
}
"""How instants are written, here and in the terms of Excel, by the form of their column."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        label: What people read.
        unit: Its unit; empty: it has none.
        form: `text`, `number`, or of instants `time`, `day`, `month`: as much as tells one row from the next.
        places: Places of its numbers.
    """

    label: str
    unit: str = ""
    form: Literal["text", "number", "time", "day", "month"] = "number"
    places: int = 1


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of columns of the table it belongs to.

    Attributes:
        title: What it shows.
        kind: `bar`, `stacked` bars, or `line`.
        x: Column of the axis.
        ys: Columns that are drawn, all of one unit.
    """

    title: str
    kind: Literal["bar", "stacked", "line"]
    x: int
    ys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its charts.

    Attributes:
        title: What it shows.
        columns: Its columns.
        rows: Its cells, one a column.
        charts: Pictures of it.
        printed: Whether PDF has its rows too, and not its charts alone.
        remarks: What is to be said of a row, one a row, empty where nothing is; empty: no row has any.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    charts: tuple[Chart, ...] = ()
    printed: bool = True
    remarks: Sequence[str] = ()

    @property
    def footnotes(self) -> tuple[str, ...]:
        """What is remarked, each once, in the order of the rows."""
        return tuple(dict.fromkeys(one for one in self.remarks if one))


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of its own, or a word.

    Attributes:
        label: What it is.
        value: The number or word; None: it is not known.
        unit: Its unit.
        places: Places of the number.
        completeness_pct: How much of what it is made of was there; None: that has no meaning here. [%]
    """

    label: str
    value: float | str | None
    unit: str = ""
    places: int = 1
    completeness_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: a sheet of Excel."""

    title: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above every sheet and page.

    Attributes:
        title: Kind of the report.
        site: What people call the site.
        start: Begin, in the site's zone.
        end: First instant after it, in the site's zone.
        zone: The zone.
        completeness_pct: How much of the data it is made of was there. [%]
        by: Who asked for it, or which schedule.
        created: When it was made, in the site's zone.
    """

    title: str
    site: str
    start: datetime
    end: datetime
    zone: str
    completeness_pct: float
    by: str
    created: datetime


@dataclass(frozen=True)
class Report:
    """A report, ready to be drawn."""

    language: Language
    head: Head
    sections: tuple[Section, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all it says but who made it when: the same figures have the same."""
        whole = hashlib.sha256()
        for line in self._lines():
            whole.update(json.dumps(line, ensure_ascii=False, default=_plain).encode())
            whole.update(b"\n")
        return whole.hexdigest()

    def _lines(self) -> Iterator[object]:
        head = self.head
        yield [self.language, head.title, head.site, head.start, head.end, head.zone, head.completeness_pct]
        for section in self.sections:
            yield [section.title, section.notes]
            yield [[one.label, known(one.value), one.unit, one.completeness_pct] for one in section.figures]
            for table in section.tables:
                yield [table.title, [[column.label, column.unit] for column in table.columns]]
                for row in table.rows:
                    yield [known(cell) for cell in row]
                yield from ([list(table.remarks)] if table.remarks else ())

    def texts(self) -> Iterator[str]:
        """Every text in it, also those that come from names people gave."""
        yield from (self.head.title, self.head.site, self.head.by)
        for section in self.sections:
            yield from (section.title, *section.notes)
            for one in section.figures:
                yield from (one.label, one.unit, one.value if isinstance(one.value, str) else "")
            for table in section.tables:
                yield table.title
                yield from (chart.title for chart in table.charts)
                yield from (f"{column.label}{column.unit}" for column in table.columns)
                yield from table.footnotes
                yield from (cell for row in table.rows for cell in row if isinstance(cell, str))


def known(cell: Cell) -> Cell:
    """The cell, None where it is NaN."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def said(text: Text, language: Language) -> str:
    """A text in one language."""
    return text.zh if language == "zh" else text.en


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
