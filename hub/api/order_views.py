"""Orders as answers: the order's own row and those of the commands that carry it out, as one state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.api.models import from_ns, number
from hub.api.order_models import Order, OrderState
from hub.database import Sessions
from hub.ledger import orders
from hub.ledger.moves import NO_ANSWER
from hub.ledger.order_tables import OrderRow
from hub.ledger.queries import code_text
from hub.ledger.tables import CommandRow
from protocols.config import Text
from protocols.refusal import ASKED_ANEW, Refusal

_TEXTS: Final[Mapping[str, Text]] = {
    "asked": Text(en="Written down; not sent yet.", zh="已记录，尚未发出。"),
    "sent": Text(en="Sent to the edge.", zh="已发往网关。"),
    "received": Text(en="The edge has accepted it.", zh="网关已接受。"),
    "written": Text(en="Written to the device.", zh="已写入设备。"),
    "verified": Text(en="Read back from the device.", zh="已从设备读回确认。"),
    "refused": Text(en="Refused.", zh="已拒绝。"),
    "failed": Text(en="Failed.", zh="失败。"),
    "ended": Text(en="Over.", zh="已结束。"),
}
_ENDS: Final[Mapping[str, Text]] = {
    "done": Text(en="Done.", zh="已完成。"),
    "expired": Text(en="Its time is over.", zh="期限已到。"),
    "released": Text(en="Released.", zh="已释放。"),
    "superseded": Text(en="A newer order took its place.", zh="已被更新的操作取代。"),
    "overridden": Text(
        en="The plant took the point over; it does not come back by itself.",
        zh="现场已接管此点；不会自动恢复。",
    ),
    "person": Text(en="The person may no longer command.", zh="该人员已无操作权限。"),
    "failed": Text(en="It could not be carried out.", zh="无法执行。"),
}
_TESTED: Final = Text(en="The edge would take it; nothing was written.", zh="网关检查通过；未写入任何值。")
_NOTHING: Final = Text(
    en="There is nothing like it to end here, or its first step is missing or too long ago.",
    zh="此处没有可解除的此类操作，或第一步缺失、已过时。",
)
_NOT_ALL: Final = Text(en="Not every edge has done it yet.", zh="尚有网关未完成。")
_UNDOING: Final = frozenset({"resume", "lift", "opt_in"})
_TAKING: Final = frozenset({"stop", "lock_out", "opt_out"})
"""Acts that are sent until every edge has answered, so that no answer is no end."""
_GONE: Final = frozenset({"superseded", "overridden", "expired", "released"})
_RANK: Final[Mapping[str, int]] = {
    "issued": 0, "received": 1, "scheduled": 1, "written": 2, "verified": 3, "mismatch": 2,
}  # fmt: skip
_STEPS: Final[tuple[OrderState, ...]] = ("sent", "received", "written", "verified")
_FAILED: Final = frozenset({"failed", "mismatch", "no_answer"})
_LASTING: Final = frozenset({"set", "select"})
"""Kinds that hold a point for a while; the others are over once they are done."""


async def newest_orders(sessions: Sessions, site: str, limit: int, before: str | None = None) -> list[Order]:
    """Newest orders first, those older than the order `before` where one is named."""
    async with sessions() as session:
        return await _shown(session, await orders.newest(session, site, limit, before))


async def one_order(sessions: Sessions, site: str, ident: str) -> Order | None:
    """One order; None where there is none of this id."""
    row = await orders.find(sessions, site, ident)
    if row is None:
        return None
    async with sessions() as session:
        return (await _shown(session, [row]))[0]


def view(row: OrderRow, commands: Sequence[CommandRow]) -> Order:
    """An order as an answer; of commands that were made anew for one edge the newest counts."""
    newest = list({(one.edge, one.point): one for one in commands}.values())
    state, code = _state(row, newest)
    seen = max((one for one in newest if one.readback_ns), key=_seen_ns, default=None)
    return Order.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "target": row.target,
            "value": row.value,
            "unit": row.unit,
            "expect": row.expect,
            "reason": row.reason,
            "actor": row.actor,
            "asked": from_ns(row.asked_ns),
            "until": None if row.until_ns is None else from_ns(row.until_ns),
            "state": state,
            "code": code,
            "text": _text(row.kind, state, code),
            "readback": None if seen is None or seen.readback is None else number(seen.readback),
            "readback_time": None if seen is None else from_ns(_seen_ns(seen)),
            "commands": [one.id.hex() for one in commands],
            "of": row.of,
        }
    )


async def _shown(session: AsyncSession, rows: Sequence[OrderRow]) -> list[Order]:
    wanted = select(CommandRow).where(CommandRow.order_id.in_([row.id for row in rows]))
    by_order: dict[str | None, list[CommandRow]] = {}
    for command in (await session.execute(wanted.order_by(CommandRow.number))).scalars():
        by_order.setdefault(command.order_id, []).append(command)
    return [view(row, by_order.get(row.id, [])) for row in rows]


def _state(row: OrderRow, commands: Sequence[CommandRow]) -> tuple[OrderState, str | None]:
    if row.state == orders.ASKED:
        return "asked", None
    if row.state == orders.REFUSED:
        return "refused", row.code
    if row.state == orders.TAKEN:
        return _under_way(row.kind, commands)
    return _ended(row, commands)


def _under_way(kind: str, commands: Sequence[CommandRow]) -> tuple[OrderState, str | None]:
    """The state of the command that is behind the others; a refusal or failure of one is that of all.

    What is asked once is verified when its order has ended: an edge that is away has no command yet.
    """
    for one in commands:
        if one.verdict in {"refused", "failed"} and not _done(kind, one) and not _goes_on(kind, one):
            return ("refused" if one.verdict == "refused" else "failed"), one.code
        if kind in _LASTING and one.state in _GONE:
            return "ended", one.state
    return _STEPS[min((_rank(kind, one) for one in commands), default=0)], None


def _goes_on(kind: str, command: CommandRow) -> bool:
    """Whether the order is still sent although this command of it came to nothing."""
    nothing = kind in _UNDOING and command.code == Refusal.SELECTION  # another edge may have something
    return nothing or command.code in ASKED_ANEW or (kind in _TAKING and command.code == NO_ANSWER)


def _ended(row: OrderRow, commands: Sequence[CommandRow]) -> tuple[OrderState, str | None]:
    refused = next((one.code for one in commands if one.verdict == "refused"), None)
    if row.code in {"done", "released"} and row.kind not in _LASTING:
        return "verified", row.code
    if row.code in _FAILED:
        return "failed", row.code
    if row.code == "refused" or (row.code is not None and row.code == refused):
        return "refused", refused or row.code
    return "ended", row.code


def _rank(kind: str, command: CommandRow) -> int:
    return _RANK["received"] if _done(kind, command) else _RANK.get(command.state, _RANK["issued"])


def _done(kind: str, command: CommandRow) -> bool:
    """An act of the moment says with `released` that it is done."""
    return kind not in _LASTING and command.state == "released"


def _text(kind: str, state: OrderState, code: str | None) -> Text:
    if kind not in _LASTING and state in {"received", "verified"}:
        done = _TESTED if kind == "test" else _ENDS["done"]
        return done if state == "verified" else _NOT_ALL
    if kind in _UNDOING and code == Refusal.SELECTION:
        return _NOTHING
    if state in {"asked", *_STEPS} or code is None:
        return _TEXTS[state]
    return _ENDS.get(code) or code_text(code) or _TEXTS[state]


def _seen_ns(command: CommandRow) -> int:
    return command.readback_ns or 0
