"""Who leads among the hubs of a site: one record, changed by compare-and-set. Pure, no I/O.

A hub that has seen the same record for a whole lease on its own boot clock takes it over. The leader renews
every third of the lease and counts its lease from before it sent the renewal; it stops speaking when two
thirds are over. So whoever takes over does so at least a third of a lease after the other fell silent,
whatever the wall clocks say. A free record (resigned, or of a process that is certainly over) is taken
at once.

Being elected is not the office: that begins with an epoch (`leader.py`). What two hubs send all the same, the
edges judge by the epoch (fence).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import msgpack

from protocols.errors import ContractError
from runtime.process import ProcessName

LEASE_S: Final = 10.0
"""How long a leader that is silent stays undisputed. [s]"""

RENEW_FRAC: Final = 1.0 / 3.0
SPEAK_FRAC: Final = 2.0 / 3.0
"""Parts of the lease after which the leader renews, and after which it no longer speaks. [-]"""

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """What the record says.

    Attributes:
        ballot: Random, one a candidacy; empty: nobody claims the seat.
        holder: Process of the hub.
        epoch: Highest epoch that was ever in the record.
        made_s: Boot clock of the holder before it sent this. [s]
        lease_s: How long the holder may be silent. [s]
    """

    ballot: str
    holder: ProcessName
    epoch: int
    made_s: float
    lease_s: float

    def encode(self) -> bytes:
        """Pack it."""
        who = [self.holder.host, self.holder.pid, self.holder.started]
        return bytes(msgpack.packb([_VERSION, self.ballot, who, self.epoch, self.made_s, self.lease_s]))


def decode_claim(data: bytes) -> Claim:
    """Read it back.

    Raises:
        ContractError: Another version or form.
    """
    try:
        version, ballot, (host, pid, started), epoch, made_s, lease_s = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a claim of a hub") from error
    texts = isinstance(ballot, str) and isinstance(host, str)
    if version != _VERSION or not texts or not all(isinstance(n, int) for n in (pid, started, epoch)):
        raise ContractError("a claim of a hub of an unknown version or form")
    if not (isinstance(made_s, float) and isinstance(lease_s, float) and 0 < lease_s < float("inf")):
        raise ContractError("a claim of a hub without its lease")
    return Claim(ballot, ProcessName(host, pid, started), epoch, made_s, lease_s)


@dataclass(frozen=True, slots=True)
class Found:
    """The record as it was read.

    Attributes:
        revision: Grows with each change.
        claim: What it says; None: not to be read, somebody's all the same.
        gone: Whether the process that made it is certainly over.
    """

    revision: int
    claim: Claim | None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    """Write this claim if the record still has this revision, 0 for none."""

    claim: Claim
    last: int


class Election:
    """What one hub knows of it."""

    def __init__(self, holder: ProcessName, ballot: str, lease_s: float = LEASE_S) -> None:
        self._holder = holder
        self._ballot = ballot
        self._lease_s = lease_s
        self._revision: int | None = None
        self._renewed_s = float("-inf")
        self._epoch = 0
        self._seen: tuple[int, Claim | None] | None = None
        self._seen_s = 0.0

    @property
    def elected(self) -> bool:
        """Whether the record is this hub's, as far as it knows."""
        return self._revision is not None

    @property
    def highest(self) -> int:
        """Highest epoch it ever saw in the record."""
        return self._epoch

    def may_speak(self, now_s: float) -> bool:
        """Whether the newest renewal that certainly succeeded is younger than two thirds of the lease."""
        return self.elected and now_s - self._renewed_s < SPEAK_FRAC * self._lease_s

    def judge(self, found: Found | None, now_s: float) -> Put | None:
        """Take a reading of the record in; what is to be written now, if anything."""
        claim = found.claim if found is not None else None
        self._epoch = max(self._epoch, claim.epoch if claim is not None else 0)
        if found is not None and claim is not None and claim.ballot == self._ballot:
            self._revision, self._renewed_s = found.revision, claim.made_s  # also one whose answer got lost
            due = now_s - self._renewed_s >= RENEW_FRAC * self._lease_s
            return Put(self._claim(now_s), found.revision) if due else None
        self._revision = None
        if found is None:
            return Put(self._claim(now_s), 0)
        return Put(self._claim(now_s), found.revision) if self._free(found, now_s) else None

    def won(self, put: Put, revision: int) -> None:
        """The write succeeded."""
        self._revision, self._renewed_s = revision, put.claim.made_s

    def lost(self) -> None:
        """Somebody else changed the record first."""
        self._revision = None

    def promoted(self, epoch: int, now_s: float) -> Put:
        """The claim with the epoch of the new term; the office begins when it is written.

        Raises:
            ContractError: It is not elected.
        """
        if self._revision is None:
            raise ContractError("an epoch belongs to a hub that is elected")
        self._epoch = max(self._epoch, epoch)
        return Put(self._claim(now_s), self._revision)

    def stand_down(self, ballot: str) -> None:
        """Become a follower with a new ballot: its own record counts as somebody else's, seen from now on."""
        self._revision, self._ballot, self._seen = None, ballot, None

    def resigned(self) -> Put | None:
        """The record without a claimant, so that the next hub need not wait; None when it is not ours."""
        if self._revision is None:
            return None
        return Put(replace(self._claim(self._renewed_s), ballot=""), self._revision)

    def _free(self, found: Found, now_s: float) -> bool:
        claim = found.claim
        if found.gone or (claim is not None and not claim.ballot):
            return True
        if self._seen != (found.revision, claim):
            self._seen, self._seen_s = (found.revision, claim), now_s
        return now_s - self._seen_s >= (claim.lease_s if claim is not None else self._lease_s)

    def _claim(self, now_s: float) -> Claim:
        return Claim(self._ballot, self._holder, self._epoch, now_s, self._lease_s)
