"""Opens the series store of a hub; callers know the port and never which engine it is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from hub import database
from hub.store import schema
from hub.store.embedded import EmbeddedStore
from hub.store.influx.place import InfluxPlace
from hub.store.influx.reader import InfluxReader
from hub.store.influx.server import InfluxServer, NotLetInError
from hub.store.influx.store import InfluxStore
from hub.store.port import Marker, SeriesStore, StoreReader
from hub.store.reader import EmbeddedReader
from protocols.clock import Clock
from protocols.errors import ConfigError, StoreError

_log = logging.getLogger(__name__)

PLACE_FILE: Final = "series.place"
"""In the state folder, where the series are not in it: the server they are on, without its token."""


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where the series of a hub stand.

    Attributes:
        series: File of the embedded engine.
        influx: The server instead of it.
        business_url: Business database beside the server; the embedded engine needs none.
    """

    series: Path
    influx: InfluxPlace | None = None
    business_url: str = ""


def embedded_place(state: Path) -> StorePlace:
    """The embedded engine in the hub's own folder."""
    return StorePlace(state / schema.FILE)


def place_of(state: Path) -> StorePlace:
    """Where the series of the hub of a state folder stand: as it was told last, else in the folder.

    Raises:
        ConfigError: What was noted cannot be read.
    """
    note = state / PLACE_FILE
    if not note.exists():
        return embedded_place(state)
    try:
        influx = InfluxPlace.model_validate_json(note.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{note} cannot be read; start the hub with --store again: {error}") from error
    return StorePlace(state / schema.FILE, influx, database.url_of(state))


def remember(state: Path, influx: InfluxPlace | None) -> None:
    """Note in the state folder which server keeps the series; None: the folder itself.

    Raises:
        OSError: The folder cannot be written to.
    """
    note = state / PLACE_FILE
    if influx is None:
        note.unlink(missing_ok=True)
        return
    fresh = note.with_suffix(".new")
    fresh.write_text(influx.model_dump_json(indent=1) + "\n", encoding="utf-8")
    fresh.replace(note)


def prepare_store(place: StorePlace) -> list[str]:
    """Make what the engine needs, or bring it to this version; what is there stays.

    Returns:
        What was made on a server, in words.

    Raises:
        StoreError: It cannot be made; the message says where and what to do.
    """
    if place.influx is None:
        schema.open_writer(place.series).close()
        return []
    server = InfluxServer(place.influx)
    try:
        return server.make_buckets()
    finally:
        server.close()


def check_store(place: StorePlace) -> None:
    """As `prepare_store` for a start: a server that is away is waited for, a wrong token is said at once.

    Raises:
        StoreError: The server lets nobody in, or lacks a bucket; or the file cannot be made.
    """
    if place.influx is None:
        prepare_store(place)
        return
    server = InfluxServer(place.influx)
    try:
        server.check()
    except NotLetInError:
        raise
    except StoreError as error:
        _log.warning("%s; the hub starts without it and waits", error)
    finally:
        server.close()


def open_store(place: StorePlace, clock: Clock, marker: Marker | None = None) -> SeriesStore:
    """The store for its one writer; use it from one thread at a time.

    Raises:
        StoreError: It cannot be opened.
    """
    if place.influx is not None:
        return InfluxStore(place.influx, place.business_url, clock, marker)
    return EmbeddedStore(place.series, clock, marker)


def open_reader(place: StorePlace, marker: Marker | None = None) -> StoreReader:
    """The store for reading, in any process, also while another one writes.

    Raises:
        StoreError: It is not there yet, or cannot be opened.
    """
    if place.influx is not None:
        return InfluxReader(place.influx, place.business_url, marker)
    return EmbeddedReader(place.series, marker)
