"""Deliberate breaks of gate and hub: what the simulation must find, or it proves nothing.

A break is one piece of source in the place of another, compiled into the function that all callers hold; it
lasts as long as its process. It counts as found when the finding is of a kind that the break must cause.
"""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Piece:
    """One change: `module:function` or `module:Class.method`, a piece of its source, what replaces it."""

    where: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Break:
    """Something that goes wrong in the product itself.

    Attributes:
        kinds: What the judge may call it.
        pieces: The changes.
    """

    kinds: frozenset[str]
    pieces: tuple[Piece, ...]


def _b(kinds: str, *pieces: tuple[str, str, str]) -> Break:
    return Break(frozenset(kinds.split()), tuple(Piece(*piece) for piece in pieces))


_GATE: Final = "edge_agent.gate"
BREAKS: Final = {
    "the fence is ignored": _b(
        "accepted", (f"{_GATE}.checks:fenced", "message.epoch < fence.epoch", "False")
    ),
    "the fence is forgotten at a crash": _b(
        "fence", (f"{_GATE}.core:_move_fence", "draft.persist(SaveFence(message.issuer, new))", "pass")
    ),
    "late messages are taken": _b(
        "accepted", (f"{_GATE}.checks:out_of_order", "message.seq <= fence.seq", "False")
    ),
    "old echoes are taken": _b("accepted", (f"{_GATE}.checks:stale", "not 0 <= age_ms", "not 0 <= 0")),
    "expiry is never checked": _b(
        "wrong_write stuck",
        (f"{_GATE}.lease:expire", "not lease.lives(draft.now_ns)", "False"),
        (f"{_GATE}.ladder:begun", "lease.start_ns <= at_ns < lease.until_ns", "lease.start_ns <= at_ns"),
        (f"{_GATE}.holding:by_right", "not held.lives(draft.now_ns)", "False"),
    ),
    "the fallback never begins": _b(
        "stuck", (f"{_GATE}.holding:_fall", "fallback.begin(draft, name, careful=point.act.resumed)", "pass")
    ),
    "the fallback never ends": _b("stuck", (f"{_GATE}.fallback:read", "_done(draft, name, value)", "pass")),
    "a crash forgets what was written": _b(
        "stuck",
        (f"{_GATE}.holding:begin", "draft.persist(SaveIntent(name, draft.now.boot, intent))", "pass"),
    ),
    "a stop of a zone is overlooked": _b(
        "wrong_write accepted",
        (f"{_GATE}.standing:latched", "draft.rules.scopes(name)", "draft.rules.scopes(name)[:1]"),
    ),
    "a local hand is overlooked": _b(
        "wrong_write accepted",
        (f"{_GATE}.standing:hands_off", "switch is None or switch.local", "False"),
    ),
    "the lower limit is overlooked": _b(
        "wrong_write accepted", (f"{_GATE}.checks:_limits", "not low <= value <= high", "not value <= high")
    ),
    "the wrong rung wins": _b(
        "wrong_write stuck", (f"{_GATE}.ladder:winner", "first = min(", "first = max(")
    ),
    "a crash loses receipts": _b(
        "receipts", (f"{_GATE}.store:ControlStore.outbox", "ORDER BY n", "WHERE n < 0")
    ),
    "two terms have one number": _b(
        "epoch", ("hub.ledger.book:take_office", "max(row.epoch, highest_fence) + 1", "max(row.epoch, 1)")
    ),
    "an override never ends": _b(
        "orders", ("hub.command.people:People.look", "work.is_over(now_ns, now_s)", "False")
    ),
    "a command is sent before its row": _b(
        "ledger", ("hub.command.issuer:CommandIssuer._write_down", "await book.enter(", "(lambda *_: None)(")
    ),
}


def found(piece: Piece) -> tuple[Any, str]:
    """The function a piece belongs to, and its source."""
    module_name, path = piece.where.split(":")
    owner: Any = import_module(module_name)
    for part in path.split("."):
        owner = getattr(owner, part)
    return owner, textwrap.dedent(inspect.getsource(owner))


def apply(name: str) -> None:
    """Break this process for good.

    Raises:
        LookupError: There is no such break, or the code has no such piece any more.
    """
    for piece in BREAKS[name].pieces:
        function, source = found(piece)
        if piece.old not in source:
            raise LookupError(f"{piece.where} has no {piece.old!r} any more")
        space: dict[str, Any] = {}
        text = "from __future__ import annotations\n" + source.replace(piece.old, piece.new, 1)
        exec(compile(text, f"<{piece.where}>", "exec"), function.__globals__, space)  # noqa: S102  our own source, one piece changed
        function.__code__ = space[function.__name__].__code__
