"""Sealed files: Parquet, sorted by key (point, or journal) and time, for any tool that knows Parquet.

A file is written under another name, flushed to the disk and then renamed, and never changed again. Its
footer holds an index of ours, where the rows of each key begin, so that a reader decodes only the row groups
of the points it asks for. Each page has a checksum: damage is an error, never a number.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hub.store.arrow import pa
from protocols.errors import DamagedPartError, StoreError

Array = NDArray[Any]

_INDEX: Final = b"ems.index"
_GROUP_ROWS: Final = 32_768
_MOST_GROUP_ROWS: Final = 131_072
_CACHED: Final = 1024
_TIME: Final = pa.timestamp("ms", tz="UTC")
_TEXT: Final = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True)
class Kind:
    """What one sort of file holds.

    Attributes:
        name: Of the kind, in file names and in the database.
        key: Name of the column the rows are sorted by first.
        order: Name of the column they are sorted by within a key.
        types: The other columns, `order` among them.
        split: Columns of noisy numbers, stored byte by byte.
    """

    name: str
    key: str
    order: str
    types: Mapping[str, pa.DataType]
    split: tuple[str, ...] = ()


RAW: Final = Kind(
    "raw", "point", "time", {"time": _TIME, "value": pa.float64(), "quality": pa.uint8(), "told": _TIME}
)
POLLS: Final = Kind(
    "polls",
    "journal",
    "seq",
    {
        "seq": pa.int64(), "device": _TEXT, "boot": _TEXT, "mono_ns": pa.int64(), "wall_ns": pa.int64(),
        "done_ns": pa.int64(), "samples": pa.int32(),
    },
)  # fmt: skip
_WINDOW: Final = {
    "time": _TIME, "integral": pa.float64(), "covered_s": pa.float64(), "low": pa.float64(),
    "high": pa.float64(), "first": pa.float64(), "last": pa.float64(), "worst": pa.uint8(),
}  # fmt: skip
ROLLUPS: Final = {
    60: Kind("m1", "point", "time", _WINDOW, ("integral",)),
    900: Kind("m15", "point", "time", _WINDOW, ("integral",)),
    3_600: Kind("h1", "point", "time", _WINDOW, ("integral",)),
    86_400: Kind("d1", "point", "time", _WINDOW, ("integral",)),
}
"""Kind of the rollup of each length. [s]"""
KINDS: Final = {kind.name: kind for kind in (RAW, POLLS, *ROLLUPS.values())}


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows sorted by key and time.

    Attributes:
        keys: Ascending, shape (k,).
        counts: Rows of each key, shape (k,).
        columns: By name; shape (rows,). Times are whole milliseconds since the epoch.
    """

    keys: tuple[str, ...]
    counts: NDArray[np.int64]
    columns: dict[str, Array]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.counts.sum())

    def pieces(self) -> dict[str, dict[str, Array]]:
        """Columns of each key."""
        ends = np.cumsum(self.counts).tolist()
        return {
            key: {name: column[end - count : end] for name, column in self.columns.items()}
            for key, end, count in zip(self.keys, ends, self.counts.tolist(), strict=True)
        }

    def without_empty(self) -> Table:
        """The keys that have rows."""
        if self.counts.all():
            return self
        keys = tuple(key for key, count in zip(self.keys, self.counts, strict=True) if count)
        return Table(keys, self.counts[self.counts > 0], self.columns)


class PartWriter:
    """Writes one file; the tables given to `add` have ascending keys."""

    def __init__(self, path: Path, kind: Kind, sample: Table) -> None:
        self._path = path
        self._kind = kind
        self._keys: list[str] = []
        self._counts: list[int] = []
        self._groups: list[int] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = path.with_suffix(".tmp")
        self._schema = pa.schema([(kind.key, _TEXT), *kind.types.items()])
        self._file = self._temporary.open("wb")
        self._writer = pq.ParquetWriter(self._file, self._schema, **_options(kind, sample))

    def add(self, table: Table) -> None:
        """Write the rows of more keys."""
        ends = np.cumsum(table.counts)
        codes = np.repeat(np.arange(len(table.keys), dtype=np.int32), table.counts)
        for start, stop in _groups(ends):
            self._writer.write_table(self._arrow(table, codes, start, stop), row_group_size=_MOST_GROUP_ROWS)
            self._groups.append(stop - start)
        self._keys += table.keys
        self._counts += table.counts.tolist()

    def finish(self) -> int:
        """Flush to the disk and give the file its name; returns its size. [bytes].

        Raises:
            OSError: The disk is full or broken; the file does not exist then.
        """
        index = msgpack.packb([self._keys, self._counts, self._groups])
        self._writer.add_key_value_metadata({_INDEX: index})
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        self._temporary.replace(self._path)
        _sync_folder(self._path.parent)
        return size

    def give_up(self) -> None:
        """Leave nothing behind; a full disk refuses also what is still in memory."""
        self._temporary.unlink(missing_ok=True)
        self._writer.is_open = False  # else it writes its footer when it is forgotten
        with contextlib.suppress(OSError):
            self._file.close()

    def _arrow(self, table: Table, codes: Array, start: int, stop: int) -> pa.Table:
        low, high = int(codes[start]), int(codes[stop - 1])
        keys = pa.DictionaryArray.from_arrays(
            pa.array(codes[start:stop] - low), pa.array(table.keys[low : high + 1], pa.string())
        )
        arrays = [_array(table.columns[name][start:stop], kind) for name, kind in self._kind.types.items()]
        return pa.Table.from_arrays([keys, *arrays], schema=self._schema)


def write_part(path: Path, kind: Kind, table: Table) -> int:
    """Write one file at once; returns its size. [bytes].

    Raises:
        StoreError: The disk is full or broken; nothing is left of the file.
    """
    return write_tables(path, kind, [table])


def write_tables(path: Path, kind: Kind, tables: Iterable[Table]) -> int:
    """Write one file of tables with ascending keys, at least one row; returns its size. [bytes].

    Raises:
        StoreError: The disk is full or broken; nothing is left of the file.
    """
    try:
        rest = iter(tables)
        first = next(rest)
        writer = PartWriter(path, kind, first)
        try:
            for table in chain([first], rest):
                writer.add(table)
            return writer.finish()
        except BaseException:
            writer.give_up()
            raise
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot write the sealed file {path}: {error}") from error


class PartFiles:
    """Reads sealed files; remembers footers, never keeps a file open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: OrderedDict[str, _Footer] = OrderedDict()

    def keys(self, file: str) -> dict[str, int]:
        """Keys of a file and the rows of each.

        Raises:
            FileNotFoundError: It is not there (any more).
            DamagedPartError: It cannot be read.
        """
        footer = self._footer(file)
        return {key: stop - start for key, (start, stop) in footer.rows.items()}

    def read(self, file: str, keys: Sequence[str], names: Sequence[str]) -> Table:
        """Rows of some keys; keys the file does not have are left out.

        Raises:
            FileNotFoundError: It is not there (any more).
            DamagedPartError: It cannot be read.
        """
        footer = self._footer(file)
        there = sorted(key for key in keys if key in footer.rows)
        spans = [footer.rows[key] for key in there]
        counts = np.array([stop - start for start, stop in spans], np.int64)
        with _telling(file):
            return Table(tuple(there), counts, self._columns(file, footer, spans, names))

    def between(self, file: str, name: str, low: int, high: int) -> Array:
        """Ascending positions of the rows in which a column is from `low` to `high`; a row group at a time.

        Raises:
            FileNotFoundError: It is not there (any more).
            DamagedPartError: It cannot be read.
        """
        footer = self._footer(file)
        found = [np.empty(0, np.int64)]
        with (
            _telling(file),
            pq.ParquetFile(
                self.folder / file, metadata=footer.metadata, page_checksum_verification=True
            ) as opened,
        ):
            for group, start in enumerate(footer.groups[:-1].tolist()):
                if _may_have(footer.metadata.row_group(group), name, low, high):
                    read = opened.read_row_group(group, columns=[name], use_threads=False)
                    column = _numpy(read.column(name), [slice(None)])
                    found.append(start + np.flatnonzero((column >= low) & (column <= high)))
        return np.concatenate(found)

    def some(self, file: str, rows: Array, names: Sequence[str]) -> dict[str, Array]:
        """Columns of single rows by their ascending positions in the file; only their row groups are read.

        Raises:
            FileNotFoundError: It is not there (any more).
            DamagedPartError: It cannot be read.
        """
        footer = self._footer(file)
        group = np.searchsorted(footer.groups, rows, side="right") - 1
        runs = np.split(rows, np.flatnonzero(np.diff(group)) + 1) if len(rows) else []
        spans = [(int(run[0]), int(run[-1]) + 1) for run in runs]
        with _telling(file):
            columns = self._columns(file, footer, spans, names)
        lengths = np.array([stop - start for start, stop in spans], np.int64)
        bases = np.cumsum(lengths) - lengths
        at = [run - start + base for run, (start, _), base in zip(runs, spans, bases, strict=True)]
        where = np.concatenate(at) if at else np.empty(0, np.int64)
        return {name: column[where] for name, column in columns.items()}

    def _columns(
        self, file: str, footer: _Footer, spans: Sequence[tuple[int, int]], names: Sequence[str]
    ) -> dict[str, Array]:
        pieces, groups = _pieces(footer.groups, spans)
        if not groups:
            return {name: np.empty(0) for name in names}
        with pq.ParquetFile(
            self.folder / file, metadata=footer.metadata, page_checksum_verification=True
        ) as opened:
            table = opened.read_row_groups(groups, columns=list(names), use_threads=False)
        return {name: _numpy(table.column(name), pieces) for name in names}

    def _footer(self, file: str) -> _Footer:
        known = self._known.get(file)
        if known is None:
            with _telling(file):
                metadata = pq.read_metadata(self.folder / file)
                known = _Footer.of(metadata)
            self._known[file] = known
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(file)
        return known


@dataclass(frozen=True, slots=True)
class _Footer:
    metadata: pq.FileMetaData
    rows: dict[str, tuple[int, int]]
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, metadata: pq.FileMetaData) -> _Footer:
        keys, counts, groups = msgpack.unpackb(metadata.metadata[_INDEX])
        ends = np.cumsum(counts).tolist()
        rows = {key: (end - count, end) for key, end, count in zip(keys, ends, counts, strict=True)}
        return cls(metadata, rows, np.concatenate([[0], np.cumsum(groups)]).astype(np.int64))


class _telling:  # noqa: N801  used as a verb in a `with`
    """Whatever Parquet says of broken bytes becomes one error that names the file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"the sealed file {self._file} is missing") from error
        if isinstance(error, (OSError, pa.ArrowException, ValueError, KeyError, TypeError)):
            raise DamagedPartError(f"the sealed file {self._file} is damaged: {error}") from error


def _options(kind: Kind, sample: Table) -> dict[str, Any]:
    times = [name for name, type_ in kind.types.items() if type_ in {_TIME, pa.int64()}]
    split = [*kind.split, *(["value"] if "value" in kind.types and _noisy(sample.columns["value"]) else [])]
    plain = {*times, *split}
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [name for name in (kind.key, *kind.types) if name not in plain],
        "column_encoding": dict.fromkeys(times, "DELTA_BINARY_PACKED")
        | dict.fromkeys(split, "BYTE_STREAM_SPLIT"),
        "write_statistics": [kind.key, kind.order, *(["wall_ns"] if "wall_ns" in kind.types else [])],
        "write_page_checksum": True,
        "store_schema": False,
    }


def _noisy(values: Array) -> bool:
    """Whether a dictionary would not pay: most of some thousand values are different ones."""
    some = values[: 4 * _GROUP_ROWS : 16]
    return len(np.unique(some)) > len(some) // 2 > 16  # noqa: PLR2004  too few to tell


def _may_have(group: pq.RowGroupMetaData, name: str, low: int, high: int) -> bool:
    """Whether a row group can have a row with the column from `low` to `high`; yes where nothing is noted."""
    for at in range(group.num_columns):
        column = group.column(at)
        if column.path_in_schema == name:
            noted = column.statistics
            return noted is None or not noted.has_min_max or bool(noted.min <= high and noted.max >= low)
    return True


def _groups(ends: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Row groups: whole keys, some of them together, a long one in pieces."""
    groups: list[tuple[int, int]] = []
    start = 0
    for end in ends.tolist():
        if end - start >= _GROUP_ROWS or end == ends[-1]:
            groups += [(at, min(at + _MOST_GROUP_ROWS, end)) for at in range(start, end, _MOST_GROUP_ROWS)]
            start = end
    return groups


def _pieces(groups: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> tuple[list[slice], list[int]]:
    """Which row groups hold the spans, and where the spans stand in those put together."""
    wanted: dict[int, None] = {}
    for start, stop in spans:
        low = int(np.searchsorted(groups, start, side="right")) - 1
        high = int(np.searchsorted(groups, stop, side="left"))
        wanted.update(dict.fromkeys(range(low, high)))
    chosen = sorted(wanted)
    before = np.cumsum([0, *(int(groups[n + 1] - groups[n]) for n in chosen)])
    base = {n: int(before[at] - groups[n]) for at, n in enumerate(chosen)}
    pieces = []
    for start, stop in spans:
        shift = base[int(np.searchsorted(groups, start, side="right")) - 1]
        pieces.append(slice(start + shift, stop + shift))
    return pieces, chosen


def _array(column: Array, kind: pa.DataType) -> pa.Array:
    if kind == _TIME:
        return pa.array(
            column.view("datetime64[ms]"), _TIME, mask=(column == 0) if not column.all() else None
        )
    if kind == _TEXT:
        return pa.array(column, pa.string()).dictionary_encode()
    return pa.array(column, kind)


def _numpy(column: pa.ChunkedArray, pieces: Sequence[slice]) -> Array:
    if column.type == _TIME:
        column = column.cast(pa.int64())
        column = column.fill_null(0) if column.null_count else column
    elif pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
        column = column.cast(pa.string())
    whole: Array = column.to_numpy()
    return whole[pieces[0]] if len(pieces) == 1 else np.concatenate([whole[piece] for piece in pieces])


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
