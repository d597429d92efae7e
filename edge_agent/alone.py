"""One agent an edge: who else runs with this edge's id, such as a clone of its disk, only reads (fault E16).

An agent writes to devices once it holds the edge's record on the bus (`contest.py`), or once it saw for
`HOLD_S` that there is no bus to ask, or none that can say; one that is only slow to answer is waited for, for
`ASK_S` at most. Whoever finds the record in other hands begins a run that writes nothing, hears no commands
and says so in its heartbeat; it waits until the record stands still. Without a bus
nobody can tell: a box that has seen another agent only reads until the bus says otherwise, over restarts too.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from edge_agent.contest import LEASE_S, RENEW_S, Claimant, Contest, Raise, Record, Wait, decode_claimant
from edge_agent.epoch import raise_epoch
from protocols.clock import Clock
from protocols.errors import ContractError, StoreError
from protocols.subjects import BUCKET_EDGES, edge_key
from protocols.trouble import NO_CONNECTION, OTHER_AGENT

_log = logging.getLogger(__name__)
Listener = Callable[[Client], Awaitable[None]]

HOLD_S: Final = 2.0
"""How long a start waits for a word of a bus that is away, or refuses to say. [s]"""

ASK_S: Final = 6.0
"""How long it waits while the bus is being reached and asked: on a slow link an answer takes seconds. [s]"""

SURE_S: Final = 1.0
"""How long writes wait for a word of the bus after the record could not be kept for a lease. [s]"""

_LOOK_S: Final = 1.0
_ANSWER_S: Final = 2.0
_AGAIN_S: Final = 0.05
_MARK: Final = "other_agent"
_FULL_WORDS: Final = NO_CONNECTION.say()


class Alone:
    """Whether this run may write; `run` once per bus connection."""

    def __init__(
        self, edge: str, state: Path, agent_epoch: int, clock: Clock, again: Callable[[], None]
    ) -> None:
        """Ask nothing yet.

        Args:
            edge: Id of the edge.
            state: The agent's folder.
            agent_epoch: Of this run.
            clock: Of the agent.
            again: Ends this run, so that another follows.
        """
        where = state.stat()
        box = f"{clock.boot}:{where.st_dev:x}:{where.st_ino:x}"
        self._me = Claimant(box, secrets.token_hex(8), agent_epoch)
        self._contest = Contest(self._me)
        self._edge = edge
        self._state = state
        self._clock = clock
        self._again = again
        self._begun_s = clock.mono_s()
        self._taken_s = -math.inf
        self._unsure_s: float | None = None
        self._refused_s: float | None = None
        self._client: Client | None = None
        self._hopeless = self._full = False
        self._may = False
        self._over = False
        self._other = _read_mark(state)
        self._admitted = asyncio.Event()

    def may_write(self) -> bool:
        """Whether this run is the edge's one agent, as far as can be known; asked before the first write."""
        waited = self._clock.mono_s() - self._begun_s >= (HOLD_S if self._hopeless else ASK_S)
        if not self._may and not self._other and not self._full and waited:
            _log.warning("%s: the bus does not say whether another agent has this id; going on", self._edge)
            self._admit()
        return self._may and not self._over and self._sure()

    def on_bus(self, state: str) -> None:
        """The connection came (`up`), or went, or cannot be made (`down`), or others have all (`full`)."""
        self._hopeless, self._full = state == "down", state == "full"

    def lost(self) -> bool:
        """Whether this run ends because of another agent, or of a later run of its own box."""
        return self._over

    def _sure(self) -> bool:
        """False for a moment after a process stood still for a lease: another may have the record by now.

        False too after the bus refused the record, until it shows whose it is: a copy of it in a cluster may
        be behind. That holds for a lease from the first refusal on, however many follow: servers without a
        majority refuse for as long as they are so few, and no fallback may wait for them. With the bus away
        nobody can be asked, and nothing is held back.
        """
        now_s = self._clock.mono_s()
        if not (self._client and self._client.is_connected):
            self._unsure_s = None
            return True
        if self._refused_s is not None and now_s - self._refused_s < LEASE_S:
            return False
        if now_s - self._taken_s < LEASE_S:
            self._unsure_s = None
            return True
        if self._unsure_s is None:
            self._unsure_s = now_s
        return self._taken_s == -math.inf or now_s - self._unsure_s >= SURE_S

    @property
    def trouble(self) -> str:
        """Why nothing is written; empty when it may be."""
        if self._may and not self._over:
            return ""
        return self._other or (_FULL_WORDS if self._full else "")

    def after(self, work: Listener) -> Listener:
        """The same work, done as soon as this is the edge's one agent."""

        @functools.wraps(work)
        async def later(client: Client) -> None:
            await self._admitted.wait()
            await work(client)

        return later

    async def run(self, client: Client) -> None:
        """Take the record, and keep it, until cancelled."""
        bucket = KeyValue(
            BUCKET_EDGES, f"KV_{BUCKET_EDGES}", f"$KV.{BUCKET_EDGES}.", client.jetstream(timeout=_ANSWER_S),
            direct=True,
        )  # fmt: skip
        self._client = client
        while True:
            due = self._clock.mono_s() - self._taken_s >= RENEW_S
            if client.is_connected and due and not self._over:
                try:
                    await self._turn(bucket)
                except KeyWrongLastSequenceError:
                    # somebody was faster, or what was read is old: look again soon
                    if self._refused_s is None:
                        self._refused_s = self._clock.mono_s()
                    await self._clock.sleep(_AGAIN_S)
                    continue
                except (APIError, NatsError, TimeoutError, ContractError) as error:
                    self._hopeless = not isinstance(error, TimeoutError)
                    _log.debug("%s: the bus does not say who its agent is: %s", self._edge, error)
            await self._clock.sleep(_LOOK_S / 4 if not self._may else _LOOK_S)

    async def _turn(self, bucket: KeyValue) -> None:
        now_s = self._clock.mono_s()
        found = self._contest.look(await self._read(bucket), now_s)
        if isinstance(found, Wait):
            self._lost(found.holder)
        elif isinstance(found, Raise):
            await asyncio.to_thread(raise_epoch, self._state, found.epoch)
            self._end("the epoch of the last agent was higher")
        else:
            await bucket.update(edge_key(self._edge), self._me.encode(), found.last)
            self._taken_s, self._refused_s = now_s, None
            self._admit()

    async def _read(self, bucket: KeyValue) -> Record | None:
        try:
            entry = await bucket.get(edge_key(self._edge))
        except KeyNotFoundError:
            return None
        return Record(entry.revision or 0, decode_claimant(entry.value or b""))

    def _admit(self) -> None:
        if self._other:
            _log.warning("%s: no other agent has this id any more; this one writes", self._edge)
            _write_mark(self._state, "")
        self._other, self._may = "", True
        self._admitted.set()

    def _lost(self, holder: Claimant) -> None:
        words = OTHER_AGENT.say(edge=self._edge, epoch=holder.epoch, box=holder.box[:8])
        if not self._other:
            _log.error("%s", words)
        self._other = words
        _write_mark(self._state, words)
        if self._may:
            self._end("another agent has the record")

    def _end(self, why: str) -> None:
        _log.warning("%s: this run ends: %s", self._edge, why)
        self._over = True
        self._again()


def _read_mark(state: Path) -> str:
    try:
        return (state / _MARK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise StoreError(f"{state / _MARK} cannot be read: {error}") from error


def _write_mark(state: Path, words: str) -> None:
    """Keep it over restarts; a disk that refuses is no reason to write to a device, or not to."""
    path = state / _MARK
    try:
        if words:
            path.write_text(words, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s cannot be kept: %s", path, error.strerror)
