"""Opens the series store of a hub; callers know the port and never which engine it is.

An engine is imported where it is opened: a command that only hands on where the series stand needs none, and
the start of a hub waits for none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from hub.store.influx.place import InfluxPlace
from protocols.clock import Clock
from protocols.errors import ConfigError, StoreDeniedError, StoreError

if TYPE_CHECKING:
    from hub.store.port import Marker, SeriesStore, StoreReader
    from hub.store.retention import Retention

_log = logging.getLogger(__name__)

EMBEDDED: Final = "embedded"
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


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """What a command line says of the series; `influx` None: the embedded engine."""

    influx: InfluxPlace | None = None


def choice_of(store: str | None, **server: object) -> StoreChoice | None:
    """What `--store` says; None where it is not given: as before.

    Args:
        store: `embedded` or the address of an InfluxDB 2 server.
        server: Fields of `InfluxPlace`; None is as if not given.

    Raises:
        ConfigError: Not an address, or options of a server without one.
    """
    given = {name: value for name, value in server.items() if value is not None}
    if store is None or store == EMBEDDED:
        if given:
            raise ConfigError("--store-… options belong to --store http://host:port; give it too")
        return None if store is None else StoreChoice()
    try:
        return StoreChoice(InfluxPlace.model_validate({"url": store, **given}))
    except ValidationError as error:
        first = error.errors()[0]
        words = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--store {store!r}: {'.'.join(map(str, first['loc']))}: {words}") from error


def embedded_place(state: Path) -> StorePlace:
    """The embedded engine in the hub's own folder."""
    from hub.store import schema  # noqa: PLC0415  see above

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
    from hub.database import url_of  # noqa: PLC0415  see above

    return replace(embedded_place(state), influx=influx, business_url=url_of(state))


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
        from hub.store import schema  # noqa: PLC0415  see above

        schema.open_writer(place.series).close()
        return []
    from hub.store.influx.server import InfluxServer  # noqa: PLC0415  the client costs 0.2 s: only who has a server

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
    from hub.store.influx.server import InfluxServer  # noqa: PLC0415  the client costs 0.2 s: only who has a server

    server = InfluxServer(place.influx)
    try:
        server.check()
    except StoreDeniedError:
        raise
    except StoreError as error:
        _log.warning("%s; the hub starts without it and waits", error)
    finally:
        server.close()


def open_store(
    place: StorePlace, clock: Clock, marker: Marker | None = None, keep: Retention | None = None
) -> SeriesStore:
    """The store for its one writer; use it from one thread at a time.

    Args:
        place: Where it stands.
        clock: Time of commits and of upkeep.
        marker: Cleaning rules; None: qualities as they came.
        keep: How long samples and rollups are kept by the embedded engine; a server has its own rules.

    Raises:
        StoreError: It cannot be opened.
    """
    if place.influx is not None:
        from hub.store.influx.store import InfluxStore  # noqa: PLC0415  the client costs 0.2 s: only who has a server

        return InfluxStore(place.influx, place.business_url, clock, marker)
    from hub.store.embedded import EmbeddedStore  # noqa: PLC0415  see above

    return EmbeddedStore(place.series, clock, marker, keep)


def open_reader(place: StorePlace, marker: Marker | None = None) -> StoreReader:
    """The store for reading, in any process, also while another one writes.

    Raises:
        StoreError: It is not there yet, or cannot be opened.
    """
    if place.influx is not None:
        from hub.store.influx.reader import InfluxReader  # noqa: PLC0415  the client costs 0.2 s: only who has a server

        return InfluxReader(place.influx, place.business_url, marker)
    from hub.store.reader import EmbeddedReader  # noqa: PLC0415  see above

    return EmbeddedReader(place.series, marker)
