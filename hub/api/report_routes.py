"""Reports: asked for, how far they are, their files; and schedules that ask by themselves."""

from __future__ import annotations

import secrets
from typing import Annotated, Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import delete, func, select

from hub.accounts.periods import NamedPeriod, named
from hub.api.deps import ApiDeps, Deps, SiteId, address_of, problems
from hub.api.once import OnceRoute
from hub.api.policy import Permitted, permitted
from hub.api.refusals import refused
from hub.api.report_models import NewReport, NewReportSchedule, ReportForm, ReportSchedule, SiteReport
from hub.api.report_views import schedule_of, shown
from hub.auth.tokens import Caller
from hub.ledger import audit
from hub.reports import book
from hub.reports.making import MEDIA
from hub.reports.tables import ReportFileRow, ReportRow, ReportScheduleRow
from protocols.errors import ConfigError, OrderRefusedError

MOST_SHOWN: Final = 200
MOST_OPEN: Final = 20
"""Reports of a site that may wait at once. [-]"""

MOST_SCHEDULES: Final = 50
_ID_BYTES: Final = 12
_READ: Final = problems(401, 403, 404, 422, 503)
_WRITE: Final = problems(401, 403, 404, 409, 422, 429, 503)
Ident = Annotated[str, Path(max_length=32)]

router = APIRouter(prefix="/sites/{site}", dependencies=[Depends(permitted)], route_class=OnceRoute)


class Asker(NamedTuple):
    """Who asks, from where, and what they ask with."""

    caller: Caller
    address: str
    deps: ApiDeps

    def entry(self, kind: str, target: str, new: str) -> audit.Entry:
        """For the audit."""
        now_ns, caller = self.deps.clock.now().wall_ns, self.caller
        who = (caller.name, caller.role, self.address)
        return audit.Entry(now_ns, *who, "report", kind, target, "", new, "", "asked", token=caller.token)


def _asker(caller: Permitted, request: Request, deps: Deps) -> Asker:
    return Asker(caller, address_of(request), deps)


Asks = Annotated[Asker, Depends(_asker)]


@router.get("/reports", operation_id="reports", responses=_READ)
async def reports(
    site: SiteId,
    deps: Deps,
    before: Annotated[str | None, Query(max_length=32)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_SHOWN)] = 50,
) -> list[SiteReport]:
    """Reports, the newest first; `before` is the id of the last one already seen."""
    wanted = select(ReportRow).where(ReportRow.site == site)
    async with deps.sessions() as session:
        if before is not None:
            last = await session.get(ReportRow, before)
            if last is None or last.site != site:
                raise refused("report_before", ident=before)
            place = (ReportRow.asked_ns < last.asked_ns) | (
                (ReportRow.asked_ns == last.asked_ns) & (ReportRow.id < last.id)
            )
            wanted = wanted.where(place)
        newest = wanted.order_by(ReportRow.asked_ns.desc(), ReportRow.id.desc()).limit(limit)
        rows = (await session.execute(newest)).scalars().all()
        return await shown(session, rows, deps.clock.now().wall_ns)


@router.get("/reports/{ident}", operation_id="report", responses=_READ)
async def report(site: SiteId, deps: Deps, ident: Ident) -> SiteReport:
    """One report, and how far it is."""
    async with deps.sessions() as session:
        row = await session.get(ReportRow, ident)
        if row is None or row.site != site:
            raise _unknown(ident)
        return (await shown(session, [row], deps.clock.now().wall_ns))[0]


@router.get(
    "/reports/{ident}/files/{form}",
    operation_id="reportFile",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in MEDIA.values()}}, **_READ},
)
async def file(site: SiteId, deps: Deps, ident: Ident, form: ReportForm) -> Response:
    """A file of a report that is done."""
    async with deps.sessions() as session:
        row, found = await session.get(ReportRow, ident), await session.get(ReportFileRow, (ident, form))
    if row is None or row.site != site or found is None:
        raise _unknown(ident)
    name = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return Response(found.body, media_type=MEDIA[form], headers=name)


@router.post("/reports", operation_id="orderReport", status_code=202, responses=_WRITE)
async def order(site: SiteId, body: NewReport, asks: Asks) -> SiteReport:
    """Ask for a report; it is made beside the hub, its progress stands in what `report` answers."""
    deps, now_ns = asks.deps, asks.deps.clock.now().wall_ns
    period = _period(deps, body.period, now_ns)
    sender = _mail(body.sender, body.to)
    wish = book.Wish(
        site,
        body.kind,
        period.name,
        body.language,
        tuple(dict.fromkeys(body.formats)),
        sender,
        tuple(body.to),
    )
    async with deps.sessions.begin() as session:
        open_now = select(func.count()).select_from(ReportRow)
        waiting = open_now.where(ReportRow.site == site, ReportRow.state.in_(("waiting", "running")))
        if int((await session.execute(waiting)).scalar_one()) >= MOST_OPEN:
            raise _no(
                429, "busy", f"{MOST_OPEN} reports wait already; ask again when some are done",
                f"已有 {MOST_OPEN} 份报告在排队，请稍后再试", wait_s=30,
            )  # fmt: skip
        row = book.put(session, wish, asks.caller.name, now_ns)
        await session.flush()
        await audit.add(session, site, [asks.entry("order", row.id, f"{row.kind} {row.period}")])
        return (await shown(session, [row], now_ns))[0]


@router.get("/report-schedules", operation_id="reportSchedules", responses=_READ)
async def schedules(site: SiteId, deps: Deps) -> list[ReportSchedule]:
    """Schedules of the site, with the addresses their reports go to."""
    zone, now_ns = ZoneInfo(deps.registry.site.time_zone), deps.clock.now().wall_ns
    return [schedule_of(row, zone, now_ns) for row in await book.schedules(deps.sessions, site)]


@router.post("/report-schedules", operation_id="addReportSchedule", status_code=201, responses=_WRITE)
async def add_schedule(site: SiteId, body: NewReportSchedule, asks: Asks) -> ReportSchedule:
    """Have reports made by themselves from now on; what is over already is not made up for."""
    deps, now_ns = asks.deps, asks.deps.clock.now().wall_ns
    sender = _mail(body.sender, body.to)
    hours, _, minutes = body.at.partition(":")
    row = ReportScheduleRow(
        id=secrets.token_hex(_ID_BYTES), site=site, kind=body.kind, every=body.every,
        at_min=int(hours) * 60 + int(minutes), language=body.language,
        formats=list(dict.fromkeys(body.formats)), sender=sender, to=list(body.to), active=True,
        made_by=asks.caller.name, made_ns=now_ns, looked_ns=now_ns,
    )  # fmt: skip
    async with deps.sessions.begin() as session:
        count = select(func.count()).select_from(ReportScheduleRow).where(ReportScheduleRow.site == site)
        if int((await session.execute(count)).scalar_one()) >= MOST_SCHEDULES:
            raise _no(
                409, "schedules", f"the site has {MOST_SCHEDULES} schedules already; end one first",
                f"本站点已有 {MOST_SCHEDULES} 个计划，请先删除一个",
            )  # fmt: skip
        session.add(row)
        told = f"{row.kind} every {row.every} at {body.at}, {len(row.to)} addresses"
        await audit.add(session, site, [asks.entry("schedule", row.id, told)])
    return schedule_of(row, ZoneInfo(deps.registry.site.time_zone), now_ns)


@router.delete(
    "/report-schedules/{ident}", operation_id="endReportSchedule", status_code=204, responses=_WRITE
)
async def end_schedule(site: SiteId, ident: Ident, asks: Asks) -> None:
    """End a schedule; its reports stay."""
    mine = (ReportScheduleRow.id == ident, ReportScheduleRow.site == site)
    async with asks.deps.sessions.begin() as session:
        if (await session.execute(select(ReportScheduleRow.id).where(*mine))).scalar_one_or_none() is None:
            raise _no(
                404, "schedule", f"there is no schedule {ident!r} on this site", f"本站点没有计划 {ident!r}"
            )
        await session.execute(delete(ReportScheduleRow).where(*mine))
        await audit.add(session, site, [asks.entry("unschedule", ident, "")])


def _period(deps: ApiDeps, text: str, now_ns: int) -> NamedPeriod:
    """The period, if something of it is over.

    Raises:
        OrderRefusedError: It is none, too long, or lies ahead.
    """
    try:
        found = named(text)
    except ConfigError as error:
        zh = (
            f"{text!r} 不是有效的时间范围：允许 2026-10-22、2026-W43、2026-10、2026 "
            "或 2026-10-01..2026-10-15，最长 400 天"
        )
        raise _no(422, "period", str(error.args[0]), zh) from error
    if found.edges_ns(ZoneInfo(deps.registry.site.time_zone))[0] >= now_ns:
        raise _no(422, "period", f"{text} has not begun yet", f"{text} 尚未开始")
    return found


def _mail(sender: str | None, to: list[str]) -> str:
    """The sender; addresses and sender go together.

    Raises:
        OrderRefusedError: There are addresses without a sender.
    """
    if sender is None and to:
        raise _no(422, "sender", "say by which sender the report goes out", "请指定发送报告所用的发件方")
    return sender or ""


def _unknown(ident: str) -> OrderRefusedError:
    return _no(404, "report", f"there is no such report {ident!r} on this site", f"本站点没有报告 {ident!r}")


def _no(status: int, code: str, en: str, zh: str, **more: object) -> OrderRefusedError:
    return OrderRefusedError(en, status=status, code=code, zh=zh, **more)
