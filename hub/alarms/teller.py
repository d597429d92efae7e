"""Sends what is due, again and again until it is taken or a day is over; joins what goes to the same people.

A message is kept in the transaction of what it tells of, so none is forgotten. Who is killed between a
server's yes and the note of it sends it once more, with the same id.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import select, update

from hub.alarms.notices import subject_of
from hub.alarms.phrases import one_line
from hub.alarms.states import unpacked
from hub.alarms.tables import AlarmLineRow, AlarmNoticeRow, AlarmStateRow
from hub.alarms.watch import Watch
from hub.database import Sessions
from hub.outside.retry import MOST_TRIES, OVER_NS, Tried, failed, wait_ns
from hub.outside.senders import Item, Message, Post, open_post
from protocols.clock import Clock
from protocols.errors import NotToldError

EVERY_S: Final = 2.0
"""How often it is looked what is due. [s]"""

MOST_LINES: Final = 20
"""Lines of one message; of what is more only the number is told. [-]"""

_MOST: Final = 500
_Place = tuple[tuple[str, ...], str]
"""Addresses and language."""


class Teller:
    """Of the process that watches."""

    def __init__(self, sessions: Sessions, place: tuple[Path, str], watch: Watch, clock: Clock) -> None:
        self._sessions = sessions
        self._state, self._site = place
        self._watch = watch
        self._clock = clock

    async def run(self) -> None:
        """Send until cancelled.

        Raises:
            ConfigError: The file of senders has faults.
            SQLAlchemyError: The database cannot be asked; nothing is lost. It comes in a group.
        """
        async for _ in self._clock.ticks(EVERY_S):
            if self._watch.watching:
                await self.turn()

    async def turn(self) -> None:
        """Send what is due now.

        Raises:
            ConfigError: As `run`.
            SQLAlchemyError: As `run`.
        """
        due = await self._due()
        if not due:
            return
        post = await asyncio.to_thread(open_post, self._state)
        joined: dict[str, dict[_Place, list[AlarmNoticeRow]]] = {}
        for row in due:
            joined.setdefault(row.sender, {}).setdefault((tuple(row.to), row.language), []).append(row)
        async with asyncio.TaskGroup() as group:  # no server waits for one that does not answer
            for name, places in joined.items():
                group.create_task(self._send(post, name, places))

    async def _send(self, post: Post, name: str, places: Mapping[_Place, list[AlarmNoticeRow]]) -> None:
        for (to, language), rows in places.items():
            message = self._message(rows, to, language)
            await self._note(rows, await self._try(post, name, message))

    async def _due(self) -> list[AlarmNoticeRow]:
        """What is due; an escalation that is needless by now is ended, and so is what is too old."""
        now_ns = self._clock.now().wall_ns
        wanted = select(AlarmNoticeRow).where(
            AlarmNoticeRow.site == self._site,
            AlarmNoticeRow.state == "waiting",
            AlarmNoticeRow.due_ns <= now_ns,
        )
        async with self._sessions.begin() as session:
            rows = list(
                (await session.execute(wanted.order_by(AlarmNoticeRow.number).limit(_MOST))).scalars()
            )
            found = []
            for row in rows:
                state = await session.get(AlarmStateRow, (self._site, row.alarm))
                if row.escalation and not _still(row, state):
                    row.state, row.done_ns = "needless", now_ns
                else:
                    found.append(row)
        return found

    async def _try(self, post: Post, name: str, message: Message) -> Tried:
        """Send; what came of it."""
        try:
            await asyncio.to_thread(post.send, name, message)
        except NotToldError as error:
            return failed(error, one_line(str(error.args[0])))
        return Tried()

    async def _note(self, rows: Sequence[AlarmNoticeRow], tried: Tried) -> None:
        now_ns, (why, again, left) = self._clock.now().wall_ns, tried
        async with self._sessions.begin() as session:
            for row in rows:
                over = not again or row.tries >= MOST_TRIES or now_ns - row.due_ns > OVER_NS
                state = "sent" if not why else "failed" if over else "waiting"
                change = {"state": state, "tries": row.tries + 1, "error": why[:300]}
                change |= (
                    {"due_ns": now_ns + wait_ns(row.tries)} if state == "waiting" else {"done_ns": now_ns}
                )
                fewer = state == "waiting" and left is not None and len(left) < len(row.to)
                if fewer:  # the others have it
                    change["to"] = list(left or ())
                await session.execute(
                    update(AlarmNoticeRow).where(AlarmNoticeRow.number == row.number).values(**change)
                )
                if fewer or state != "waiting":
                    session.add(self._line(row, why, now_ns))

    def _line(self, row: AlarmNoticeRow, why: str, now_ns: int) -> AlarmLineRow:
        words = f"{row.sender} {', '.join(row.to)}".strip() + (f": {why}" if why else "")
        return AlarmLineRow(
            site=self._site, alarm=row.alarm, kind="not_told" if why else "told", time_ns=now_ns, priority=4,
            occurrence=row.occurrence, label_en=row.alarm, label_zh=row.alarm, actor="", words=words[:500],
            value=None, quiet=True,
        )  # fmt: skip

    def _message(self, rows: Sequence[AlarmNoticeRow], to: tuple[str, ...], language: str) -> Message:
        numbers = ",".join(str(row.number) for row in rows)
        ident = hashlib.sha256(f"{self._site} {numbers}".encode()).hexdigest()[:32]
        lines = tuple(row.text for row in rows[:MOST_LINES])
        more = len(rows) - MOST_LINES
        if more > 0:
            lines += (f"… 另有 {more} 条" if language == "zh" else f"… and {more} more",)
        count = len(rows)
        head = (
            f"[{self._site}] {subject_of(rows[0].text)}"
            if count == 1
            else (f"[{self._site}] {count} 条报警" if language == "zh" else f"[{self._site}] {count} alarms")
        )
        items = tuple(Item(row.alarm, row.occurrence, row.kind, row.text) for row in rows)
        return Message(ident, to, head, lines, self._clock.now().wall_ns, self._site, items)


def _still(row: AlarmNoticeRow, state: AlarmStateRow | None) -> bool:
    """Whether nobody has acknowledged the alarm it tells of."""
    if state is None:
        return False
    known = unpacked(state.body)
    return known.occurrence == row.occurrence and known.phase in {"unack", "rtn_unack"}
