"""Alarms: what is there, what happened, how good they are, and what people do with them."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select

from hub.alarms.review import review
from hub.alarms.states import Happened
from hub.alarms.tables import AlarmActRow, AlarmLineRow
from hub.api.alarm_models import AlarmAct, AlarmFigures, AlarmLine, Alarms, NewAlarmAct
from hub.api.alarm_views import act_of, acts_of, alarms_of, figures_of, journal
from hub.api.audit_routes import MOST_NUMBER
from hub.api.deps import ApiDeps, Deps, SiteId, problems
from hub.api.once import OnceRoute
from hub.api.policy import Permitted, permitted
from hub.api.refusals import refused
from hub.auth.tokens import Caller
from hub.ledger import audit
from protocols.config import Text
from protocols.errors import OrderRefusedError

MOST_LINES: Final = 1000
_NS: Final = 1_000_000_000
_ID_BYTES: Final = 12
_NEED_REASON: Final = frozenset({"shelve", "out", "comment"})

router = APIRouter(prefix="/sites/{site}/alarms", dependencies=[Depends(permitted)], route_class=OnceRoute)


@router.get("", operation_id="alarms", responses=problems(401, 403, 404, 422, 503))
async def alarms(
    site: SiteId,  # noqa: ARG001  checked by its type
    deps: Deps,
    *,
    every: Annotated[bool, Query(alias="all")] = False,
) -> Alarms:
    """Alarms that are not normal, the most urgent first; with `all` those that are normal too."""
    return await alarms_of(deps, every=every)


@router.get("/journal", operation_id="alarmJournal", responses=problems(401, 403, 404, 422, 503))
async def lines(
    site: SiteId,  # noqa: ARG001  checked by its type
    deps: Deps,
    before: Annotated[int | None, Query(ge=1, le=MOST_NUMBER)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = 100,
    alarm: Annotated[str | None, Query(max_length=100)] = None,
) -> list[AlarmLine]:
    """What happened, newest first; `before` is the number of the last line already seen."""
    return await journal(deps, before, limit, alarm)


@router.get("/figures", operation_id="alarmFigures", responses=problems(401, 403, 404, 422, 503))
async def figures(
    site: SiteId,  # noqa: ARG001  checked by its type
    deps: Deps,
    days: Annotated[int, Query(ge=1, le=366)] = 7,
) -> AlarmFigures:
    """How good the alarms were in the last days: rate, floods, chattering, what stands, the worst ten."""
    now_ns = deps.clock.now().wall_ns
    return await figures_of(deps, now_ns - days * 86_400 * _NS, now_ns)


@router.get(
    "/review",
    operation_id="alarmReview",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **problems(401, 403, 404, 422, 503)},
)
async def yearly(
    site: SiteId,
    deps: Deps,
    year: Annotated[int | None, Query(ge=1970, le=2200)] = None,
    language: Literal["en", "zh"] = "en",
) -> Response:
    """The yearly review as CSV, one row an alarm, those that never came included; this year of the site.

    The name of the file says from when on, where the begin of the year is no longer in the journal.
    """
    zone = ZoneInfo(deps.registry.site.time_zone)
    now_ns = deps.clock.now().wall_ns
    year = year or datetime.fromtimestamp(now_ns / _NS, zone).year
    from_ns, to_ns = (int(datetime(at, 1, 1, tzinfo=zone).timestamp()) * _NS for at in (year, year + 1))
    kept_ns = now_ns - deps.alarms.keep_days * 86_400 * _NS
    if kept_ns >= to_ns:
        raise refused("journal_year", days=deps.alarms.keep_days, year=year)
    wanted = select(AlarmLineRow).where(
        AlarmLineRow.site == site, AlarmLineRow.time_ns >= from_ns, AlarmLineRow.time_ns < to_ns
    )
    async with deps.sessions() as session:
        rows = (await session.execute(wanted.order_by(AlarmLineRow.time_ns, AlarmLineRow.number))).scalars()
        text = review(map(_happened, rows), deps.alarms.definitions, language)
    since = "" if kept_ns <= from_ns else f"-from-{datetime.fromtimestamp(kept_ns / _NS, zone):%m-%d}"
    name = f'attachment; filename="alarms-{site}-{year}{since}.csv"'
    return Response(text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


@router.get("/acts/{ident}", operation_id="alarmAct", responses=problems(401, 403, 404, 422, 503))
async def act(site: SiteId, deps: Deps, ident: str) -> AlarmAct:  # noqa: ARG001  checked by its type
    """What became of what a person wanted."""
    found = await acts_of(deps, [ident])
    if not found:
        raise refused("alarm_act", ident=ident)
    return found[0]


@router.post(
    "/acts",
    operation_id="placeAlarmAct",
    status_code=202,
    responses=problems(401, 403, 404, 422, 429, 503),
)
async def place(
    site: SiteId, deps: Deps, body: NewAlarmAct, caller: Permitted, request: Request
) -> list[AlarmAct]:
    """Acknowledge, shelve, take out of service or comment; kept with its audit entry before it is done."""
    _check(deps, body, caller)
    address = request.client.host if request.client else ""
    now_ns = deps.clock.now().wall_ns
    rows = [_row(site, body, which.id, which.occurrence, (caller.name, now_ns)) for which in body.alarms]
    entries = [
        audit.Entry(
            now_ns, caller.name, caller.role, address, "alarm", body.kind, row.alarm, "",
            "" if body.for_s is None else f"{body.for_s:g} s", row.reason, "asked",
            token=caller.token,
        )
        for row in rows
    ]  # fmt: skip
    async with deps.sessions.begin() as session:
        await audit.add(session, site, entries)
        session.add_all(rows)
    await deps.control.nudge.alarm()
    return [act_of(row) for row in rows]


def _check(deps: ApiDeps, body: NewAlarmAct, caller: Caller) -> None:
    """Refuse what can never be done.

    Raises:
        OrderRefusedError: Quota, unknown alarm, or something that is missing.
    """
    wait_s = deps.control.quota.wait_s(caller.name, "alarm")  # a lane of its own: no order waits for it
    if wait_s > 0:
        raise _no(
            429,
            "quota",
            "too many acts in a moment; wait",
            "短时间内操作过多，请稍候",
            wait_s=round(wait_s) + 1,
        )
    unknown = sorted({one.id for one in body.alarms} - deps.alarms.definitions.keys())
    if unknown:
        raise _no(
            404, "alarm", f"there is no alarm {unknown[0]!r} on this site", f"本站点没有报警 {unknown[0]!r}"
        )
    if body.kind in _NEED_REASON and not body.reason.strip():
        raise _no(422, "reason", "say why: everybody sees it with your name", "请填写原因，所有人可见")
    if (body.kind == "shelve") != (body.for_s is not None):
        raise _no(
            422, "for_s", "a shelf has a length, and nothing else has", "搁置必须有时长，其他操作不得有时长"
        )


def _no(status: int, code: str, en: str, zh: str, **more: object) -> OrderRefusedError:
    return OrderRefusedError(en, status=status, code=code, zh=zh, **more)


def _row(site: str, body: NewAlarmAct, alarm: str, occurrence: int, who: tuple[str, int]) -> AlarmActRow:
    actor, now_ns = who
    until_ns = 0 if body.for_s is None else now_ns + int(body.for_s * _NS)
    return AlarmActRow(
        id=secrets.token_hex(_ID_BYTES), site=site, kind=body.kind, alarm=alarm, actor=actor,
        reason=body.reason.strip(), until_ns=until_ns, occurrence=occurrence, asked_ns=now_ns, done_ns=None,
        refused="",
    )  # fmt: skip


def _happened(row: AlarmLineRow) -> Happened:
    label = Text(en=row.label_en, zh=row.label_zh)
    return Happened(
        row.alarm, row.kind, row.time_ns, row.priority, row.occurrence, label, row.actor, row.words,  # type: ignore[arg-type]  # only kinds are kept
        row.value, row.quiet,
    )  # fmt: skip
