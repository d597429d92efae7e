"""`ems edge export`: what waits in the journal as Parquet, for the day the network never comes.

Columns: time (timestamp, ns, UTC: told by the device where that can be right, else that of the poll), site,
device, point, unit, value (null where the quality is bad), quality (code of `protocols.quality`), source_time
(timestamp as the device told it, right or wrong; null where it told none). Rows stand in the order they were
polled; any Parquet reader opens the file while the agent goes on.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import typer

from edge_agent.journal_names import kept_names
from edge_agent.journal_rows import Kind
from protocols.errors import ConfigError
from protocols.frame import Catalogue, Frame, decode_bundle
from protocols.quality import is_bad
from protocols.source_time import Times
from runtime.clock import NS
from runtime.database import open_sqlite

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP_SAMPLES: Final = 500_000
_LAST_NS: Final = 2**62


@dataclass(slots=True)
class Exported:
    """What was written, and what could not be named.

    Attributes:
        samples: Samples in the file.
        unknown: Samples whose points the journal cannot name, written before it kept their names; not in it.
    """

    samples: int = 0
    unknown: int = 0


def export_journal(journal: Path, span_ns: tuple[int, int], out: Path) -> Exported:
    """Write the samples of polls in a span of the wall clock [ns, end excluded] to a new file.

    Raises:
        ConfigError: The journal is not there, pyarrow is not installed, the span is empty, `out` exists or
            has no folder.
        StoreError: The journal cannot be read.
    """
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415  100 MB that only this command needs
    except ImportError as error:
        raise ConfigError("exporting needs pyarrow; install the extra 'edge' of this package") from error
    if not journal.exists():
        raise ConfigError(f"{journal} is missing; give --state of an agent that has run")
    if out.exists():
        raise ConfigError(f"{out} is there already; give another --out")
    if not out.parent.is_dir():
        raise ConfigError(f"{out.parent} is no folder; make it, or give another --out")
    if span_ns[0] >= span_ns[1]:
        raise ConfigError("--to is not after --from, so there is nothing between them")
    told = Exported()
    fresh = out.with_suffix(out.suffix + ".part")
    with (
        closing(open_sqlite(journal, read_only=True)) as db,
        pq.ParquetWriter(fresh, _schema(), compression="zstd") as writer,
    ):
        for table in _tables(_frames(db, journal, span_ns), _names(db), told):
            writer.write_table(table)
    fresh.replace(out)
    return told


def _schema() -> pa.Schema:
    import pyarrow as pa  # noqa: PLC0415  as above

    name = pa.dictionary(pa.int32(), pa.string())
    fields = [(column, name) for column in ("site", "device", "point", "unit")]
    return pa.schema(
        [
            ("time", pa.timestamp("ns", tz="UTC")),
            *fields,
            ("value", pa.float64()),
            ("quality", pa.uint8()),
            ("source_time", pa.timestamp("ns", tz="UTC")),
        ]
    )


def _names(db: sqlite3.Connection) -> Mapping[bytes, Catalogue]:
    """Of a journal that no agent has opened since names are kept in it: none."""
    there = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'catalogue'").fetchone()
    return kept_names(db) if there else {}


def _frames(db: sqlite3.Connection, journal: Path, span_ns: tuple[int, int]) -> Iterator[Frame]:
    try:
        rows = db.execute("SELECT body FROM entry WHERE kind = ? ORDER BY seq", (int(Kind.TELEMETRY),))
        for (body,) in rows:
            for frame in decode_bundle(body).frames:
                if span_ns[0] <= frame.at.wall_ns < span_ns[1]:
                    yield frame
    except sqlite3.Error as error:
        raise ConfigError(f"{journal} cannot be read: {error}") from error


def _tables(
    frames: Iterator[Frame], catalogues: Mapping[bytes, Catalogue], told: Exported
) -> Iterator[pa.Table]:
    waiting: list[tuple[Frame, Catalogue]] = []
    count = 0
    for frame in frames:
        catalogue = catalogues.get(frame.catalogue)
        if catalogue is None:
            told.unknown += len(frame.values)
            continue
        waiting.append((frame, catalogue))
        count += len(frame.values)
        if count >= _GROUP_SAMPLES:
            yield _table(waiting)
            told.samples += count
            waiting, count = [], 0
    if waiting:
        yield _table(waiting)
        told.samples += count


def _table(frames: list[tuple[Frame, Catalogue]]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415  as above

    values = np.concatenate([frame.values for frame, _ in frames])
    qualities = np.concatenate([frame.qualities for frame, _ in frames])
    times = np.concatenate([frame.times_ns() for frame, _ in frames])
    told = np.concatenate([_told(frame) for frame, _ in frames])
    bad = np.isnan(values) | np.fromiter(map(is_bad, qualities.tolist()), np.bool_, len(qualities))
    names = {
        "site": [c.site for f, c in frames for _ in range(len(f.values))],
        "device": [c.device for f, c in frames for _ in range(len(f.values))],
        "point": [name for f, c in frames for name in _column(f, c.points)],
        "unit": [unit for f, c in frames for unit in _column(f, c.units)],
    }
    columns = {
        "time": pa.array(times, pa.timestamp("ns", tz="UTC")),
        **{key: pa.array(found).dictionary_encode() for key, found in names.items()},
        "value": pa.array(values, pa.float64(), mask=bad),
        "quality": pa.array(qualities, pa.uint8()),
        "source_time": pa.array(told, pa.timestamp("ns", tz="UTC"), mask=told == 0),
    }
    return pa.table(columns, schema=_schema())


def _told(frame: Frame) -> Times:
    """What the device told of each sample; 0 where it told nothing."""
    return np.zeros(len(frame.values), np.int64) if frame.sources is None else frame.sources.told_ns


def _column(frame: Frame, column: tuple[str, ...]) -> tuple[str, ...]:
    if frame.indices is None:
        return column
    return tuple(column[index] for index in frame.indices.tolist())


def time_ns(text: str) -> int:
    """ISO 8601 with a zone as nanoseconds since the epoch.

    Raises:
        ConfigError: Not such a time.

    Example:
        >>> time_ns("1970-01-01T01:00+01:00")
        0
    """
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no time; give it like 2026-05-01T06:00+08:00") from error
    if moment.tzinfo is None:
        raise ConfigError(f"{text!r} names no zone; give it like 2026-05-01T06:00+08:00 or …T06:00Z")
    return round(moment.timestamp()) * NS


def export(
    *,
    out: Annotated[Path, typer.Option(help="Parquet file to make.")],
    start: Annotated[str, typer.Option("--from", help="First moment, ISO 8601 with zone.")] = "",
    end: Annotated[str, typer.Option("--to", help="First moment that is not in it any more.")] = "",
    state: Annotated[Path, typer.Option(help="Folder of the agent's own state.")] = Path("var/edge"),
) -> None:
    """Write the samples that the hub does not have yet to a Parquet file; the journal keeps them.

    Example: ems edge export --from 2026-05-01T00:00+08:00 --to 2026-05-02T00:00+08:00 --out may_1.parquet
    """
    span_ns = (time_ns(start) if start else 0, time_ns(end) if end else _LAST_NS)
    told = export_journal(state / "journal.db", span_ns, out)
    typer.echo(f"{told.samples} samples are in {out}")
    if told.unknown:
        typer.echo(
            f"{told.unknown} samples are not in it: the journal does not know the names of their points; "
            "start the agent once with the device list they were read by, then export again"
        )
