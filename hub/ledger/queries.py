"""What the API and the demo's count read from the ledger, in the shapes of the API's contract."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.ledger.moves import FAILED, NO_ANSWER, REFUSED, VERIFIED
from hub.ledger.tables import CommandRow, PlanRow
from protocols.command import CommandKind
from protocols.config import Text
from protocols.refusal import REFUSAL_TEXTS
from runtime.clock import iso_utc

CODE_TEXTS: Final[dict[str, Text]] = {
    **{code.value: text for code, text in REFUSAL_TEXTS.items()},
    NO_ANSWER: Text(en="Nobody answered in time.", zh="未在规定时间内得到答复。"),
    "mismatch": Text(en="The device shows another value than was written.", zh="设备读回的值与写入值不同。"),
    "superseded": Text(en="A newer set-point took its place.", zh="已被更新的设定值取代。"),
    "overridden": Text(en="Somebody else took the point over.", zh="该点已被其他方接管。"),
    "expired": Text(en="The lease ended before the value was verified.", zh="租约在值得到确认前已到期。"),
    "released": Text(en="It was released before the value was verified.", zh="在值得到确认前已释放。"),
}
_SHOWN: Final = {
    "scheduled": "received",
    "mismatch": "failed",
    "superseded": "released",
    "overridden": "released",
}
"""States of the ledger the page knows by another name; the code then says which it was."""
_STATE_TEXTS: Final[dict[str, Text]] = {
    "issued": Text(en="Written down and sent.", zh="已记录并发出。"),
    "received": Text(en="The edge has accepted it.", zh="网关已接受。"),
    "written": Text(en="Written to the device.", zh="已写入设备。"),
    "verified": Text(en="Read back from the device.", zh="已从设备读回确认。"),
}


def code_text(code: str) -> Text | None:
    """What a code of a command says in words; None for one nobody knows."""
    return CODE_TEXTS.get(code)


async def latest_plan(session: AsyncSession, site: str) -> dict[str, Any] | None:
    """The plan accepted last, or None before the first."""
    wanted = select(PlanRow).where(PlanRow.site == site).order_by(PlanRow.created_ns.desc()).limit(1)
    row = (await session.execute(wanted)).scalar_one_or_none()
    if row is None:
        return None
    head = {
        "id": row.id,
        "created": iso_utc(row.created_ns),
        "status": row.status,
        "gap": row.gap,
        "bound": row.bound,
        "cost": row.cost,
        "baseline_cost": row.baseline_cost,
        "co2_kg": row.co2_kg,
        "solve_s": row.solve_s,
        "currency": row.currency,
        "steps": row.steps,
        "binary_steps": row.binary_steps,
    }
    return head | {name: value for name, value in row.body.items() if name != "made"}


async def plan_body(session: AsyncSession, site: str, ident: str) -> dict[str, Any] | None:
    """All that is kept of one plan, what it was made from included; None where there is no such plan."""
    wanted = select(PlanRow).where(PlanRow.site == site, PlanRow.id == ident)
    row = (await session.execute(wanted)).scalar_one_or_none()
    return None if row is None else dict(row.body)


async def recent_commands(
    session: AsyncSession, site: str, limit: int = 50, before: str | None = None
) -> list[dict[str, Any]]:
    """The newest set-points, newest first; those older than the command `before` where its id is named."""
    wanted = select(CommandRow).where(CommandRow.site == site, CommandRow.kind == CommandKind.SET.value)
    if before is not None:
        mine = (CommandRow.site == site, CommandRow.id == bytes.fromhex(before))
        last = select(CommandRow.number).where(*mine)
        wanted = wanted.where(CommandRow.number < last.scalar_subquery())
    rows = await session.execute(wanted.order_by(CommandRow.number.desc()).limit(limit))
    return [_command(row) for row in rows.scalars()]


async def counts(session: AsyncSession, site: str, since_ns: int = 0) -> dict[str, int]:
    """Set-points issued since an instant and how they ended; without re-sends, renewals and releases."""
    wanted = (
        select(CommandRow.verdict, func.count())
        .where(
            CommandRow.site == site,
            CommandRow.issued_ns >= since_ns,
            CommandRow.kind == CommandKind.SET.value,
        )
        .group_by(CommandRow.verdict)
    )
    rows = (await session.execute(wanted)).all()
    by_verdict: dict[str | None, int] = {row[0]: row[1] for row in rows}
    return {
        "issued": sum(by_verdict.values()),
        **{verdict: by_verdict.get(verdict, 0) for verdict in (VERIFIED, REFUSED, FAILED)},
    }


def _command(row: CommandRow) -> dict[str, Any]:
    shown = _SHOWN.get(row.state, row.state)
    code = row.code or (row.state if shown != row.state else None)
    text = CODE_TEXTS.get(code or "") or _STATE_TEXTS.get(row.state) or CODE_TEXTS.get(row.state)
    return {
        "id": row.id.hex(),
        "time": iso_utc(row.issued_ns),
        "point": row.point,
        "kind": row.kind,
        "value": row.value,
        "unit": row.unit,
        "state": shown,
        "verdict": row.verdict,
        "code": code,
        "text": text.model_dump() if text else {"en": row.reason, "zh": row.reason},
        "reason": row.reason,
        "level": row.level,
        "lease_until": iso_utc(row.lease_until_ns) if row.lease_until_ns is not None else None,
        "readback": row.readback,
        "readback_time": iso_utc(row.readback_ns) if row.readback_ns is not None else None,
    }
