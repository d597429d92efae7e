"""Takes an order of a person: quota, checks, password, then the row with its audit entry, then the nudge.

propose (page or command line) → here → ledger → dispatcher → edge; nothing is sent before the row is there
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from hub.api import order_checks
from hub.api.deps import ApiDeps
from hub.api.models import value_of
from hub.api.order_checks import refused
from hub.api.order_models import NewOrder, Order
from hub.api.order_views import view
from hub.api.setpoints import out_of_reach
from hub.auth.roles import COMMAND
from hub.auth.tokens import Caller
from hub.ledger import orders
from hub.registry.writable import Writable
from protocols.command import ACTS, CommandKind
from protocols.errors import OrderRefusedError, StoreError, TooManyGuessesError

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

TEST_S: Final = 900.0
"""How long a `test` asks for where it says nothing. [s]"""
_NS: Final = 1_000_000_000
_PERSON: Final = 403
_NOT_NOW: Final = 409
_WRONG: Final = 422
_MANY: Final = 429
_AWAY: Final = 503


async def take(deps: ApiDeps, new: NewOrder, caller: Caller, address: str) -> Order:
    """Check an order and write it down; the dispatcher is told after that.

    Raises:
        OrderRefusedError: Not taken, with status, code and sentence; that is in the audit too. 503: what was
            asked cannot be written down, so nothing is done.
    """
    draft, now_ns = _draft(deps, new, caller), deps.clock.now().wall_ns
    origin = orders.Origin(caller.role, address, token=caller.token)
    try:
        _within_quota(deps, draft)
        origin = replace(origin, old=await _old(deps, new))
        order = await _checked(deps, new, draft, address)
    except OrderRefusedError as no:
        code = str(no.context["code"])
        if code != "quota" or deps.control.quota.first_no(caller.name):
            await _written(orders.decline(deps.sessions, draft, origin, now_ns, code))
        raise
    placed = await _written(orders.place(deps.sessions, order, origin, now_ns))
    await deps.control.nudge.order()
    return view(orders.row_of(placed, now_ns), [])


async def _checked(deps: ApiDeps, new: NewOrder, draft: orders.Order, address: str) -> orders.Order:
    """All checks, the cheap ones first; gives the order as it is written down."""
    kind, control = draft.kind, deps.control
    order_checks.check_target(kind, draft.target, control.scopes if kind in ACTS else control.writables)
    one = control.writables.get(draft.target) if kind not in ACTS else None
    if kind is CommandKind.OPERATE:
        draft = await _completed(deps, draft)
        new = new.model_copy(update={"value": draft.value, "unit": draft.unit})
    order_checks.check_form(new, one)
    _reaches(deps, draft, one)
    if kind in order_checks.AGAIN:
        await _known_again(deps, draft, new.password, address)
    return draft


def _draft(deps: ApiDeps, new: NewOrder, caller: Caller) -> orders.Order:
    kind = CommandKind(new.kind)
    for_s = TEST_S if new.for_s is None and kind is CommandKind.TEST else new.for_s
    now_ns = deps.clock.now().wall_ns
    reason = new.reason.strip() or ("check first" if kind is CommandKind.TEST else "")
    return orders.Order(
        site=deps.registry.site.id, kind=kind, target=new.target, value=new.value, unit=new.unit,
        expect=new.expect, reason=reason, actor=caller.name,
        confirm=(new.confirm or "").strip() or None,
        until_ns=None if for_s is None else now_ns + round(min(for_s, order_checks.LONGEST_S) * _NS),
        of=new.of,
    )  # fmt: skip


def _within_quota(deps: ApiDeps, draft: orders.Order) -> None:
    known = draft.target if draft.target in deps.control.scopes else ""
    stops = known if draft.kind is CommandKind.STOP else None
    wait_s = math.ceil(deps.control.quota.wait_s(draft.actor, stops))
    if wait_s > 0:
        raise _wait("quota", wait_s, "too many orders at once", "短时间内操作过多")


def _wait(code: str, wait_s: int, en: str, zh: str) -> OrderRefusedError:
    no = refused(_MANY, code, f"{en}; wait {wait_s} s", f"{zh}；请等待 {wait_s} 秒")
    no.context["wait_s"] = wait_s
    return no


async def _completed(deps: ApiDeps, draft: orders.Order) -> orders.Order:
    """An operate takes value, unit, end and reason of its selection; a second person confirms where asked."""
    row = None if draft.of is None else await orders.find(deps.sessions, draft.site, draft.of)
    if (
        row is None
        or row.kind != CommandKind.SELECT
        or row.target != draft.target
        or row.state not in orders.OPEN
        or draft.value not in {None, row.value}
    ):
        raise refused(
            _WRONG,
            "selection",
            "there is no such selection, or it is over; select again",
            "没有此选择，或已失效；请重新选择",
        )
    if deps.control.writables[draft.target].duty.two_persons and draft.confirm in {None, row.actor}:
        raise refused(_WRONG, "person", "a second person has to confirm this", "须由第二人确认")
    return replace(
        draft, value=row.value, unit=row.unit, until_ns=row.until_ns, reason=draft.reason or row.reason,
        expect=draft.expect if draft.expect is not None else row.expect,
    )  # fmt: skip


def _reaches(deps: ApiDeps, draft: orders.Order, one: Writable | None) -> None:
    found = out_of_reach(one, deps.edges) if one is not None and draft.kind in order_checks.ASKS else None
    if found is not None:
        code, words = found
        raise refused(_NOT_NOW, code, words.en, words.zh)


async def _known_again(deps: ApiDeps, draft: orders.Order, password: str | None, address: str) -> None:
    """The password of whom `confirm` names, else of the caller; they must be somebody who may command."""
    name = draft.confirm or draft.actor
    if not password:
        raise refused(
            _WRONG, "password", f"this needs the password of {name} again", f"此操作须再次输入 {name} 的密码"
        )
    try:
        role = await deps.auth.person(name, password, address)
    except TooManyGuessesError as error:
        wait_s = int(str(error.context["wait_s"]))
        if error.context.get("busy"):
            raise _wait("busy", wait_s, "many people sign in now", "当前登录人数较多") from error
        raise _wait("guesses", wait_s, "too many wrong passwords", "密码错误次数过多") from error
    if role is None:
        raise refused(_PERSON, "password", f"that is not the password of {name}", f"{name} 的密码不正确")
    if role not in COMMAND:
        raise refused(_PERSON, "person", f"{name} may not command", f"{name} 无操作权限")


async def _old(deps: ApiDeps, new: NewOrder) -> str:
    """The value before, for the audit; empty where it is not known."""
    one = deps.control.writables.get(new.target)
    if one is None or CommandKind(new.kind) in ACTS:
        return ""
    try:
        found = await deps.ask_series(lambda series: series.last([one.point]))
    except StoreError:
        return ""
    last = found.get(one.point)
    value = None if last is None else value_of(new.target, last, last.time_ns).value
    return "" if value is None else f"{value:g} {one.limits.unit}"


async def _written(work: Awaitable[_T]) -> _T:
    try:
        return await work
    except SQLAlchemyError as error:
        _log.warning("an order was not taken: it cannot be written down: %s", error)
        raise refused(
            _AWAY,
            "not_noted",
            "the order was not taken: it cannot be written down in the audit now; nothing was done",
            "指令未受理：目前无法写入审计记录；未执行任何操作",
        ) from error
