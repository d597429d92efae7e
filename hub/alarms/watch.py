"""The watch of a site: who is in office turns once a second, commits what happened, and only then tells it.

After a start, or a kill, it goes on from what is in the database and goes through the samples that came
meanwhile, so that nothing is missed; what was over by then is only noted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from hub.alarms.book import AlarmBook, Turn
from hub.alarms.engine import Engine, Outcome
from hub.alarms.facts import Moment, Sample
from hub.alarms.links import Links
from hub.alarms.notices import notices_of
from hub.alarms.office import Office
from hub.alarms.rules import SiteAlarms
from hub.health.meter import Meter
from hub.store.port import LastValue, StoreReader
from hub.values.live import LiveVirtual
from hub.values.site import SiteValues
from protocols.clock import Clock
from protocols.point import PointId

_log = logging.getLogger(__name__)

TURN_S: Final = 1.0
"""How often the watch turns without being asked to. [s]"""

_NOTE_S: Final = 3.0
"""How often it notes that it looked, where nothing happened. [s]"""

_LOOK_S: Final = 2.0
"""How often it looks what became of set-points, where a rule asks for it. [s]"""

_LONGEST_NS: Final = 3600 * 1_000_000_000
"""So far back it goes through samples that came while nobody watched. [ns]"""

_MOST_SAMPLES: Final = 50_000
_NS: Final = 1e9
_SECOND_NS: Final = 1_000_000_000


@dataclass(slots=True)
class Site:
    """What is watched: alarms, and the values that are calculated for them."""

    alarms: SiteAlarms
    values: SiteValues

    @property
    def measured(self) -> list[PointId]:
        """Measured points that are looked at, also behind virtual ones."""
        virtual = self.values.virtual
        found = dict.fromkeys(
            measured
            for point in self.alarms.points
            for measured in (virtual[point].inputs if point in virtual else (point,))
        )
        return list(found)


class Watch:
    """Of one site, in one process; says nothing while another one is in office."""

    def __init__(
        self, site: Site, hands: tuple[AlarmBook, Office, StoreReader], links: Links, clock: Clock
    ) -> None:
        self.meter = Meter()
        self.fresh = asyncio.Event()
        """Set when something was committed that others should look at."""

        self._site = site
        self._book, self._office, self._reader = hands
        self._links = links
        self._clock = clock
        self._virtual = LiveVirtual(site.values)
        self._engine: Engine | None = None
        self._commits = 0
        self._waiting: Turn | None = None
        self._noted_s = self._looked_s = float("-inf")
        self._asked = asyncio.Event()

    @property
    def keep_days(self) -> int:
        """How long the journal is kept. [d]."""
        return self._site.alarms.keep_days

    @property
    def watching(self) -> bool:
        """Whether this process is the one that watches."""
        return self._engine is not None

    def take(self, site: Site) -> None:
        """Watch by another configuration; of alarms that stay nothing is forgotten."""
        virtual = LiveVirtual(site.values)
        virtual.go_on(self._virtual)
        self._site, self._virtual = site, virtual
        if self._engine is not None:
            self._engine.take(site.alarms.definitions, self._now())
            self._engine.facts.watch(site.alarms.stale_s, site.alarms.keep_s)
        self.nudge()

    def hear(self, rows: Iterable[tuple[str, LastValue]]) -> None:
        """Take newest values in, by full names; virtual points are calculated anew."""
        judged = self._virtual.judge(rows)
        if self._engine is not None:
            self._engine.hear(_samples([*judged, *self._virtual.hear(judged)]), self._now())

    def held(self, told: Mapping[str, str]) -> None:
        """Take which rung holds points `device/point`."""
        if self._engine is not None:
            self._engine.facts.hold(told, self._clock.mono_s())

    def nudge(self) -> None:
        """Turn at once: a person asked for something."""
        self._asked.set()

    async def run(self) -> None:
        """Turn until cancelled.

        Raises:
            SQLAlchemyError: The database cannot be asked; run it again, nothing is lost.
            StoreError: The series cannot be read to begin with.
        """
        while True:
            await self.turn()
            self._asked.clear()
            try:
                async with asyncio.timeout(TURN_S):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def turn(self) -> None:
        """One look at everything, and one commit of what came of it.

        Raises:
            SQLAlchemyError: As `run`.
            StoreError: As `run`.
        """
        if not await self._office.step():
            self._engine = self._waiting = None
            self.meter.put("alarms_watching", "1 in the process that watches the alarms.", 0.0)
            return
        self.meter.put("alarms_watching", "1 in the process that watches the alarms.", 1.0)
        if self._waiting is not None and not await self._commit(self._waiting):
            return
        engine = self._engine or await self._take_up()
        self._engine = engine
        await self._look(engine)

    async def close(self) -> None:
        """Leave the office to the next.

        Raises:
            SQLAlchemyError: The database cannot be asked.
        """
        self._engine = None
        await self._office.resign()

    async def _look(self, engine: Engine) -> None:
        acts = await self._book.open_acts()
        await self._look_at_setpoints(engine)
        now = self._now()
        for cause in self._links.causes():
            engine.mark(cause.name, cause.why, now, known=cause.known)
        engine.step(now)
        done = [(one.number, engine.act(one.act, now)) for one in acts]
        outcome = engine.drain()
        turn = self._turn_of(outcome, done, now)
        self._count(engine, outcome)
        if not turn.empty or now.mono_s - self._noted_s >= _NOTE_S:
            await self._commit(turn)

    async def _look_at_setpoints(self, engine: Engine) -> None:
        points, now = self._site.alarms.commanded, self._now()
        if points and now.mono_s - self._looked_s >= _LOOK_S:
            self._looked_s = now.mono_s
            engine.facts.command(await self._book.setpoints.look(points, now))

    def _turn_of(self, outcome: Outcome, done: list[tuple[int, str]], now: Moment) -> Turn:
        alarms = self._site.alarms
        notices = list(notices_of(outcome.happened, alarms.notify, dict(alarms.definitions)))
        happened = bool(outcome.happened or outcome.states or done)
        return Turn(self._commits + happened, outcome, done, notices, now.wall_ns)

    async def _commit(self, turn: Turn) -> bool:
        """Commit; until that succeeded nothing else is done, so that nothing is lost or done twice."""
        self._waiting = turn
        kept = await self._book.commit(turn, self._office.ballot)
        self._waiting = None
        if not kept:
            _log.warning("another process watches the alarms by now")
            self._office.lost()
            self._engine = None
            return False
        self._commits, self._noted_s = turn.number, self._clock.mono_s()
        if not turn.empty:
            self.fresh.set()
        return True

    async def _take_up(self) -> Engine:
        """Go on from what is kept, through what came meanwhile."""
        kept = await self._book.load()
        self._commits, self._looked_s = kept.commits, float("-inf")
        now = self._now()
        since_ns = max(min(kept.watched_ns or now.wall_ns, now.wall_ns), now.wall_ns - _LONGEST_NS)
        begin = _earlier(now, since_ns)
        engine = Engine(self._site.alarms.definitions, begin)
        engine.facts.watch(self._site.alarms.stale_s, self._site.alarms.keep_s)
        engine.restore(kept.states, begin)
        newest, between = await asyncio.to_thread(self._read, since_ns, now.wall_ns)
        _go_through(engine, between, now)
        rows = [(str(point), last) for point, last in newest.items()]
        engine.hear(_samples([*rows, *self._virtual.hear(rows)]), now)
        engine.facts.begin(now.mono_s)
        _log.info("the watch goes on with %d alarms, %d samples later", len(engine.definitions), len(between))
        return engine

    def _read(self, since_ns: int, to_ns: int) -> tuple[dict[PointId, LastValue], list[Sample]]:
        points = self._site.measured
        newest = self._reader.last(points)
        self._virtual.learn(self._reader, newest)
        between: list[Sample] = []
        for point in points if since_ns < to_ns else ():
            if len(between) >= _MOST_SAMPLES:
                _log.warning("more samples came than are gone through; of the other points the newest count")
                break
            raw = self._reader.raw(point, since_ns, to_ns)
            columns = (raw.times_ns.tolist(), raw.values.tolist(), raw.qualities.tolist())
            between += [
                Sample(point.local, value, quality, time_ns)
                for time_ns, value, quality in zip(*columns, strict=True)
                if time_ns >= since_ns
            ]
        return newest, sorted(between, key=lambda one: one.time_ns)

    def _count(self, engine: Engine, outcome: Outcome) -> None:
        text = "Alarms by priority and state."
        counts: dict[tuple[str, str], int] = {}
        for name, one in engine.definitions.items():
            phase = engine.state(name).phase
            if phase != "normal":
                key = (str(one.priority), phase)
                counts[key] = counts.get(key, 0) + 1
        self.meter.forget("alarms")
        for (priority, state), count in counts.items():
            self.meter.put("alarms", text, count, priority=priority, state=state)
        raised = sum(line.kind == "raised" and not line.quiet for line in outcome.happened)
        self.meter.add("alarms_raised_total", "Alarms that were raised.", raised)

    def _now(self) -> Moment:
        return Moment(self._clock.mono_s(), self._clock.now().wall_ns)


def _go_through(engine: Engine, between: list[Sample], now: Moment) -> None:
    """Judge by samples of a time that is over; what is over by its end is only noted."""
    for _, samples in groupby(between, key=lambda one: one.time_ns // _SECOND_NS):
        heard = list(samples)
        then = _earlier(now, heard[-1].time_ns)
        engine.hear(heard, then)
        engine.step(then, past=True)
    engine.step(now, past=True)
    engine.hush()


def _earlier(now: Moment, time_ns: int) -> Moment:
    return Moment(now.mono_s - (now.wall_ns - time_ns) / _NS, time_ns)


def _samples(rows: Iterable[tuple[str, LastValue]]) -> list[Sample]:
    return [Sample(name.partition("/")[2], last.value, last.quality, last.time_ns) for name, last in rows]
