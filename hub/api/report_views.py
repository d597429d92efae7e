"""Reports of the database in the shapes of the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.periods import named
from hub.api.models import from_ns
from hub.api.report_models import (
    ReportFile,
    ReportForm,
    ReportKind,
    ReportLanguage,
    ReportMail,
    ReportProgress,
    ReportSchedule,
    SiteReport,
)
from hub.reports.content import MARKED_PCT
from hub.reports.phrases import title_of
from hub.reports.schedule import every_of, next_due_ns
from hub.reports.tables import ReportFileRow, ReportMailRow, ReportRow, ReportScheduleRow
from protocols.config import Text

PATIENCE_NS: Final = 120_000_000_000
"""A report that nobody begins for so long waits for a role that is away. [ns]"""


async def shown(session: AsyncSession, rows: Sequence[ReportRow], now_ns: int) -> list[SiteReport]:
    """Reports with their files and mails."""
    idents = [row.id for row in rows]
    wanted = select(ReportFileRow.report, ReportFileRow.form, ReportFileRow.name, ReportFileRow.size)
    files: dict[str, list[ReportFile]] = {}
    for report, form, name, size in await session.execute(
        wanted.where(ReportFileRow.report.in_(idents)).order_by(ReportFileRow.form.desc())
    ):
        one = ReportFile(form=cast("ReportForm", form), name=name, size_bytes=size)
        files.setdefault(report, []).append(one)
    found = await session.execute(select(ReportMailRow).where(ReportMailRow.report.in_(idents)))
    mails = {row.report: row for row in found.scalars()}
    return [_report(row, files.get(row.id, []), mails.get(row.id), now_ns) for row in rows]


def _report(row: ReportRow, files: list[ReportFile], mail: ReportMailRow | None, now_ns: int) -> SiteReport:
    return SiteReport(
        id=row.id, kind=cast("ReportKind", row.kind), title=_title(row.kind, named(row.period).kind),
        period=row.period, language=cast("ReportLanguage", row.language), asked_by=row.asked_by,
        asked=from_ns(row.asked_ns), schedule=row.schedule, progress=_progress(row, now_ns), files=files,
        mail=None if mail is None else ReportMail.model_validate(
            {"state": mail.state, "recipients": len(mail.to), "tries": mail.tries, "error": mail.error}
        ),
    )  # fmt: skip


def _progress(row: ReportRow, now_ns: int) -> ReportProgress:
    late = row.state == "waiting" and now_ns - row.asked_ns > PATIENCE_NS
    left = row.state == "running" and row.held_until_ns < now_ns
    known = row.completeness_pct
    return ReportProgress.model_validate(
        {
            "state": row.state,
            "step": row.step,
            "progress_frac": row.progress_frac,
            "stalled": late or left,
            "done": None if row.done_ns is None else from_ns(row.done_ns),
            "completeness_pct": known,
            "incomplete": known is not None and known < MARKED_PCT,
            "digest": row.digest,
            "error": Text(en=row.error_en, zh=row.error_zh) if row.error_en else None,
        }
    )


def schedule_of(row: ReportScheduleRow, zone: ZoneInfo, now_ns: int) -> ReportSchedule:
    """A schedule, and when it is due next."""
    every = every_of(row.every)
    return ReportSchedule.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "title": _title(row.kind, row.every),
            "every": every,
            "at": f"{row.at_min // 60:02d}:{row.at_min % 60:02d}",
            "language": row.language,
            "formats": row.formats,
            "sender": row.sender,
            "to": row.to,
            "made_by": row.made_by,
            "next": from_ns(next_due_ns(every, row.at_min, now_ns, zone)),
        }
    )


def _title(kind: str, period: str) -> Text:
    return Text(en=title_of(kind, period, "en"), zh=title_of(kind, period, "zh"))
