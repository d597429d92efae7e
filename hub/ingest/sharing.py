"""Who takes in which part of the edges: one record of a site, changed by compare-and-set. Pure, no I/O.

A part is a partition of the edges, or the duties that run once (part 0). Each worker has a row and renews it;
one whose row has not changed for a lease, by the clock of whoever looks, is over. What a worker is due
follows from the record alone, so all see the same. A part changes hands in two writes: who has too much lets
go, then who has too little takes; nobody starts on what another's row still holds.

That two work on one part for a moment all the same (one was stopped, and goes on) loses and doubles nothing:
the committed ranges decide (docs/adr/0027).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgpack

from protocols.errors import ContractError, StoreError
from protocols.subjects import PARTITIONS
from runtime.process import ProcessName

LEASE_S: Final = 4.0
"""How long the row of a worker may stay as it is before its parts go to others. [s]"""

BEAT_S: Final = 1.0
"""How often a worker renews its row. [s]"""

DUTIES: Final = 0
"""The part that is no partition: what runs once a site, and rows that an older version put on the bus."""

PARTS: Final = PARTITIONS + 1
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Row:
    """What a worker says of itself.

    Attributes:
        process: Its process.
        beat: Counts up with each renewal.
        alone: Whether its store has one writer only.
        holds: Parts it works on, or is about to.
    """

    process: ProcessName
    beat: int
    alone: bool
    holds: frozenset[int]


Table = dict[str, Row]
"""Row by id of the worker."""


def encode_table(table: Mapping[str, Row]) -> bytes:
    """Pack it."""
    rows = {
        worker: [
            row.process.host,
            row.process.pid,
            row.process.started,
            row.beat,
            row.alone,
            sorted(row.holds),
        ]
        for worker, row in table.items()
    }
    return bytes(msgpack.packb([_VERSION, rows]))


def decode_table(data: bytes) -> Table:
    """Read it back.

    Raises:
        ContractError: Another version or form.
    """
    try:
        version, rows = msgpack.unpackb(data)
        if version != _VERSION:
            raise ContractError(f"the record of ingest workers has version {version}, known is {_VERSION}")
        return {
            str(worker): Row(
                ProcessName(str(host), int(pid), int(started)), int(beat), bool(alone),
                frozenset(int(part) for part in holds if 0 <= int(part) < PARTS),
            )
            for worker, (host, pid, started, beat, alone, holds) in rows.items()
        }  # fmt: skip
    except (ValueError, TypeError, AttributeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a record of ingest workers") from error


def shares(table: Mapping[str, Row]) -> dict[str, frozenset[int]]:
    """The parts each worker is due: as even as can be, and as much of what it holds as that allows.

    Example:
        >>> row = Row(ProcessName("", 0, 0), 1, False, frozenset(range(PARTS)))
        >>> due = shares({"a": row, "b": Row(row.process, 1, False, frozenset())})
        >>> len(due["a"]), len(due["b"]), DUTIES in due["a"]
        (9, 8, True)
    """
    order = sorted(table, key=lambda worker: (-len(table[worker].holds), worker))
    base, more = divmod(PARTS, len(order)) if order else (0, 0)
    free = set(range(PARTS))
    due: dict[str, set[int]] = {}
    for at, worker in enumerate(order):
        kept = sorted(table[worker].holds & free)[: base + (at < more)]
        due[worker] = set(kept)
        free -= due[worker]
    for at, worker in enumerate(order):
        taken = sorted(free)[: base + (at < more) - len(due[worker])]
        due[worker] |= set(taken)
        free -= set(taken)
    return {worker: frozenset(parts) for worker, parts in due.items()}


class _Seen(NamedTuple):
    """The renewal last seen of a worker, since when, and whether it was seen to change."""

    beat: int
    since_s: float
    moved: bool


class Sharing:
    """What one worker knows of the others."""

    def __init__(self, me: str, process: ProcessName, *, alone: bool, lease_s: float = LEASE_S) -> None:
        self._me = me
        self._process = process
        self._alone = alone
        self._lease_s = lease_s
        self._beat = 0
        self._seen: dict[str, _Seen] = {}

    def looked_away(self) -> None:
        """The record could not be read: the silence of others counts from the next reading on."""
        self._seen.clear()

    def next(
        self, found: Mapping[str, Row], now_s: float, runs: frozenset[int], gone: Collection[str] = ()
    ) -> Table | None:
        """The record as this worker wants it, with what it works on and what it begins; None: wait.

        Args:
            found: The record as it was read.
            now_s: Boot clock. [s]
            runs: Parts it works on now.
            gone: Workers whose process is certainly over.

        Raises:
            StoreError: Another worker is at work, and the store of one of the two has one writer only.
        """
        others = {worker: row for worker, row in found.items() if worker != self._me and worker not in gone}
        self._seen = {worker: self._look(worker, row, now_s) for worker, row in others.items()}
        living = {w: row for w, row in others.items() if now_s - self._seen[w].since_s < self._lease_s}
        if self._me not in found and not self._may_join(living):
            return None
        self._beat += 1
        mine = Row(self._process, self._beat, self._alone, runs)
        held = frozenset[int]().union(*(row.holds for row in living.values()))
        begins = shares({**living, self._me: mine})[self._me] - held
        return {**living, self._me: replace(mine, holds=runs | begins)}

    def due(self, written: Mapping[str, Row]) -> frozenset[int]:
        """What it may work on by the record it has just written: its share, but for what others hold."""
        held = frozenset[int]().union(*(row.holds for worker, row in written.items() if worker != self._me))
        return shares(written)[self._me] & written[self._me].holds - held

    def _look(self, worker: str, row: Row, now_s: float) -> _Seen:
        known = self._seen.get(worker)
        if known is None:
            return _Seen(row.beat, now_s, moved=False)
        return known if known.beat == row.beat else _Seen(row.beat, now_s, moved=True)

    def _may_join(self, living: Mapping[str, Row]) -> bool:
        """Whether nobody here is, or may be, the one writer of a store."""
        for worker, row in living.items():
            if not (self._alone or row.alone):
                continue
            if self._seen[worker].moved:
                raise StoreError(
                    f"another ingest takes in here (process {row.process.pid}), and the embedded store has "
                    "one writer; stop one of them, or give both --store http://host:port"
                )
            return False
        return True


def without(found: Mapping[str, Row], me: str) -> Table:
    """The record when a worker goes."""
    return {worker: row for worker, row in found.items() if worker != me}
