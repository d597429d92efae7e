"""The checks of an order of a person before it is written down; the first that fails wins.

Refused, never clamped. The dispatcher checks again with its own copy, and the edge with its signed one: these
checks are there so that a person hears at once, and in words, what is wrong.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from hub.api.order_models import MOST_S, NewOrder
from hub.registry.writable import Writable
from protocols.command import ACTS, CommandKind
from protocols.errors import OrderRefusedError

ASKS: Final = frozenset({CommandKind.SET, CommandKind.TEST, CommandKind.SELECT, CommandKind.OPERATE})
"""Kinds that ask for a value on a point."""
TIMED: Final = frozenset({CommandKind.SET, CommandKind.SELECT})
"""Kinds that need a time."""
REASONED: Final = frozenset({CommandKind.SET, CommandKind.SELECT}) | ACTS
"""Kinds that need a reason of the person."""
AGAIN: Final = frozenset({CommandKind.RESUME, CommandKind.LIFT, CommandKind.OPERATE})
"""Kinds that need the password again."""
_MAY_LAST: Final = TIMED | {CommandKind.TEST, CommandKind.OPT_OUT}
LONGEST_S: Final = 366 * 86_400.0
"""Longest opt-out with an end. [s]"""
_UNKNOWN: Final = 404
_WRONG: Final = 422


def refused(status: int, code: str, en: str, zh: str) -> OrderRefusedError:
    """A refusal that a person reads."""
    return OrderRefusedError(en, status=status, code=code, zh=zh)


def check_target(kind: CommandKind, target: str, known: Iterable[str]) -> None:
    """A point that may be written, or the scope of an act.

    Raises:
        OrderRefusedError: 404 `target`, with names that are like it.
    """
    names = list(known)
    if target in names:
        return
    near = ", ".join(difflib.get_close_matches(target, names, 3, 0.5))
    hint_en, hint_zh = (f"; did you mean {near}?", f"；是否指 {near}？") if near else ("", "")
    what_en, what_zh = (
        ("scope with points that may be written", "含可写点的范围")
        if kind in ACTS
        else ("point that may be written", "可写点")
    )
    raise refused(
        _UNKNOWN,
        "target",
        f"there is no {what_en} called {target!r}{hint_en}",
        f"没有名为 {target!r} 的{what_zh}{hint_zh}",
    )


def check_form(new: NewOrder, one: Writable | None) -> None:
    """What can be said without looking at the plant; `one` is None for an act.

    Raises:
        OrderRefusedError: 422 with the code of the first check that fails.
    """
    kind = CommandKind(new.kind)
    if one is not None and kind in ASKS:
        for check in (_value, _unit, _limits, _steps):
            check(new, one)
    for plain in (_no_value, _time, _reason):
        plain(kind, new)


def _value(new: NewOrder, _one: Writable) -> None:
    if new.value is None:
        raise refused(_WRONG, "value", f"`{new.kind}` needs a value", f"`{new.kind}` 需要数值")


def _unit(new: NewOrder, one: Writable) -> None:
    unit = one.limits.unit
    if new.unit != unit:
        found = new.unit or "no unit"
        raise refused(
            _WRONG,
            "unit",
            f"{one.point} is set in {unit}, the order says {found}",
            f"{one.point} 的单位是 {unit}，指令为 {new.unit or '无单位'}",
        )


def _limits(new: NewOrder, one: Writable) -> None:
    limits = one.limits
    if new.value is None or not limits.low <= new.value <= limits.high:
        span = f"{limits.low:g} … {limits.high:g} {limits.unit}"
        raise refused(
            _WRONG,
            "limits",
            f"{new.value} lies outside the limits of {one.point}, {span}",
            f"{new.value} 超出 {one.point} 的限值 {span}",
        )


def _steps(new: NewOrder, one: Writable) -> None:
    if CommandKind(new.kind) is CommandKind.SET and one.duty.two_step:
        raise refused(
            _WRONG,
            "selection",
            f"{one.point} takes two steps: select, then operate",
            f"{one.point} 须分两步：先选择，再执行",
        )


def _no_value(kind: CommandKind, new: NewOrder) -> None:
    extra = [
        name
        for name, there, fits in (
            ("value", new.value is not None, kind in ASKS),
            ("expect", new.expect is not None, kind in ASKS),
            ("of", new.of is not None, kind is CommandKind.OPERATE),
            ("confirm", new.confirm is not None, kind in {CommandKind.OPERATE, CommandKind.RESUME}),
            ("for_s", new.for_s is not None, kind in _MAY_LAST | {CommandKind.OPERATE}),
        )
        if there and not fits
    ]
    if extra:
        names = ", ".join(extra)
        raise refused(_WRONG, "schema", f"`{kind.value}` takes no {names}", f"`{kind.value}` 不带 {names}")


def _time(kind: CommandKind, new: NewOrder) -> None:
    if kind in TIMED and new.for_s is None:
        raise refused(
            _WRONG,
            "for_s",
            "say for how long, at most 8 h; nothing is set for ever",
            "请注明时长，最长 8 小时；不设无限期",
        )
    if new.for_s is not None and new.for_s > MOST_S and kind is not CommandKind.OPT_OUT:
        raise refused(
            _WRONG,
            "for_s",
            f"{new.for_s / 3600:g} h is too long; at most 8 h",
            f"{new.for_s / 3600:g} 小时过长，最长 8 小时",
        )


def _reason(kind: CommandKind, new: NewOrder) -> None:
    if kind in REASONED and not new.reason.strip():
        raise refused(
            _WRONG, "reason", "say why; the reason is shown to everybody", "请注明原因；原因对所有人可见"
        )
