"""The watch over a real business database and a real store of series, in virtual time, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hub.alarms.book import AlarmBook
from hub.alarms.config import Notify
from hub.alarms.links import Links
from hub.alarms.office import Office
from hub.alarms.rules import SiteAlarms
from hub.alarms.tables import AlarmActRow
from hub.alarms.watch import Site, Watch
from hub.database import Sessions, create_engine, sessions_of
from hub.registry.site import Registry, load_registry
from hub.store.engine import StorePlace, open_store
from hub.store.port import LastValue, Received, SeriesStore
from hub.values.site import SiteValues
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.heartbeat import Heartbeat
from protocols.point import PointId
from runtime.clock import VirtualClock
from tests.conftest import ROOT
from tests.unit.hub_alarms.alarm_story import STALE_S, definition

S = 1_000_000_000
NOW_S = 1_790_000_000
POINT = PointId("demo", "comp1", "pressure_bar_g")
CATALOGUE = Catalogue("demo", "comp1", ("pressure_bar_g",), ("bar(g)",), ("measurement",))


def site_of(**more: float) -> Site:
    """One rule: low pressure of comp1; P1, told by mail."""
    low = definition("low", None, priority=1, **more)
    notify = (
        Notify(sender="mail", to=("a@b.example",), priorities=(1,), cleared=True),
        Notify(sender="mail", to=("boss@b.example",), priorities=(1,), after_s=60.0),
    )
    return Site(SiteAlarms({"low": low}, (POINT,), {POINT.local: STALE_S}, {}, notify), SiteValues())


@dataclass
class Place:
    """A database, a store, and time; watches are made in it."""

    sessions: Sessions
    store: SeriesStore
    clock: VirtualClock
    registry: Registry
    seq: int = 0

    def watch(self, site: Site | None = None) -> Watch:
        book = AlarmBook(self.sessions, "demo")
        links = Links(self.registry, self.clock)
        links.bus_is("up")
        return Watch(site or site_of(), (book, Office(book, self.clock), self.store), links, self.clock)

    def sample(self, value: float) -> list[tuple[str, LastValue]]:
        """One that came now, in the store too; what ingest would tell of it."""
        now = self.clock.now()
        frame = Frame(
            CATALOGUE.hash(), Instant("b", now.mono_ns, now.wall_ns), np.array([value]), np.zeros(1, np.uint8)
        )
        self.seq += 1
        self.store.append([Received("edge1", "j", self.seq, (frame,))])
        return [(str(POINT), LastValue(value, 0, now.wall_ns))]

    async def pass_s(self, seconds: int, value: float | None, *watches: Watch) -> None:
        """Seconds pass one by one; each brings a sample, and a turn of each watch."""
        for _ in range(seconds):
            self.clock.advance(1.0)
            rows = [] if value is None else self.sample(value)
            for watch in watches:
                watch.hear(rows)
                await watch.turn()

    async def ask(self, kind: str, alarm: str = "low", **more: object) -> str:
        """What a person asks for, as the API keeps it."""
        self.seq += 1
        known: dict[str, object] = {
            "reason": "r",
            "until_ns": 0,
            "occurrence": 0,
            "done_ns": None,
            "refused": "",
        } | more
        row = AlarmActRow(
            id=f"a{self.seq}", site="demo", kind=kind, alarm=alarm, actor="anna", asked_ns=1, **known
        )
        async with self.sessions.begin() as session:
            session.add(row)
        return str(row.id)


def beat(clock: VirtualClock, **more: object) -> bytes:
    now = clock.now()
    known: dict[str, object] = {"journal": "j"} | more
    return Heartbeat("edge1", "demo", 1, "b", now.mono_ns // 10**6, now.wall_ns // 10**6, 0, **known).encode()  # type: ignore[arg-type]  # fields of it


@asynccontextmanager
async def place_of(url: str, folder: Path) -> AsyncIterator[Place]:
    clock = VirtualClock(wall_ns=NOW_S * S)
    store = open_store(StorePlace(folder / "series.db"), clock)
    store.add_catalogue(CATALOGUE)
    engine = create_engine(url)
    try:
        yield Place(sessions_of(engine), store, clock, load_registry(ROOT / "configs", "demo"))
    finally:
        await engine.dispose()
        store.close()
