"""Alarms in the business database: each commit is fenced by the office, and counted, so that none is twice.

Who watches is agreed in the row of the office, by compare-and-set (docs/adr/0041): it needs no bus, whose
loss is itself an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.alarms.engine import Outcome
from hub.alarms.notices import Notice
from hub.alarms.setpoints import SetpointBook
from hub.alarms.states import Act, Happened, State, unpacked
from hub.alarms.tables import AlarmActRow, AlarmLineRow, AlarmNoticeRow, AlarmOfficeRow, AlarmStateRow
from hub.command.election import Claim, Found, Put, decode_claim
from hub.database import Sessions, locked
from runtime.process import is_gone
from runtime.supervise import guarded_decode

_MOST_ACTS: Final = 200
_WORDS: Final = 500


class OpenAct(NamedTuple):
    """An act that waits, by its number."""

    number: int
    act: Act


class Turn(NamedTuple):
    """What one commit writes.

    Attributes:
        number: Its number, one more than the last.
        outcome: Journal and states.
        done: Acts that are over, and why not where they were refused.
        notices: Messages that follow.
        now_ns: When. [ns]
    """

    number: int
    outcome: Outcome
    done: Sequence[tuple[int, str]]
    notices: Sequence[Notice]
    now_ns: int

    @property
    def empty(self) -> bool:
        """Whether nothing happened."""
        return not (self.outcome.happened or self.outcome.states or self.done)


class Kept(NamedTuple):
    """What was kept: states, number of the last commit, and when the watch looked last (0: never)."""

    states: dict[str, State]
    commits: int
    watched_ns: int


class AlarmBook:
    """The alarms of one site."""

    def __init__(self, sessions: Sessions, site: str) -> None:
        self.setpoints = SetpointBook(sessions, site)
        self._sessions = sessions
        self._site = site

    async def load(self) -> Kept:
        """States that were kept."""
        async with self._sessions() as session:
            rows = await session.execute(select(AlarmStateRow).where(AlarmStateRow.site == self._site))
            office = await session.get(AlarmOfficeRow, self._site)
            states = {row.alarm: unpacked(row.body) for row in rows.scalars()}
        return Kept(states, *((office.commits, office.watched_ns) if office is not None else (0, 0)))

    async def claim(self) -> Found | None:
        """Who is in office."""
        async with self._sessions() as session:
            row = await session.get(AlarmOfficeRow, self._site)
        if row is None or not row.revision:
            return None
        claim: Claim | None = guarded_decode(decode_claim, row.claim, "claim")
        return Found(row.revision, claim, claim is not None and is_gone(claim.holder))

    async def put(self, put: Put) -> int | None:
        """Write a claim if the row has still the revision it was made for; the new one, None where not."""
        async with self._sessions.begin() as session:
            row = await self._office(session)
            if row.revision != put.last:
                return None
            row.revision += 1
            row.ballot, row.claim = put.claim.ballot, put.claim.encode()
            return row.revision

    async def open_acts(self) -> list[OpenAct]:
        """What people want, in the order they asked."""
        wanted = select(AlarmActRow).where(AlarmActRow.site == self._site, AlarmActRow.done_ns.is_(None))
        async with self._sessions() as session:
            rows = (await session.execute(wanted.order_by(AlarmActRow.number).limit(_MOST_ACTS))).scalars()
            return [
                OpenAct(
                    row.number,
                    Act(row.kind, row.alarm, row.actor, row.reason, row.until_ns, row.occurrence),  # type: ignore[arg-type]  # only kinds are kept
                )
                for row in rows
            ]

    async def commit(self, turn: Turn, ballot: str) -> bool:
        """Write a turn; False where this office is somebody else's by now, and nothing was written.

        The same turn again is no turn: whoever does not know whether it was written says it once more.
        """
        async with self._sessions.begin() as session:
            office = await self._office(session)
            if office.ballot != ballot:
                return False
            office.watched_ns = turn.now_ns
            if turn.number <= office.commits:
                return True
            office.commits = turn.number
            session.add_all(self._line(line) for line in turn.outcome.happened)
            for alarm, state in turn.outcome.states.items():
                row = AlarmStateRow(
                    site=self._site, alarm=alarm, changed=turn.number, phase=state.phase, body=state.packed()
                )
                await session.merge(row)
            for number, refused in turn.done:
                change = update(AlarmActRow).where(AlarmActRow.number == number)
                await session.execute(change.values(done_ns=turn.now_ns, refused=refused[:200]))
            session.add_all(self._notice(one) for one in turn.notices)
            return True

    async def _office(self, session: AsyncSession) -> AlarmOfficeRow:
        fresh = AlarmOfficeRow(site=self._site, revision=0, ballot="", claim=b"", commits=0, watched_ns=0)
        return await locked(session, fresh)

    def _line(self, line: Happened) -> AlarmLineRow:
        return AlarmLineRow(
            site=self._site, alarm=line.alarm, kind=line.kind, time_ns=line.time_ns, priority=line.priority,
            occurrence=line.occurrence, label_en=line.label.en[:200], label_zh=line.label.zh[:200],
            actor=line.actor, words=line.words[:_WORDS], value=line.value, quiet=line.quiet,
        )  # fmt: skip

    def _notice(self, one: Notice) -> AlarmNoticeRow:
        return AlarmNoticeRow(
            site=self._site, alarm=one.alarm, occurrence=one.occurrence, kind=one.kind, rule=one.rule,
            sender=one.sender, to=list(one.to), text=one.text, language=one.language,
            escalation=one.escalation, state="waiting", due_ns=one.due_ns, tries=0, error="", done_ns=None,
        )  # fmt: skip
