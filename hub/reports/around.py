"""What a report is made from, and what comes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from hub.accounts.periods import NamedPeriod
from hub.registry.view import SiteView
from hub.reports.content import Language, Section, said
from hub.store.port import SeriesReader
from protocols.config import Text
from protocols.errors import ReportError

_NS: Final = 1_000_000_000
_QUARTER_NS: Final = 900 * _NS


class Built(NamedTuple):
    """What a report says, and how much of its data was there [%]."""

    sections: tuple[Section, ...]
    completeness_pct: float


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """What a report is made from.

    Attributes:
        view: The site by the configuration in force.
        reader: The series.
        session: The business database, read only.
        period: Which time.
        language: In which language.
        now_ns: Now. [ns since 1970, UTC]
        tell: Told how far it is, from 0 to 1.
    """

    view: SiteView
    reader: SeriesReader
    session: Session
    period: NamedPeriod
    language: Language
    now_ns: int
    tell: Callable[[float], None]

    @property
    def site(self) -> str:
        """Id of the site."""
        return self.view.registry.site.id

    @property
    def zone(self) -> ZoneInfo:
        """Zone of the site's clock."""
        return ZoneInfo(self.view.registry.site.time_zone)

    @property
    def span_ns(self) -> tuple[int, int]:
        """First instant and the first after it; of a time that goes on the last quarter over. [ns].

        Raises:
            ReportError: It has not begun.
        """
        start_ns, end_ns = self.period.edges_ns(self.zone)
        if end_ns > self.now_ns:
            end_ns = start_ns + max(self.now_ns - start_ns, 0) // _QUARTER_NS * _QUARTER_NS
        if end_ns <= start_ns:
            name = self.period.name
            raise ReportError(f"{name} has not begun yet", zh=f"{name} 尚未开始")
        return start_ns, end_ns

    def say(self, text: Text) -> str:
        """A text in the language of the report."""
        return said(text, self.language)

    def at(self, time_ns: int) -> dt.datetime:
        """An instant on the site's clock."""
        return dt.datetime.fromtimestamp(time_ns // _NS, self.zone)


def nothing(around: Around) -> ReportError:
    """The range holds no data: no report is made of it."""
    first, last = (f"{around.at(at_ns):%Y-%m-%d %H:%M}" for at_ns in around.span_ns)
    site = around.site
    return ReportError(
        f"there are no data of {site} from {first} to {last}; choose a time in which something was recorded",
        zh=f"站点 {site} 在 {first} 至 {last} 期间没有任何数据，请选择有记录的时间范围",
    )
