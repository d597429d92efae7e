"""Reports in the business database: asked for once, made by one, told in one step with their files.

Two hubs look at the same rows. What is due is put there under a key that holds once (schedule, period); who
makes or sends holds the row by a compare-and-set, and what they bring is taken only while they hold it. So
wall clocks that differ cost work at most, never a second report.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import CursorResult, Update, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import Sessions
from hub.reports.content import Language
from hub.reports.schedule import Due
from hub.reports.tables import ReportFileRow, ReportMailRow, ReportRow, ReportScheduleRow
from protocols.config import Text

HELD_NS: Final = 60_000_000_000
"""Who makes a report and is silent for so long is believed dead. [ns]"""

MOST_TRIES: Final = 3
"""So often a report is begun whose maker dies over it. [-]"""

_ID_BYTES: Final = 12
_PORTION: Final = 50


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        site: The site.
        kind: Kind of the report.
        period: Name of its time.
        language: Its language.
        formats: `xlsx`, `pdf`.
        sender: Name of the sender it goes out by; empty: it does not.
        to: Addresses.
    """

    site: str
    kind: str
    period: str
    language: Language
    formats: tuple[str, ...]
    sender: str = ""
    to: tuple[str, ...] = ()


def put(session: AsyncSession, wish: Wish, who: str, now_ns: int, schedule: str | None = None) -> ReportRow:
    """Ask for a report, in the caller's transaction."""
    row = ReportRow(
        id=secrets.token_hex(_ID_BYTES), site=wish.site, kind=wish.kind, period=wish.period,
        language=wish.language, formats=list(wish.formats), asked_by=who, asked_ns=now_ns, schedule=schedule,
        state="waiting", step="", progress_frac=0.0, holder="", held_until_ns=0, tries=0,
        completeness_pct=None, digest="", error_en="", error_zh="", done_ns=None,
    )  # fmt: skip
    session.add(row)
    if wish.sender:
        session.add(
            ReportMailRow(
                report=row.id, site=wish.site, sender=wish.sender, to=list(wish.to), state="held",
                first_ns=now_ns, due_ns=now_ns, held_until_ns=0, tries=0, error="", done_ns=None,
            )
        )  # fmt: skip
    return row


async def put_due(sessions: Sessions, of: ReportScheduleRow, found: Sequence[Due], now_ns: int) -> int:
    """Ask for what a schedule owes, each once whoever asks; how many were new."""
    new = 0
    for one in found:
        wish = Wish(of.site, of.kind, one.period, _language(of), tuple(of.formats), of.sender, tuple(of.to))
        try:
            async with sessions.begin() as session:
                put(session, wish, of.made_by, now_ns, of.id)
        except IntegrityError:  # another hub was first
            continue
        new += 1
    async with sessions.begin() as session:
        changed = update(ReportScheduleRow).where(
            ReportScheduleRow.id == of.id, ReportScheduleRow.looked_ns < now_ns
        )
        await session.execute(changed.values(looked_ns=now_ns))
    return new


def _language(of: ReportScheduleRow) -> Language:
    return "zh" if of.language == "zh" else "en"


async def schedules(sessions: Sessions, site: str) -> list[ReportScheduleRow]:
    """All of a site, by when they were made."""
    wanted = select(ReportScheduleRow).where(ReportScheduleRow.site == site)
    async with sessions() as session:
        return list((await session.execute(wanted.order_by(ReportScheduleRow.made_ns))).scalars())


async def claim(sessions: Sessions, site: str, holder: str, now_ns: int) -> ReportRow | None:
    """Take the oldest report that waits, or whose maker is silent; None: there is none."""
    open_now = or_(
        ReportRow.state == "waiting", (ReportRow.state == "running") & (ReportRow.held_until_ns < now_ns)
    )
    wanted = select(ReportRow).where(ReportRow.site == site, open_now).order_by(ReportRow.asked_ns).limit(1)
    async with sessions.begin() as session:
        row = (await session.execute(wanted)).scalar_one_or_none()
        if row is None:
            return None
        mine = update(ReportRow).where(ReportRow.id == row.id, open_now, ReportRow.tries == row.tries)
        change = {"state": "running", "step": "", "progress_frac": 0.0, "holder": holder}
        change |= {"held_until_ns": now_ns + HELD_NS, "tries": row.tries + 1}
        taken = await session.execute(mine.values(change).execution_options(synchronize_session=False))
        if not isinstance(taken, CursorResult) or taken.rowcount != 1:
            return None
    async with sessions() as session:
        return await session.get(ReportRow, row.id)


async def prolong(sessions: Sessions, report: str, holder: str, now_ns: int) -> bool:
    """Go on holding a report; False: somebody else has it."""
    mine = update(ReportRow).where(
        ReportRow.id == report, ReportRow.holder == holder, ReportRow.state == "running"
    )
    async with sessions.begin() as session:
        found = await session.execute(mine.values(held_until_ns=now_ns + HELD_NS))
    return isinstance(found, CursorResult) and found.rowcount == 1


async def broke_off(sessions: Sessions, row: ReportRow, why: Text, now_ns: int) -> None:
    """The process that made a report died: it is begun again, and given up after some times."""
    over = row.tries >= MOST_TRIES
    change: dict[str, object] = {"holder": "", "held_until_ns": 0, "state": "waiting"}
    if over:
        change |= {"state": "failed", "error_en": why.en[:1000], "error_zh": why.zh[:1000], "done_ns": now_ns}
    mine = update(ReportRow).where(
        ReportRow.id == row.id, ReportRow.holder == row.holder, ReportRow.state == "running"
    )
    async with sessions.begin() as session:
        found = await session.execute(mine.values(change))
        if over and isinstance(found, CursorResult) and found.rowcount == 1:
            await session.execute(release(row.id, now_ns))


def release(report: str, now_ns: int) -> Update:
    """The statement by which the mail of a report that is over may go out."""
    held = update(ReportMailRow).where(ReportMailRow.report == report, ReportMailRow.state == "held")
    return held.values(state="waiting", first_ns=now_ns, due_ns=now_ns)


async def trim(sessions: Sessions, site: str, before_ns: int) -> int:
    """Let reports go that were over before an instant, with their files and mails; how many."""
    gone = 0
    old = select(ReportRow.id).where(
        ReportRow.site == site, ReportRow.state.in_(("done", "failed")), ReportRow.done_ns < before_ns
    )
    while True:
        async with sessions.begin() as session:
            found = list((await session.execute(old.limit(_PORTION))).scalars())
            await session.execute(delete(ReportFileRow).where(ReportFileRow.report.in_(found)))
            await session.execute(delete(ReportMailRow).where(ReportMailRow.report.in_(found)))
            await session.execute(delete(ReportRow).where(ReportRow.id.in_(found)))
        gone += len(found)
        if len(found) < _PORTION:
            return gone
