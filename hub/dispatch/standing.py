"""How planning stands at a site, told on the bus: what the site is run by, and why there is no newer plan.

It is told again every few seconds, so whoever begins to listen knows it soon, and an old word is known to be
old; it is kept nowhere else (docs/adr/0057). Who reads it loads no solver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import msgpack

from protocols.config import Text
from protocols.errors import ContractError

GoingBy = Literal["waiting", "plan", "rule", "own_control", "off"]
"""The first plan is being made; a plan; the order by rule; each machine's own control; nothing is planned."""

TELL_S: Final = 5.0
"""How often it is told. [s]"""
_VERSION: Final = 1
_MOST_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Failed:
    """Plans that could not be had, in a row.

    Attributes:
        since_ns: When the first of them could not.
        at_ns: When the last could not.
        wanted: Why that one was wanted, in English (`reasons`).
        why: Why it could not be had, in plant words.
        limits: Declared limits that contradict each other, where that is why.
    """

    since_ns: int
    at_ns: int
    wanted: str
    why: Text
    limits: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanStanding:
    """What a site is run by now.

    Attributes:
        site: Which.
        going_by: What.
        since_ns: Since when.
        plan_id: Plan that is followed; None: none is.
        plan_ns: When it was made.
        failed: Why there is no newer one; None: there is.
        blind_ns: Since when the plant cannot be looked at; None: it can.
    """

    site: str
    going_by: GoingBy
    since_ns: int
    plan_id: str | None = None
    plan_ns: int | None = None
    failed: Failed | None = None
    blind_ns: int | None = None

    def encode(self) -> bytes:
        """Pack it."""
        failed = None if self.failed is None else _packed(self.failed)
        head = (_VERSION, self.site, self.going_by, self.since_ns, self.plan_id, self.plan_ns)
        return bytes(msgpack.packb([*head, failed, self.blind_ns]))


def decode_standing(data: bytes) -> PlanStanding:
    """Read one back.

    Raises:
        ContractError: It is none of a known version.
    """
    try:
        version, site, going_by, since_ns, plan_id, plan_ns, failed, blind_ns = msgpack.unpackb(data)
        if version != _VERSION or going_by not in get_args(GoingBy) or len(data) > _MOST_BYTES:
            raise ContractError(
                "how planning stands was told in an unknown version, or at too great a length"
            )
        return PlanStanding(
            str(site),
            going_by,
            int(since_ns),
            None if plan_id is None else str(plan_id),
            None if plan_ns is None else int(plan_ns),
            None if failed is None else _unpacked(failed),
            None if blind_ns is None else int(blind_ns),
        )
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a word on how planning stands") from error


def _packed(failed: Failed) -> list[Any]:
    texts = (failed.why, *failed.limits)
    return [failed.since_ns, failed.at_ns, failed.wanted, [[one.en, one.zh] for one in texts]]


def _unpacked(plain: list[Any]) -> Failed:
    since_ns, at_ns, wanted, texts = plain
    why, *limits = (Text(en=en, zh=zh) for en, zh in texts)
    return Failed(int(since_ns), int(at_ns), str(wanted), why, tuple(limits))
