"""Brings reports to people: mails with the files, tried again until the server takes them or a day is over.

A mail is kept with the order of its report, so none is forgotten. Who is killed between a server's yes and
the note of it sends it once more, with the same id. A report that could not be made is told as well, and why.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import CursorResult, select, update

from hub.accounts.periods import named
from hub.database import Sessions
from hub.outside.retry import MOST_TRIES, OVER_NS, Tried, failed, wait_ns
from hub.outside.senders import WAIT_S, Attachment, Message, open_post
from hub.reports.content import MARKED_PCT, Language
from hub.reports.making import MEDIA
from hub.reports.phrases import title_of
from hub.reports.tables import ReportFileRow, ReportMailRow, ReportRow
from protocols.clock import Clock
from protocols.config import Text
from protocols.errors import NotToldError

EVERY_S: Final = 2.0
"""How often it is looked what is to go out. [s]"""

_HELD_NS: Final = int(4 * WAIT_S) * 1_000_000_000
_MOST: Final = 20
_W: Final = {
    "hello": Text(en="{0}, {1}, site {2}.", zh="{0}，{1}，站点 {2}。"),
    "known": Text(en="Data completeness: {0:.1f} %.", zh="数据完整率：{0:.1f} %。"),
    "marked": Text(
        en="Less than 95 % of the data are there; figures are of what was measured.",
        zh="数据完整率低于 95 %，各数值仅基于已测得的数据。",
    ),
    "files": Text(en="The files are attached.", zh="报告文件见附件。"),
    "hash": Text(en="SHA-256 of the content: {0}", zh="内容 SHA-256:{0}"),
    "failed": Text(en="The report could not be made: {0}", zh="报告未能生成：{0}"),
    "retry": Text(en="It can be asked for again on the page Reports.", zh="可在“报告”页面重新生成。"),
}


class _Parcel(NamedTuple):
    """A mail with its report and files."""

    mail: ReportMailRow
    report: ReportRow
    files: tuple[ReportFileRow, ...]


class Postman:
    """Of one process; any number may be."""

    def __init__(self, sessions: Sessions, place: tuple[Path, str], clock: Clock) -> None:
        self._sessions = sessions
        self._state, self._site = place
        self._clock = clock

    async def run(self) -> None:
        """Send until cancelled.

        Raises:
            ConfigError: The file of senders has faults.
            SQLAlchemyError: The database cannot be asked; nothing is lost.
        """
        async for _ in self._clock.ticks(EVERY_S):
            await self.turn()

    async def turn(self) -> None:
        """Send what is due now.

        Raises:
            ConfigError: As `run`.
            SQLAlchemyError: As `run`.
        """
        for ident in await self._due():
            parcel = await self._take(ident)
            if parcel is not None:
                await self._note(parcel.mail, await self._try(parcel))

    async def _due(self) -> list[str]:
        now_ns = self._clock.now().wall_ns
        wanted = select(ReportMailRow.report).where(
            ReportMailRow.site == self._site, ReportMailRow.state == "waiting",
            ReportMailRow.due_ns <= now_ns, ReportMailRow.held_until_ns < now_ns,
        )  # fmt: skip
        async with self._sessions() as session:
            return list((await session.execute(wanted.order_by(ReportMailRow.due_ns).limit(_MOST))).scalars())

    async def _take(self, ident: str) -> _Parcel | None:
        """Hold a mail while it is sent; None: somebody else does."""
        now_ns = self._clock.now().wall_ns
        mine = update(ReportMailRow).where(
            ReportMailRow.report == ident,
            ReportMailRow.state == "waiting",
            ReportMailRow.held_until_ns < now_ns,
        )
        async with self._sessions.begin() as session:
            found = await session.execute(mine.values(held_until_ns=now_ns + _HELD_NS))
            if not isinstance(found, CursorResult) or found.rowcount != 1:
                return None
        files = select(ReportFileRow).where(ReportFileRow.report == ident).order_by(ReportFileRow.form)
        async with self._sessions() as session:
            mail, report = await session.get(ReportMailRow, ident), await session.get(ReportRow, ident)
            if mail is None or report is None:
                return None
            return _Parcel(mail, report, tuple((await session.execute(files)).scalars()))

    async def _try(self, parcel: _Parcel) -> Tried:
        """Send; what came of it."""
        post = await asyncio.to_thread(open_post, self._state)
        try:
            await asyncio.to_thread(post.send, parcel.mail.sender, self._message(parcel))
        except NotToldError as error:
            return failed(error, " ".join(str(error.args[0]).split()))
        return Tried()

    def _message(self, parcel: _Parcel) -> Message:
        mail, report, files = parcel
        language: Language = "zh" if report.language == "zh" else "en"
        title = title_of(report.kind, named(report.period).kind, language)

        def say(name: str, *values: object) -> str:
            text = _W[name]
            return (text.zh if language == "zh" else text.en).format(*values)

        lines = [say("hello", title, report.period, self._site)]
        if report.state == "done":
            known = report.completeness_pct or 0.0
            lines += [say("known", known), *([say("marked")] if known < MARKED_PCT else []), say("files")]
            lines.append(say("hash", report.digest))
        else:
            lines += [say("failed", report.error_zh if language == "zh" else report.error_en), say("retry")]
        return Message(
            hashlib.sha256(f"{self._site} report {report.id}".encode()).hexdigest()[:32], tuple(mail.to),
            f"[{self._site}] {title} {report.period}", tuple(lines), self._clock.now().wall_ns, self._site,
            files=tuple(Attachment(one.name, MEDIA[one.form], one.body) for one in files),
        )  # fmt: skip

    async def _note(self, mail: ReportMailRow, tried: Tried) -> None:
        now_ns, (why, again, left) = self._clock.now().wall_ns, tried
        first_ns = mail.first_ns if mail.tries else now_ns
        over = not again or mail.tries >= MOST_TRIES or now_ns - first_ns > OVER_NS
        state = "sent" if not why else "failed" if over else "waiting"
        change: dict[str, object] = {
            "state": state,
            "first_ns": first_ns,
            "tries": mail.tries + 1,
            "error": why[:300],
            "held_until_ns": 0,
        }
        change |= {"due_ns": now_ns + wait_ns(mail.tries)} if state == "waiting" else {"done_ns": now_ns}
        if state == "waiting" and left is not None:  # the others have it
            change["to"] = list(left)
        async with self._sessions.begin() as session:
            mine = update(ReportMailRow).where(ReportMailRow.report == mail.report)
            await session.execute(mine.values(**change))
