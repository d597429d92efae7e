"""The client: one method a question, in the words of the API."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import httpx

from ems_client.models import Alarm, AlarmLine, Command, Device, Order, Plan, Point, Site, Value
from ems_client.rooms import Accounts, Audit, Reports
from ems_client.series import Sample, SeriesTable, table_of
from ems_client.wire import Person, Retries, Wire
from protocols.errors import ConfigError

TIMEOUT_S: Final = 60.0
_MOST_WINDOWS: Final = 5000
_MOST_CELLS: Final = 200_000
_MOST_POINTS: Final = 50
_PAGE: Final = 1000
Calendar = Literal["hour", "day", "week", "month", "year"]


class HubClient:
    """A hub, for one person or program; close it, or use it as a context.

    Args:
        url: Address of the hub, such as `https://ems.plant.example`.
        token: An API token, or an access token.
        username: Who signs in where there is no token.
        password: Their password.
        ca: File with the certificate the hub's own is checked by; None: those of the system.
        retries: How questions are tried again.

    Attributes:
        accounts: Energy, cost and carbon.
        reports: Reports as files.
        audit: Who did what.

    Raises:
        ConfigError: Neither a token nor a name, or both; or no address.
    """

    def __init__(  # noqa: PLR0913  each is a word of the sign-in
        self, url: str, *, token: str = "", username: str = "", password: str = "", ca: Path | None = None,
        retries: Retries | None = None,
    ) -> None:  # fmt: skip
        if bool(token) == bool(username):
            raise ConfigError("give a token, or a name and a password")
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"{url!r} is no address; it begins with https:// or http://")
        trust = ssl.create_default_context(cafile=None if ca is None else str(ca))
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=TIMEOUT_S, verify=trust)
        self._wire = Wire(self._http, token or Person(username, password), retries or Retries())
        self.accounts = Accounts(self._wire)
        self.reports = Reports(self._wire)
        self.audit = Audit(self._wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def sites(self) -> list[Site]:
        """Sites the caller may see; this and every other question raises as `Wire.get`."""
        return [Site.model_validate(row) for row in self._wire.get("/sites")]

    def devices(self, site: str) -> list[Device]:
        """Machines and meters."""
        return [Device.model_validate(row) for row in self._wire.get(f"/sites/{site}/devices")]

    def points(self, site: str) -> list[Point]:
        """All points."""
        return [Point.model_validate(row) for row in self._wire.get(f"/sites/{site}/points")]

    def values(self, site: str) -> list[Value]:
        """Newest sample of each point; a point never read is left out."""
        return [Value.model_validate(row) for row in self._wire.get(f"/sites/{site}/values")]

    def series(  # noqa: PLR0913  as the API asks
        self, site: str, points: Sequence[str], start: datetime, end: datetime, *,
        window_s: int | None = None, calendar: Calendar | None = None,
    ) -> SeriesTable:  # fmt: skip
        """Time-weighted windows of any number of points over any time, in as many questions as it takes.

        Windows are `window_s` long from `start` on, or those of the site's calendar. What has not come yet is
        left out.

        Raises:
            ConfigError: Not exactly one of `window_s` and `calendar`, no point, or a time without its zone.
        """
        if (window_s is None) == (calendar is None) or not points:
            raise ConfigError("give points, and one of window_s and calendar")
        _iso(start), _iso(end)
        groups = [points[at : at + _MOST_POINTS] for at in range(0, len(points), _MOST_POINTS)]
        how: dict[str, Any] = {"window_s": window_s} if calendar is None else {"calendar": calendar}
        parts = []
        for begin, stop in _spans(start, end, window_s, min(len(points), _MOST_POINTS)):
            query = {"from": _iso(begin), "to": _iso(stop), **how}
            part = [self._wire.get(f"/sites/{site}/series", query | {"point": group}) for group in groups]
            if not part[0]["edges_ms"]:
                break
            parts.append(_same_length(part))
        return table_of(parts)

    def samples(self, site: str, point: str, start: datetime, end: datetime) -> Iterator[Sample]:
        """Samples as they came, one by one, however many; asked for in pages."""
        begin: str | None = _iso(start)
        while begin is not None:
            query = {"point": point, "from": begin, "to": _iso(end)}
            page = self._wire.get(f"/sites/{site}/samples", query)
            for time, value, quality in zip(page["times"], page["values"], page["qualities"], strict=True):
                yield Sample(datetime.fromisoformat(time), value, quality)
            begin = page["next_from"]

    def download(
        self, site: str, points: Sequence[str], span: tuple[datetime, datetime], path: Path, **how: object
    ) -> int:
        """Write history into a file as it comes; how many bytes.

        Args:
            site: The site.
            points: `site/device/point`.
            span: Begin and end.
            path: Where to; one that breaks off leaves nothing there.
            how: `format="parquet"` or `"csv"`; `window_s=900` or `calendar="day"` for windows, else samples.
        """
        query = {"point": list(points), "from": _iso(span[0]), "to": _iso(span[1]), **how}
        return self._wire.save(f"/sites/{site}/download", query, path)

    def alarms(self, site: str, *, every: bool = False) -> list[Alarm]:
        """Alarms that are not normal, the most urgent first; `every`: those that are normal too."""
        found = self._wire.get(f"/sites/{site}/alarms", {"all": every})
        return [Alarm.model_validate(row) for row in found["alarms"]]

    def alarm_journal(self, site: str, alarm: str | None = None) -> Iterator[AlarmLine]:
        """What happened with alarms, newest first, to its begin; asked for in pages."""
        query: dict[str, Any] = {"limit": _PAGE} | ({} if alarm is None else {"alarm": alarm})
        while rows := self._wire.get(f"/sites/{site}/alarms/journal", query):
            yield from (AlarmLine.model_validate(row) for row in rows)
            query["before"] = rows[-1]["number"]

    def plan(self, site: str) -> Plan:
        """The plan accepted last; refused with 404 before the first."""
        return Plan.model_validate(self._wire.get(f"/sites/{site}/plan"))

    def commands(self, site: str, limit: int = 50) -> list[Command]:
        """Newest set-points, newest first."""
        found = self._wire.get(f"/sites/{site}/commands", {"limit": limit})
        return [Command.model_validate(row) for row in found]

    def orders(self, site: str, limit: int = 50) -> list[Order]:
        """What people asked for, newest first."""
        return [
            Order.model_validate(row) for row in self._wire.get(f"/sites/{site}/orders", {"limit": limit})
        ]

    def order(self, site: str, ident: str) -> Order:
        """One order and what became of it."""
        return Order.model_validate(self._wire.get(f"/sites/{site}/orders/{ident}"))

    def place_order(self, site: str, **asked: object) -> Order:
        """Ask for a set-point or an act; `asked` has the words of the API: `kind`, `target`, `value`.

        Raises:
            HubRefusedError: The hub does not take it; its sentence says why.
            HubAwayError: No answer came: look into `orders` before you ask again.
        """
        return Order.model_validate(self._wire.post(f"/sites/{site}/orders", asked))


def _iso(time: datetime) -> str:
    if time.tzinfo is None:
        raise ConfigError(f"{time} has no zone; give datetime(..., tzinfo=...)")
    return time.isoformat()


def _spans(
    start: datetime, end: datetime, window_s: int | None, points: int
) -> Iterator[tuple[datetime, datetime]]:
    """Parts of the time with as many windows as one answer may have; edges stay where they are."""
    if window_s is None:
        yield start, end
        return
    step = timedelta(seconds=window_s * min(_MOST_WINDOWS, _MOST_CELLS // max(points, 1) - 1))
    while start < end:
        yield start, min(start + step, end)
        start += step


def _same_length(part: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Groups asked one after the other: where `now` cuts the last window, all end where the first did."""
    edges = part[0]["edges_ms"]
    for other in part[1:]:
        if len(other["edges_ms"]) != len(edges):
            raise ConfigError("the time asked for ends now and a window began meanwhile; end it in the past")
    return part
