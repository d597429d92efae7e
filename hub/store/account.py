"""What arrived, counted from the store itself: samples, doubles and latency of a range of a journal."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Protocol

import numpy as np

from hub.store.body import unpack_frames
from hub.store.parts import Table
from hub.store.port import Counts, Latency, Span
from protocols.frame import Catalogue


class StoredRows(Protocol):
    """Who has the rows as they were stored."""

    def rows_of(self, span: Span) -> list[tuple[int, Catalogue, bytes]]:
        """Rows of a range of a journal: commit time [ns], catalogue, body."""
        ...


def count(reader: StoredRows, span: Span, sealed: Table) -> Counts:
    """Samples of any quality in the store, and those beyond one per (point, instant).

    Args:
        reader: Rows that are still as they came.
        span: The rows.
        sealed: Polls of the span that are in files; of one instant those hold one sample.

    Raises:
        StoreError: The database cannot be read now.
    """
    by_device: Counter[str] = Counter()
    for device, samples in zip(sealed.columns["device"], sealed.columns["samples"], strict=True):
        by_device[str(device).partition("/")[2]] += int(samples)
    seen: dict[tuple[str, str], list[int]] = defaultdict(list)
    for _, catalogue, body in reader.rows_of(span):
        for frame in unpack_frames(body):
            by_device[catalogue.device] += len(frame.values)
            for index in frame.where().tolist():
                seen[catalogue.device, catalogue.points[index]].append(frame.wall_ns)
    duplicates = sum(len(times) - len(set(times)) for times in seen.values())
    return Counts(by_device.total(), duplicates, dict(by_device))


def latency(reader: StoredRows, span: Span, until_ns: int, sealed: Table) -> Latency:
    """Seconds from poll instant to store commit, of the samples committed before `until_ns`.

    Args:
        reader: Rows that are still as they came.
        span: The rows.
        until_ns: Commits after this do not count.
        sealed: Polls of the span that are in files.

    Raises:
        StoreError: The database cannot be read now.
    """
    there = sealed.columns["done_ns"] < until_ns
    waits: list[float] = ((sealed.columns["done_ns"] - sealed.columns["wall_ns"])[there] / 1e9).tolist()
    weights: list[int] = sealed.columns["samples"][there].astype(int).tolist()
    for done_ns, _, body in reader.rows_of(span):
        if done_ns >= until_ns:
            continue
        for frame in unpack_frames(body):
            waits.append((done_ns - frame.wall_ns) / 1e9)
            weights.append(len(frame.values))
    if not sum(weights):
        return Latency(None, None)
    p50_s, p99_s = np.percentile(np.repeat(waits, weights), [50, 99])
    return Latency(float(p50_s), float(p99_s))
