"""Set-points that did not get through: what the ledger says of the newest of a point, and who holds it now.

One that was refused, that failed or whose lease ran out counts for a while, and until a newer one gets
through. One that was taken over, and a stop, count as long as the box says that the point is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_, select

from hub.alarms.conditions import Judged
from hub.alarms.config import Ended
from hub.alarms.facts import Commanded, Facts, Moment
from hub.alarms.phrases import ENDED, ENDED_WHY, OVERRIDDEN, STOPPED
from hub.database import Sessions
from hub.ledger.moves import FAILED, REFUSED
from hub.ledger.queries import code_text
from hub.ledger.tables import CommandRow
from protocols.command import CommandKind

_BACK_NS: Final = 86_400 * 1_000_000_000
"""What was commanded longer ago is nobody's alarm. [ns]"""

_NS: Final = 1e9
_KINDS: Final = (CommandKind.SET.value, CommandKind.OPERATE.value)
_HOW: Final[dict[str, Ended]] = {
    REFUSED: "refused", FAILED: "failed", "mismatch": "failed", "expired": "expired",
}  # fmt: skip
"""State of the ledger to how it ended."""

_OVERRIDDEN: Final = "overridden"
_AT_THE_MACHINE: Final = frozenset({"safety", "local", "locked_out", "interlock"})
"""Rungs that take a point over without anybody at the hub."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Set-points of these points that ended otherwise than they were meant to."""

    points: tuple[str, ...]
    ended: tuple[Ended, ...]
    for_s: float
    timed: bool = True

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:  # noqa: ARG002  of the protocol
        """Which did; None while none did as far as is known, and a box has not said who holds its points."""
        found = [words for point in self.points if (words := self._of(facts, point, now_s))]
        if found:
            return Judged(so=True, words=" | ".join(found))
        held = {"overridden", "stopped"} & {*self.ended}
        blind = bool(held) and any(facts.rung(point, now_s) is None for point in self.points)
        return Judged(None if blind else False)

    def _of(self, facts: Facts, point: str, now_s: float) -> str:
        one, rung = facts.commanded(point), facts.rung(point, now_s)
        if rung == "stopped" and "stopped" in self.ended:
            return STOPPED.say(point=point)
        if one is None:
            return ""
        if one.state == _OVERRIDDEN:
            taken = _OVERRIDDEN in self.ended and rung in _AT_THE_MACHINE
            return OVERRIDDEN.say(point=point, rung=rung) if taken else ""
        return self._ended(point, one, now_s)

    def _ended(self, point: str, one: Commanded, now_s: float) -> str:
        how = _HOW.get(one.state)
        if how not in self.ended or now_s - one.at_s > self.for_s:
            return ""
        text = code_text(one.code) if one.code != how else None
        return ENDED[how].say(point=point) if text is None else ENDED_WHY[how].say(point=point, why=text.en)


class SetpointBook:
    """Reads the newest set-points from the ledger; keeps which these are, so that a look is short."""

    def __init__(self, sessions: Sessions, site: str) -> None:
        self._sessions = sessions
        self._site = site
        self._points: tuple[str, ...] = ()
        self._numbers: dict[str, int] = {}

    async def look(self, points: Sequence[str], now: Moment) -> dict[str, Commanded]:
        """What became of the newest set-point of each point `device/point`, where there is one.

        Raises:
            SQLAlchemyError: The database cannot be asked.
        """
        if tuple(points) != self._points:
            self._points, self._numbers = tuple(points), {}
        names = {f"{self._site}/{point}": point for point in points}
        newer = CommandRow.number > max(self._numbers.values(), default=0)
        wanted = (
            select(
                CommandRow.number, CommandRow.point, CommandRow.state, CommandRow.code, CommandRow.issued_ns,
                CommandRow.lease_until_ns,
            )
            .where(
                CommandRow.site == self._site, CommandRow.kind.in_(_KINDS),
                CommandRow.issued_ns >= now.wall_ns - _BACK_NS, CommandRow.point.in_(names),
                or_(newer, CommandRow.number.in_(self._numbers.values())),
            )
            .order_by(CommandRow.number)
        )  # fmt: skip
        async with self._sessions() as session:
            rows = (await session.execute(wanted)).all()
        found: dict[str, Commanded] = {}
        for number, name, state, code, issued_ns, until_ns in rows:
            ended_ns = min(max(issued_ns, until_ns or 0), now.wall_ns)
            at_s = now.mono_s - (now.wall_ns - ended_ns) / _NS
            found[names[name]] = Commanded(state, code or "", at_s)
            self._numbers[names[name]] = number
        return found
