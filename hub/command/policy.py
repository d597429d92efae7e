"""The dispatcher's own check of an order of a person: who, where, what, for how long. Pure.

The API checks as well, so that people get a quick answer; what is signed rests on this check alone, made anew
on the row in the database. The edge checks everything once more with its own, signed limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hub.auth.roles import COMMAND
from hub.ledger.orders import Order
from hub.registry.writable import Writable, Writables, scopes_of
from protocols.command import ACTS, CommandKind
from protocols.refusal import Refusal

MOST_S: Final = 8 * 3600.0
"""Longest override. [s]"""
LASTING: Final = frozenset({CommandKind.STOP, CommandKind.LOCK_OUT, CommandKind.OPT_OUT})
"""Acts that only take away: they are sent until every edge has answered, however long that takes."""
HOLDING: Final = frozenset({CommandKind.SET, CommandKind.SELECT})
"""Kinds that hold a point until their end."""
_VALUED: Final = HOLDING | {CommandKind.TEST, CommandKind.OPERATE}
_REASONED: Final = HOLDING | ACTS
_ON_POINTS: Final = _VALUED | {CommandKind.RELEASE, CommandKind.CANCEL}
_SLACK_S: Final = 1.0
"""The end of an override is counted from a clock read a moment before the row was written. [s]"""


@dataclass(frozen=True, slots=True)
class Known:
    """What an order is held against.

    Attributes:
        writables: Points that may be written.
        roles: Roles of the people an order names; one who is not there is missing.
        now_ns: Wall clock.
    """

    writables: Writables
    roles: Mapping[str, str]
    now_ns: int


def edges_of(writables: Writables, order: Order) -> tuple[str, ...]:
    """Edges an order goes to: that of its point, or all with points in its scope."""
    if order.kind in ACTS:
        return tuple(sorted({one.edge for one in scopes_of(writables).get(order.target, ())}))
    one = writables.get(order.target)
    return () if one is None else (one.edge,)


def refusal(order: Order, asked_ns: int, known: Known) -> str | None:
    """Code of the first check that fails; None: it may go out."""
    for check, code in _CHECKS:
        if not check(order, asked_ns, known):
            return code
    return None


def beyond(order: Order, writables: Writables) -> str | None:
    """Why an order on a point that was taken may not go on under other limits; None: it may."""
    one = writables.get(order.target)
    if one is None or "operator" not in one.limits.levels:
        return Refusal.NOT_ALLOWED.value
    if order.kind not in HOLDING or order.value is None:
        return None
    if order.unit != one.limits.unit:
        return Refusal.UNIT.value
    return None if one.limits.low <= order.value <= one.limits.high else Refusal.LIMITS.value


def _by_somebody(order: Order, _asked_ns: int, known: Known) -> bool:
    names = [order.actor, *([order.confirm] if order.confirm else [])]
    return all(known.roles.get(name) in COMMAND for name in names)


def _says_why(order: Order, _asked_ns: int, _known: Known) -> bool:
    return bool(order.reason.strip()) or order.kind not in _REASONED


def _is_ours(order: Order, _asked_ns: int, known: Known) -> bool:
    one = known.writables.get(order.target)
    if order.kind in ACTS:
        return bool(edges_of(known.writables, order))
    return order.kind in _ON_POINTS and one is not None and "operator" in one.limits.levels


def _is_one_step(order: Order, _asked_ns: int, known: Known) -> bool:
    one = known.writables.get(order.target)
    return order.kind is not CommandKind.SET or one is None or not one.duty.two_step


def _has_unit(order: Order, _asked_ns: int, known: Known) -> bool:
    one = _asked_for(order, known)
    return one is None or order.unit == one.limits.unit


def _is_number(order: Order, _asked_ns: int, known: Known) -> bool:
    wanted = _asked_for(order, known) is not None
    numbers = [number for number in (order.value, order.expect) if number is not None]
    return all(map(math.isfinite, numbers)) and (order.value is not None) == wanted


def _is_within(order: Order, _asked_ns: int, known: Known) -> bool:
    one = _asked_for(order, known)
    return one is None or order.value is None or one.limits.low <= order.value <= one.limits.high


def _has_end(order: Order, asked_ns: int, known: Known) -> bool:
    if order.until_ns is None:
        return order.kind not in HOLDING
    most_ns = asked_ns + round((MOST_S + _SLACK_S) * 1e9)
    return known.now_ns < order.until_ns and (order.until_ns <= most_ns or order.kind not in HOLDING)


def _asked_for(order: Order, known: Known) -> Writable | None:
    """Limits of the point when a value is asked for; an operate names that of its selection."""
    if order.kind not in _VALUED or (order.kind is CommandKind.OPERATE and order.value is None):
        return None
    return known.writables.get(order.target)


_CHECKS: Final[tuple[tuple[Callable[[Order, int, Known], bool], str], ...]] = (
    (_by_somebody, Refusal.PERSON.value),
    (_says_why, Refusal.PERSON.value),
    (_is_ours, Refusal.NOT_ALLOWED.value),
    (_is_one_step, Refusal.SELECTION.value),
    (_has_unit, Refusal.UNIT.value),
    (_is_number, Refusal.VALUE.value),
    (_is_within, Refusal.LIMITS.value),
    (_has_end, Refusal.LEASE.value),
)
