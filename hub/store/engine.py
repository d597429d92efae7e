"""Opens the series store of a hub; callers know the port and never which engine it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hub.store import schema
from hub.store.embedded import EmbeddedStore
from hub.store.port import Marker, SeriesStore, StoreReader
from hub.store.reader import EmbeddedReader
from protocols.clock import Clock


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where the series of a hub stand.

    Attributes:
        series: File of the embedded engine.
    """

    series: Path


def embedded_place(state: Path) -> StorePlace:
    """The embedded engine in the hub's own folder."""
    return StorePlace(state / schema.FILE)


def prepare_store(place: StorePlace) -> None:
    """Make what the engine needs, or bring it to this version; what is there stays.

    Raises:
        StoreError: It cannot be made.
    """
    schema.open_writer(place.series).close()


def open_store(place: StorePlace, clock: Clock, marker: Marker | None = None) -> SeriesStore:
    """The store for its one writer; use it from one thread at a time.

    Raises:
        StoreError: It cannot be opened.
    """
    return EmbeddedStore(place.series, clock, marker)


def open_reader(place: StorePlace, marker: Marker | None = None) -> StoreReader:
    """The store for reading, in any process, also while another one writes.

    Raises:
        StoreError: It is not there yet, or cannot be opened.
    """
    return EmbeddedReader(place.series, marker)
