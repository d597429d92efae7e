"""The journal beside the event loop: bundles frames, writes them in one dedicated thread.

Frames that wait for a disk that takes nothing are kept in memory for `KEEP_S`, in at most `KEEP_BYTES`; then
the oldest are dropped, counted, and told by a gap record as soon as the disk takes one. They were never
acknowledged, so they do not count as polled.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edge_agent.journal_rows import Entry, Kind, Run
from edge_agent.journal_store import JournalStore
from protocols.clock import Clock
from protocols.coverage import Coverage, Mark
from protocols.errors import StoreError
from protocols.frame import MAX_BUNDLE_BYTES, Catalogue, Frame
from protocols.trouble import FULL, REFUSES, Trouble, TroubleCode
from runtime.clock import NS
from runtime.one_thread import OneThread

_log = logging.getLogger(__name__)

BUNDLE_S: Final = 0.5
"""A bundle is closed this often; on a slow link the uplink asks for half as often (`bundle_s`). [s]"""

JOURNAL_BYTES: Final = 2_000_000_000
"""Rows that may wait for the hub, unless the start says otherwise: 72 h at 1,000 points a second. [byte]"""

KEEP_S: Final = 600.0
"""How long frames are kept in memory while the disk does not take them. [s]"""

KEEP_BYTES: Final = 48_000_000
"""Memory they may take, by a cautious count. [byte]"""

_FRAME_HEAD_BYTES: Final = 80
_OBJECT_BYTES: Final = 500
"""A frame with its two arrays in memory, beside the samples."""

_TIDY_S: Final = 5.0
"""Covered rows that no new row took along are deleted this often. [s]"""


@dataclass(frozen=True, slots=True)
class JournalPlace:
    """Where a journal stands and whose it is."""

    path: Path
    edge: str
    max_bytes: int = JOURNAL_BYTES


@dataclass(frozen=True, slots=True)
class Dropped:
    """Frames that memory could not keep, not told to the hub yet; times are those of the wall clock."""

    frames: int = 0
    samples: int = 0
    from_ns: int = 0
    to_ns: int = 0

    def plus(self, frame: Frame) -> Dropped:
        """One more."""
        at_ns = frame.at.wall_ns
        return Dropped(self.frames + 1, self.samples + len(frame.values), self.from_ns or at_ns, at_ns)

    def minus(self, told: Dropped) -> Dropped:
        """Without those that were told."""
        if self == told:
            return Dropped()
        return Dropped(self.frames - told.frames, self.samples - told.samples, told.to_ns, self.to_ns)


class Journal:
    """`async with` opens the file and flushes at the end; `on_entry` sees each row right after its commit."""

    def __init__(self, place: JournalPlace, clock: Clock, on_entry: Callable[[Entry], None]) -> None:
        self._place = place
        self._clock = clock
        self._on_entry = on_entry
        self._thread = OneThread("journal")
        self._buffer: deque[tuple[Frame, str]] = deque()
        self._buffered_bytes = 0
        self._dropped = Dropped()
        self._failing = False
        self._tidied_s = clock.mono_s()
        self._store: JournalStore | None = None
        self.name = ""
        self.polled = 0
        self.bundle_s = BUNDLE_S

    async def __aenter__(self) -> Self:
        now = self._clock.now()
        self._store = await self._thread.call(
            partial(
                JournalStore, self._place.path, self._place.edge, now.boot, now.wall_ns, self._place.max_bytes
            )
        )
        self.name = self._store.journal
        self.polled = sum(run.samples for run in await self.runs() if run.journal == self.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.flush()
        finally:
            self._thread.close(self._open.close)

    def put(self, frame: Frame, protocol: str) -> None:
        """Take a frame; it is written within `BUNDLE_S`. Never waits."""
        self._buffer.append((frame, protocol))
        self._buffered_bytes += _memory_of(frame)
        while self._buffered_bytes > KEEP_BYTES or self._oldest_age_s(frame) > KEEP_S:
            oldest, _ = self._buffer.popleft()
            self._buffered_bytes -= _memory_of(oldest)
            self._dropped = self._dropped.plus(oldest)
            if self._dropped.frames & (self._dropped.frames - 1) == 0:
                _log.error("the disk does not keep up: %d frames dropped so far", self._dropped.frames)

    def _oldest_age_s(self, newest: Frame) -> float:
        return (newest.at.mono_ns - self._buffer[0][0].at.mono_ns) / NS

    @property
    def troubles(self) -> list[Trouble]:
        """What a person should know about; empty when all is well."""
        if self._store is not None and self._store.reserve.released:
            return [Trouble(TroubleCode.DISK_FULL, FULL.say())]
        return [Trouble(TroubleCode.DISK_REFUSES, REFUSES.say())] if self._failing else []

    async def run(self) -> None:
        """Close a bundle every `BUNDLE_S` until cancelled; a refusing disk is tried again."""
        closed_s = -BUNDLE_S
        async for at in self._clock.ticks(BUNDLE_S):
            if at.mono_ns / NS - closed_s < self.bundle_s - BUNDLE_S / 2:
                continue
            closed_s = at.mono_ns / NS
            try:
                await self._tell_dropped()
                if self._buffer:
                    await self.flush()  # which makes durable and tidies on its way
                else:
                    await self._thread.call(self._flush_idle)
            except StoreError as error:
                if not self._failing:
                    _log.error("%s; frames are kept in memory", error)
                self._failing = True
            else:
                self._failing = False

    async def flush(self) -> None:
        """Write all frames that wait.

        Raises:
            StoreError: The disk refused; the frames stay in memory.
        """
        while self._buffer:
            taken = self._take_bundle()
            counts: Counter[str] = Counter()
            for frame, protocol in taken:
                counts[protocol] += len(frame.values)
            frames = [frame for frame, _ in taken]
            self._buffered_bytes -= sum(map(_memory_of, frames))
            try:
                entry = await self._thread.call(
                    partial(self._open.add_telemetry, frames, self._clock.now().wall_ns, dict(counts))
                )
            except StoreError:
                self._buffer.extendleft(reversed(taken))
                self._buffered_bytes += sum(map(_memory_of, frames))
                raise
            self.polled += counts.total()
            self._on_entry(entry)

    async def _tell_dropped(self) -> None:
        told = self._dropped
        if told.frames:
            add = partial(self._open.add_memory_gap, told.samples, told.from_ns, told.to_ns)
            entry = await self._thread.call(add)
            # more may have been dropped meanwhile
            self._dropped = self._dropped.minus(told)
            self._on_entry(entry)

    def _take_bundle(self) -> list[tuple[Frame, str]]:
        taken: list[tuple[Frame, str]] = []
        room = MAX_BUNDLE_BYTES
        while self._buffer:
            room -= _FRAME_HEAD_BYTES + _columns_bytes(self._buffer[0][0])
            if room < 0 and taken:
                break
            taken.append(self._buffer.popleft())
        return taken

    async def append_receipts(self, bodies: Sequence[bytes]) -> list[int]:
        """Write receipts or events and wait until they are on the disk; returns their numbers.

        Raises:
            StoreError: The disk refused; nothing was written.
        """
        entries = await self._thread.call(partial(self._open.add_receipts, bodies))
        for entry in entries:
            self._on_entry(entry)
        return [entry.seq for entry in entries]

    async def name_rows(self, catalogues: Sequence[Catalogue]) -> tuple[Catalogue, ...]:
        """Keep what the points of the frames to come are called; returns the catalogues of rows before them.

        Raises:
            StoreError: The disk refused; nothing was written.
        """
        return await self._thread.call(partial(self._open.name_rows, catalogues))

    async def cover(self, coverage: Coverage) -> list[int]:
        """Delete what the hub has; returns the numbers deleted.

        Raises:
            StoreError: The disk refused; nothing was deleted.
        """
        return await self._thread.call(partial(self._open.cover, coverage.journal, coverage.ranges))

    async def mark(self, told: Mark) -> list[int]:
        """Take what the hub tells of its backups; returns rows that it lost and that wait again.

        Raises:
            StoreError: The disk refused; nothing was changed.
        """
        return await self._thread.call(partial(self._open.mark, told))

    async def keeps(self) -> bool:
        """Whether rows are kept until a backup of the hub has them."""
        return await self._thread.call(self._open.keeps)

    async def waiting(self, after: int, kind: Kind | None = None) -> list[int]:
        """Numbers of rows not covered, of one kind or all, ascending, above `after`; some hundred a call."""
        return await self._thread.call(partial(self._open.waiting, after, kind=kind))

    async def entry(self, seq: int) -> Entry | None:
        """One row; None when it is gone."""
        return await self._thread.call(partial(self._open.entry, seq))

    async def entries(self, seqs: Sequence[int], most_bytes: int) -> list[Entry]:
        """Rows by number, in that order, until `most_bytes` are together; at least one if any is here."""
        return await self._thread.call(partial(self._open.entries, seqs, most_bytes))

    async def stored_bytes(self) -> int:
        """Bytes of the rows that wait for the hub."""
        return await self._thread.call(self._open.stored_bytes)

    async def hold_s(self) -> float | None:
        """How long there is room for what comes in if the hub takes nothing; None: not known yet. [s]."""
        return await self._thread.call(self._open.hold_s)

    async def make_room(self) -> bool:
        """Give the reserve back to a full disk, for a store beside the journal; False when it was given."""
        return await self._thread.call(self._open.reserve.release)

    async def pending(self) -> int:
        """How many rows the hub has not covered."""
        return await self._thread.call(self._open.pending)

    async def runs(self) -> list[Run]:
        """Every start of the agent on this journal file, oldest first."""
        return await self._thread.call(self._open.runs)

    def _flush_idle(self) -> None:
        now_s = self._clock.mono_s()
        if now_s - self._tidied_s >= _TIDY_S:
            self._open.tidy()
            self._tidied_s = now_s
        self._open.make_durable_if_due()

    @property
    def _open(self) -> JournalStore:
        if self._store is None:
            raise StoreError("the journal is not open")
        return self._store


def _memory_of(frame: Frame) -> int:
    return _OBJECT_BYTES + _columns_bytes(frame)


def _columns_bytes(frame: Frame) -> int:
    indices = 0 if frame.indices is None else frame.indices.nbytes
    told = 0 if frame.sources is None else frame.sources.told_ns.nbytes
    return frame.values.nbytes + frame.qualities.nbytes + indices + told
