"""The journal beside the event loop: bundles frames, writes them in one dedicated thread.

Frames that wait for the disk are kept in memory up to `MAX_BUFFERED`; beyond that the oldest are dropped and
counted in the log. They were never acknowledged, so they do not count as polled.
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

from edge_agent.journal_store import Entry, JournalStore, Run
from protocols.clock import Clock
from protocols.coverage import Coverage
from protocols.errors import StoreError
from protocols.frame import MAX_BUNDLE_BYTES, Frame
from runtime.one_thread import OneThread

_log = logging.getLogger(__name__)

BUNDLE_S: Final = 0.5
"""A bundle is closed this often."""

MAX_BUFFERED: Final = 10_000
"""Frames kept in memory while the disk does not take them."""

_FRAME_HEAD_BYTES: Final = 80
_SAMPLE_BYTES: Final = 9


@dataclass(frozen=True, slots=True)
class JournalPlace:
    """Where a journal stands and whose it is."""

    path: Path
    edge: str
    max_bytes: int = 2_000_000_000


class Journal:
    """`async with` opens the file and flushes at the end; `on_entry` sees each row right after its commit."""

    def __init__(self, place: JournalPlace, clock: Clock, on_entry: Callable[[Entry], None]) -> None:
        self._place = place
        self._clock = clock
        self._on_entry = on_entry
        self._thread = OneThread("journal")
        self._buffer: deque[tuple[Frame, str]] = deque()
        self._dropped = 0
        self._failing = False
        self._store: JournalStore | None = None
        self.name = ""
        self.polled = 0

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
        if len(self._buffer) > MAX_BUFFERED:
            self._buffer.popleft()
            self._dropped += 1
            if self._dropped & (self._dropped - 1) == 0:
                _log.error("the disk does not keep up: %d frames dropped so far", self._dropped)

    async def run(self) -> None:
        """Close a bundle every `BUNDLE_S` until cancelled; a refusing disk is tried again."""
        async for _ in self._clock.ticks(BUNDLE_S):
            try:
                await self.flush()
                if not self._buffer:
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
            try:
                entry = await self._thread.call(
                    partial(self._open.add_telemetry, frames, self._clock.now().wall_ns, dict(counts))
                )
            except StoreError:
                self._buffer.extendleft(reversed(taken))
                raise
            self.polled += counts.total()
            self._on_entry(entry)

    def _take_bundle(self) -> list[tuple[Frame, str]]:
        taken: list[tuple[Frame, str]] = []
        room = MAX_BUNDLE_BYTES
        while self._buffer:
            room -= _FRAME_HEAD_BYTES + _SAMPLE_BYTES * len(self._buffer[0][0].values)
            if room < 0 and taken:
                break
            taken.append(self._buffer.popleft())
        return taken

    async def append_receipts(self, bodies: Sequence[bytes]) -> list[int]:
        """Write receipts and wait until they are on the disk; returns their numbers.

        Raises:
            StoreError: The disk refused; nothing was written.
        """
        entries = await self._thread.call(partial(self._open.add_receipts, bodies))
        for entry in entries:
            self._on_entry(entry)
        return [entry.seq for entry in entries]

    async def cover(self, coverage: Coverage) -> list[int]:
        """Delete what the hub has; returns the numbers deleted.

        Raises:
            StoreError: The disk refused; nothing was deleted.
        """
        return await self._thread.call(partial(self._open.cover, coverage.journal, coverage.ranges))

    async def waiting(self, after: int) -> list[int]:
        """Numbers of rows not covered, ascending, above `after`; at most some hundred a call."""
        return await self._thread.call(partial(self._open.waiting, after))

    async def entry(self, seq: int) -> Entry | None:
        """One row; None when it is gone."""
        return await self._thread.call(partial(self._open.entry, seq))

    async def pending(self) -> int:
        """How many rows the hub has not covered."""
        return await self._thread.call(self._open.pending)

    async def runs(self) -> list[Run]:
        """Every start of the agent on this journal file, oldest first."""
        return await self._thread.call(self._open.runs)

    def _flush_idle(self) -> None:
        self._open.make_durable_if_due()

    @property
    def _open(self) -> JournalStore:
        if self._store is None:
            raise StoreError("the journal is not open")
        return self._store
