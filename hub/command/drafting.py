"""The sender's side of a message: epoch, sequence number, echo; the only place where commands are made up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from hub.command.wishes import Errand, Issuer, Wish
from protocols.command import VERSION, Command, CommandKind, Echo, Level, Renewal, lease_list_hash
from protocols.heartbeat import Heartbeat
from protocols.point import parse_point

_PARTS_OF_A_POINT: Final = 3


class Drafter:
    """Writes the messages to one edge, each later than the one before."""

    def __init__(
        self, issuer: Issuer, edge: str, new_id: Callable[[], bytes] = lambda: os.urandom(16)
    ) -> None:
        self._issuer = issuer
        self._edge = edge
        self._new_id = new_id
        self._epoch = 0
        self._seq = 0

    def begin_term(self, epoch: int) -> None:
        """Speak with a new epoch from now on; the sequence begins anew."""
        self._epoch, self._seq = epoch, 0

    def set(self, wish: Wish, beat: Heartbeat) -> Command:
        """A set-point."""
        asked = Errand(
            CommandKind.SET, wish.point, wish.reason, wish.actor, wish.order_id, wish.value, wish.unit,
            wish.expect, cap_hash=wish.cap_hash, level=wish.level,
        )  # fmt: skip
        return replace(self.errand(asked, beat), revision=wish.revision)

    def errand(self, asked: Errand, beat: Heartbeat) -> Command:
        """What is asked once."""
        who = self._issuer
        cap_hash = asked.cap_hash if asked.cap_hash is not None else _cap_hash(beat, asked.target)
        return Command(
            v=VERSION, id=self._new_id(), issuer=who.name, key_id=who.key_id, site=who.site, edge=self._edge,
            agent_epoch=beat.agent_epoch, point=asked.target, kind=asked.kind, value=asked.value,
            unit=asked.unit, level=asked.level, start_in_s=0.0,
            lease_s=who.lease_s if asked.lease_s is None else asked.lease_s, echo=_echo(beat),
            epoch=self._epoch, seq=self._next_seq(), revision=0, expect=asked.expect, cap_hash=cap_hash,
            reason=asked.reason, actor=asked.actor, confirm=asked.confirm,
        )  # fmt: skip

    def again(self, command: Command, beat: Heartbeat) -> Command:
        """The same command after a newer heartbeat: same id, all else of the sender new."""
        cap_hash = command.cap_hash
        if command.level is not Level.OPERATOR:  # a person meant the limits that were shown
            cap_hash = _cap_hash(beat, command.point)
        return replace(
            command, agent_epoch=beat.agent_epoch, echo=_echo(beat), epoch=self._epoch, seq=self._next_seq(),
            cap_hash=cap_hash,
        )  # fmt: skip

    def renewal(self, ids: Iterable[bytes], beat: Heartbeat) -> Renewal:
        """Prolongs the leases of these commands."""
        who = self._issuer
        return Renewal(
            VERSION, who.name, who.key_id, who.site, self._edge, beat.agent_epoch,
            lease_list_hash(sorted(ids)), who.lease_s, _echo(beat), self._epoch, self._next_seq(),
        )  # fmt: skip

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq


def _echo(beat: Heartbeat) -> Echo:
    return Echo(beat.boot, beat.reading_ms)


def _cap_hash(beat: Heartbeat, target: str) -> bytes:
    """Hash of the limits in force; empty for a scope, which has none."""
    if target.count("/") + 1 != _PARTS_OF_A_POINT:
        return b""
    return bytes.fromhex(beat.cap_hashes.get(parse_point(target).device, ""))
