"""A Modbus profile from a table: one row a point, as it comes out of a spreadsheet.

Columns: name, unit and address must be there; type, table, order, bit, bits, scale_factor, label, label_zh,
kind, scale, offset, low, high, not_available and every_s may be. Commas, semicolons and tabs divide; with
semicolons a decimal comma is understood. Addresses may be hexadecimal (0x0BD3).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocols.errors import ConfigError
from protocols.profile import PointSpec, Profile
from runtime.yaml_config import as_config
from runtime.yaml_faults import faults_of

_MUST: Final = ("name", "unit", "address")
_PLACE: Final = ("table", "address", "type", "order", "bit", "bits", "scale_factor")
_NUMBERS: Final = ("scale", "offset", "low", "high", "every_s")
_WHOLE: Final = ("address", "bit", "bits", "scale_factor")
COLUMNS: Final = (
    *_MUST,
    *(c for c in _PLACE if c != "address"),
    "label",
    "label_zh",
    "kind",
    *_NUMBERS,
    "not_available",
)
"""Columns a table may have."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the table does not say.

    Attributes:
        id: Id of the profile.
        label: What people call the device.
        label_zh: The same in Chinese.
        equipment: Kind of equipment.
        source: Where the table comes from; empty when nobody says.
        protocol: What the device speaks.
    """

    id: str
    label: str
    label_zh: str
    equipment: str
    source: str = ""
    protocol: str = "modbus"


@dataclass(frozen=True, slots=True)
class Table:
    """What a file gave.

    Attributes:
        points: Good rows, each with its line.
        faults: One sentence for every wrong row and column.
    """

    points: tuple[tuple[int, PointSpec], ...]
    faults: tuple[str, ...]


def read_table(path: Path) -> Table:
    """Read the rows of a file; wrong ones are told, not raised.

    Raises:
        ConfigError: The file cannot be read, or its columns are not those of a table of points.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    divider = _divider(text)
    rows = csv.DictReader(io.StringIO(text), delimiter=divider, skipinitialspace=True)
    _check_columns(path, [name.strip() for name in rows.fieldnames or ()])
    points: list[tuple[int, PointSpec]] = []
    faults: list[str] = []
    for row in rows:
        cells = {str(key).strip(): (value or "").strip() for key, value in row.items() if key is not None}
        if not any(cells.values()):
            continue
        try:
            cells_as_data = _data(cells, decimal_comma=divider == ";")
            points.append((rows.line_num, as_config(f"{path}:{rows.line_num}", cells_as_data, PointSpec)))
        except ConfigError as error:
            faults += str(error).splitlines()
    return Table(tuple(points), tuple(faults))


def make_profile(path: Path, table: Table, head: Head) -> tuple[Profile, tuple[str, ...]]:
    """Put good rows together; gives the profile of those that fit each other, and what does not.

    Raises:
        ConfigError: The head does not fit, or no row is left.
    """
    rows, faults = list(table.points), list(table.faults)
    while rows:
        found = faults_of(Profile, _document(head, [spec for _, spec in rows]))
        about = {fault.loc[1] for fault in found if fault.loc[:1] == ("points",) and len(fault.loc) > 1}
        faults += [f"{_place(path, rows, fault.loc)}: {fault.text}" for fault in found]
        if not about:
            break
        rows = [row for number, row in enumerate(rows) if number not in about]
    if not rows:
        raise ConfigError("\n".join([*faults, f"{path}: no row is a point"]))
    profile = as_config(str(path), _document(head, [spec for _, spec in rows]), Profile)
    return profile, tuple(faults)


def _place(path: Path, rows: list[tuple[int, PointSpec]], loc: tuple[int | str, ...]) -> str:
    if loc[:1] == ("points",) and len(loc) > 1 and isinstance(loc[1], int):
        return f"{path}:{rows[loc[1]][0]}"
    return f"{path}: {'.'.join(str(part) for part in loc)}"


def _document(head: Head, points: list[PointSpec]) -> dict[str, object]:
    document: dict[str, object] = {
        "id": head.id,
        "label": {"en": head.label, "zh": head.label_zh},
        "protocol": head.protocol,
        "equipment": head.equipment,
        "points": [spec.model_dump() for spec in points],
    }
    if head.source:
        origin = {"sources": [head.source], "revision": "", "certainty": "maker_document"}
        document["origin"] = origin
    return document


def _divider(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _check_columns(path: Path, names: list[str]) -> None:
    faults = [f"column {name!r} is missing" for name in _MUST if name not in names]
    faults += [
        f"unknown column {name!r}; allowed: {', '.join(COLUMNS)}" for name in names if name not in COLUMNS
    ]
    faults += [f"column {name!r} is there twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if faults:
        raise ConfigError("\n".join(f"{path}:1: {fault}" for fault in faults))


def _data(cells: Mapping[str, str], *, decimal_comma: bool) -> dict[str, object]:
    """The document of a point; what is no number stays a text, so that the model can say what it found."""
    place: dict[str, object] = {"kind": "modbus"}
    for name, text in _given(cells, _PLACE):
        place[name] = _whole(text) if name in _WHOLE else text
    label = cells.get("label") or cells.get("name", "")
    data: dict[str, object] = {
        "name": cells.get("name", ""),
        "unit": cells.get("unit", ""),
        "label": {"en": label, "zh": cells.get("label_zh") or label},
        "address": place,
    }
    data |= dict(_given(cells, ("kind",)))
    for name, text in _given(cells, _NUMBERS):
        data[name] = text.replace(",", ".") if decimal_comma else text
    for _, text in _given(cells, ("not_available",)):
        data["not_available"] = [_whole(part) for part in text.split()]
    return data


def _given(cells: Mapping[str, str], names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        text = cells.get(name, "")
        if text:
            yield name, text


def _whole(text: str) -> int | str:
    try:
        return int(text, 0)
    except ValueError:
        return text
