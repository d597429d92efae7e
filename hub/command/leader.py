"""The office of the one hub that commands: election, epoch, and what the others are told of it.

    follower → elected → in office, with an epoch
        ↑_________|__________|      lost the record, heard a higher fence, or stood down

The epoch is max(database, record, highest fence in a heartbeat) + 1, committed in the business database, then
in the record; only then anything is sent. docs/adr/0022 says why.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Literal

from nats.aio.client import Client
from nats.errors import Error as NatsError

from hub.command.election import LEASE_S, Claim, Election, Found, Put, decode_claim
from hub.ledger import book
from protocols.clock import Clock
from protocols.errors import BusError, ContractError
from protocols.subjects import event
from runtime.bus_seat import Bucket, Seat, SeatRecord
from runtime.process import is_gone, own_name
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)

_STEPS: Final = 10
"""Looks at the record within one lease. [-]"""
_SOON_S: Final = 0.1
_BALLOT_BYTES: Final = 8
_TELL_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class LeaderNews:
    """What a hub says of itself on `evt.<site>.leader`, on change and every 3 s.

    Attributes:
        hub: Which hub; the same as long as its process lives.
        state: `leading`, or `standing by`.
        epoch: Term of office; 0 while it stands by.
        since_ns: Since when. [ns]
    """

    hub: str
    state: Literal["leading", "standing by"]
    epoch: int
    since_ns: int

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()


def decode_leader_news(data: bytes) -> LeaderNews:
    """Read it back.

    Raises:
        ContractError: It is none.
    """
    try:
        return LeaderNews(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise ContractError("not the news of a hub") from error


@dataclass(frozen=True, slots=True)
class Company:
    """Where the hubs of a site meet: the bus elects, the business database counts the terms.

    `replicas` servers of the bus keep the record, where it is made.
    """

    site: str
    bus: Client
    sessions: book.Sessions
    replicas: int = 1


class Leader:
    """This hub among the hubs of a site; `run` once, ask `epoch` and `may_speak` at any time."""

    def __init__(
        self,
        company: Company,
        clock: Clock,
        fence: Callable[[], int | None],
        lease_s: float = LEASE_S,
    ) -> None:
        """Stand by.

        Args:
            company: Where the hubs of the site meet.
            clock: Time.
            fence: Highest fence in any heartbeat; None: not known yet, the office waits for it.
            lease_s: How long a silent leader stays undisputed. [s]
        """
        self._site, self._bus, self._sessions = company.site, company.bus, company.sessions
        self._seat = Seat(company.bus, company.site, lease_s / 5, Bucket(replicas=company.replicas))
        self._clock = clock
        self._fence = fence
        self._lease_s = lease_s
        self._hub = _ballot()
        self._election = Election(own_name(), self._hub, lease_s)
        self._epoch = 0
        self._since_ns = clock.now().wall_ns
        self._told_s = float("-inf")
        self._following = False

    @property
    def epoch(self) -> int:
        """Term of office; 0 while it stands by."""
        return self._epoch

    def may_speak(self) -> bool:
        """Whether this hub is in office and surely undisputed; asked right before each publish."""
        return self._epoch > 0 and self._election.may_speak(self._clock.mono_s())

    def outdone(self, fence: int) -> None:
        """An edge has heard an epoch above this term: somebody else leads, or led. Stand by for a lease."""
        if 0 < self._epoch < fence:
            self._election.stand_down(_ballot())
            self._stand_by(f"an edge has heard epoch {fence}")

    async def run(self) -> None:
        """Look, renew, take over and tell, until cancelled.

        Raises:
            SQLAlchemyError: The business database takes no term; run it again.
        """
        while True:
            wait_s = self._lease_s / _STEPS
            try:
                wait_s = await self.step()
            except BusError as error:
                _log.debug("%s", error)
            await self._tell()
            await self._clock.sleep(wait_s)

    async def step(self) -> float:
        """One look at the record and what follows from it; how long to wait for the next. [s].

        Raises:
            BusError: The bus is away.
            SQLAlchemyError: The business database takes no term.
        """
        was = self._election.elected
        put = self._election.judge(_found(await self._seat.read()), self._clock.mono_s())
        if was and not self._election.elected:
            self._stand_by("the record on the bus is no longer its own")
        if put is not None:
            await self._write(put)
        if not self._election.elected:
            self._stand_by("another hub was faster")
            self._follow()
        elif not self._epoch and not await self._take_office():
            return min(_SOON_S, self._lease_s / _STEPS)
        return self._lease_s / _STEPS

    async def resign(self) -> None:
        """Leave the office at once and the seat free; a bus that is away costs the next hub a lease."""
        put = self._election.resigned()
        if self._epoch:
            _log.info("this hub leaves the office of %s (epoch %d)", self._site, self._epoch)
            self._epoch = 0
        if put is None:
            return
        try:
            await self._write(put)
        except BusError as error:
            _log.warning("the next hub waits for the end of the lease: %s", error)
        self._election.lost()

    async def _take_office(self) -> bool:
        fence = self._fence()
        if fence is None:
            return False
        now_ns = self._clock.now().wall_ns
        highest = max(fence, self._election.highest)
        epoch = await book.take_office(self._sessions, self._site, highest, now_ns)
        await self._write(self._election.promoted(epoch, self._clock.mono_s()))
        if not self._election.elected:
            return False
        self._epoch, self._since_ns, self._told_s = epoch, now_ns, float("-inf")
        self._following = False
        _log.info("this hub leads %s with epoch %d", self._site, epoch)
        return True

    async def _write(self, put: Put) -> None:
        revision = await self._seat.write(put.claim.encode(), put.last)
        if revision is None:
            self._election.lost()
        else:
            self._election.won(put, revision)

    def _follow(self) -> None:
        if not self._following:
            _log.info("another hub leads %s; this one stands by", self._site)
        self._following = True

    def _stand_by(self, why: str) -> None:
        if self._epoch:
            _log.warning("this hub no longer leads %s (epoch %d): %s", self._site, self._epoch, why)
            self._epoch, self._since_ns = 0, self._clock.now().wall_ns
            self._told_s = float("-inf")

    async def _tell(self) -> None:
        now_s = self._clock.mono_s()
        if now_s - self._told_s < _TELL_S:
            return
        news = LeaderNews(self._hub, "leading" if self._epoch else "standing by", self._epoch, self._since_ns)
        try:
            await self._bus.publish(event(self._site, "leader"), news.encode())
        except NatsError as error:
            _log.debug("nobody can be told who leads: %s", error)
        else:
            self._told_s = now_s


def _found(record: SeatRecord | None) -> Found | None:
    if record is None:
        return None
    claim: Claim | None = guarded_decode(decode_claim, record.body, "claim")
    return Found(record.revision, claim, claim is not None and is_gone(claim.holder))


def _ballot() -> str:
    return secrets.token_hex(_BALLOT_BYTES)
