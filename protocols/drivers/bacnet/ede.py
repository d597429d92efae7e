"""EDE lists (Engineering Data Exchange) → profile: every wrong line is named, nothing is guessed.

    PROJECT_NAME;…                                        some lines about the file
    # keyname;device obj.-instance;object-name;object-type;object-instance;description;…;unit-code;…
    AHU1.Supply;3001;Supply temperature;0;1;Supply air;…;62;…

Columns are found by their names, so their order and what a maker adds do not matter.

Source: BACnet Interest Group Europe, "Engineering Data Exchange Template for BACnet Systems", layout 2.3.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from protocols.drivers.bacnet.services import ALL_INSTANCES, TYPES
from protocols.drivers.bacnet.units import NO_UNITS, Pressure, house_unit
from protocols.errors import ConfigError
from protocols.profile import PointSpec, Profile
from protocols.units import UNITS

_NAMES: Final = {number: name for name, number in TYPES.items() if name != "device"}
_NEEDED: Final = ("object-name", "object-type", "object-instance")
_ALIASES: Final = {
    "device-obj-instance": "device",
    "device-object-instance": "device",
    "device-instance": "device",
    "settable": "writable",
    "commandable": "writable",
}
_YES: Final = frozenset({"y", "yes", "true", "1", "x", "j", "ja"})
_ID_MOST: Final = 32
_OUTPUTS: Final = ("analog-output", "binary-output", "multi-state-output")
_COUNTERS: Final = ("accumulator", "pulse-converter")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?$")
_BOM16: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person says beside the list.

    Attributes:
        profile: Id of the profile that is made.
        equipment: Kind of equipment.
        device: Device instance to take; None where the list has only one.
        pressure: What pressures mean; None where there are none.
        every_s: Polling class of all points. [s]
    """

    profile: str
    equipment: str
    device: int | None = None
    pressure: Pressure | None = None
    every_s: float = 10.0


@dataclass(slots=True)
class Imported:
    """What came of a list.

    Attributes:
        profile: The profile.
        left_out: Line number to why it is no point: another device, or an object without a present value.
    """

    profile: Profile
    left_out: dict[int, str] = field(default_factory=dict)


def read_ede(data: bytes, name: str, wanted: Wanted) -> Imported:
    """Make a profile of an EDE list.

    Raises:
        ConfigError: Each wrong line as `name:line: column: found, allowed`, all at once.
    """
    rows = list(_rows(_text(data), name))
    faults: list[str] = []
    device = _device(rows, name, wanted, faults)
    points: list[PointSpec] = []
    imported: dict[int, str] = {}
    taken: set[str] = set()
    for line, row in rows:
        try:
            made = _point(row, device, wanted, taken)
        except ValidationError as error:
            faults += [f"{name}:{line}: {_field(fault['loc'])}: {fault['msg']}" for fault in error.errors()]
            continue
        except ConfigError as error:
            faults += [f"{name}:{line}: {text}" for text in str(error).split("\n")]
            continue
        if isinstance(made, str):
            imported[line] = made
        else:
            points.append(made)
    faults += _twice(rows, name, device)
    if not points and not faults:
        faults.append(f"{name}: no line of it is a point; allowed are objects with a present value")
    if faults:
        raise ConfigError("\n".join(sorted(faults, key=_line_of)))
    return Imported(_profile(points, name, wanted), imported)


def _text(data: bytes) -> str:
    if data.startswith(_BOM16):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _rows(text: str, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column of each line behind the one that names the columns."""
    lines = text.splitlines()
    heads = [at for at, line in enumerate(lines) if "object-type" in _plain(line)]
    if not heads:
        raise ConfigError(
            f"{name}: no line names the columns; expected one with {', '.join(_NEEDED)} (an EDE list)"
        )
    separator = max(";,\t", key=lines[heads[0]].count)
    columns = [_column(cell) for cell in next(csv.reader([lines[heads[0]]], delimiter=separator))]
    missing = [column for column in _NEEDED if column not in columns]
    if missing:
        raise ConfigError(f"{name}:{heads[0] + 1}: the column {', '.join(missing)} is missing")
    for number, line in enumerate(lines[heads[0] + 1 :], heads[0] + 2):
        cells = next(csv.reader([line], delimiter=separator), [])
        if any(cell.strip() for cell in cells) and not line.startswith("#"):
            yield number, dict(zip(columns, (cell.strip() for cell in cells), strict=False))


def _plain(text: str) -> str:
    return re.sub(r"[\s_.\-]+", "-", text.strip().lower())


def _column(cell: str) -> str:
    plain = _plain(cell.strip().removeprefix("#")).strip("-")
    return _ALIASES.get(plain, plain)


def _device(
    rows: list[tuple[int, dict[str, str]]], name: str, wanted: Wanted, faults: list[str]
) -> str | None:
    known = sorted({row["device"] for _, row in rows if row.get("device")})
    if wanted.device is not None and known and str(wanted.device) not in known:
        faults.append(f"{name}: device {wanted.device} is not in it; it has {', '.join(known)}")
    if wanted.device is None and len(known) > 1:
        faults.append(f"{name}: it has several devices ({', '.join(known)}); say which one is meant")
    if not known:
        return None
    return known[0] if wanted.device is None else str(wanted.device)


def _point(row: Mapping[str, str], device: str | None, wanted: Wanted, taken: set[str]) -> PointSpec | str:
    if device is not None and row.get("device") != device:
        return f"it is of device {row.get('device') or '(none)'}"
    kind = _NAMES.get(_whole(row, "object-type", 1023))
    if kind is None:
        return f"object type {row['object-type']} has no present value that is a number"
    symbol, scale = _unit(row, kind, wanted)
    writable = row.get("writable", "").lower() in _YES
    low, high = _limit(row, "min-present-value", scale), _limit(row, "max-present-value", scale)
    if low == high:
        low = high = None  # what exporters write where the object has no range
    label = row.get("description") or row.get("object-name") or f"{kind} {row.get('object-instance')}"
    return PointSpec.model_validate(
        {
            "name": _id(row.get("object-name") or label, UNITS[symbol].suffix, taken),
            "label": {"en": label, "zh": label},
            "unit": symbol,
            "kind": "setpoint" if writable else _kind_of_point(kind, symbol),
            "address": {
                "kind": "bacnet",
                "object": kind,
                "instance": _whole(row, "object-instance", ALL_INSTANCES),
                "commandable": writable or kind in _OUTPUTS,
                "cov": row.get("supports-cov", "").lower() in _YES,
            },
            "scale": scale,
            "low": low,
            "high": high,
            "every_s": wanted.every_s,
        }
    )


def _kind_of_point(kind: str, symbol: str) -> str:
    if kind in _COUNTERS:
        return "counter"
    return "state" if symbol == "code" else "measurement"


def _unit(row: Mapping[str, str], kind: str, wanted: Wanted) -> tuple[str, float]:
    if kind.startswith(("binary", "multi")):
        return "code", 1.0
    found = house_unit(_whole(row, "unit-code", 65535, NO_UNITS), wanted.pressure)
    if isinstance(found, str):
        raise ConfigError(f"unit-code: {found}")
    return found.symbol, found.scale


def _whole(row: Mapping[str, str], column: str, most: int, absent: int | None = None) -> int:
    cell = row.get(column, "")
    if not cell and absent is not None:
        return absent
    if not cell.isascii() or not cell.isdigit() or int(cell) > most:
        raise ConfigError(f"{column}: found {cell!r}; allowed is a whole number from 0 to {most}")
    return int(cell)


def _limit(row: Mapping[str, str], column: str, scale: float) -> float | None:
    cell = row.get(column, "").replace(",", ".")
    if not cell:
        return None
    if not _NUMBER.match(cell):
        raise ConfigError(f"{column}: found {row[column]!r}; allowed is a number or nothing")
    return float(cell) * scale


def _id(text: str, suffix: str, taken: set[str]) -> str:
    """Id part from an object name, with the suffix of its unit, told from those before by a number."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_").removesuffix(suffix)
    begin = plain if plain[:1].isalpha() else f"p_{plain}".rstrip("_")
    room = _ID_MOST - len(suffix) - 4
    stem = begin[:room].rstrip("_")
    made, count = f"{stem}{suffix}", 1
    while made in taken:
        count += 1
        made = f"{stem}_{count}{suffix}"
    taken.add(made)
    return made


def _twice(rows: list[tuple[int, dict[str, str]]], name: str, device: str | None) -> list[str]:
    first: dict[tuple[str | None, ...], int] = {}
    faults = []
    for line, row in rows:
        of = tuple(row.get(column) for column in ("device", "object-type", "object-instance"))
        if device is not None and of[0] != device:
            continue
        before = first.setdefault(of, line)
        if before != line:
            faults.append(f"{name}:{line}: object-instance: the object of line {before} is there again")
    return faults


def _line_of(fault: str) -> int:
    found = re.search(r":(\d+): ", fault)
    return int(found[1]) if found else 0


def _field(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "the whole line"


def _profile(points: list[PointSpec], name: str, wanted: Wanted) -> Profile:
    said: dict[str, Any] = {
        "id": wanted.profile,
        "label": {"en": wanted.profile, "zh": wanted.profile},
        "protocol": "bacnet",
        "equipment": wanted.equipment,
        "points": points,
    }
    try:
        return Profile.model_validate(said)
    except ValidationError as error:
        faults = [f"{name}: {_field(fault['loc'])}: {fault['msg']}" for fault in error.errors()]
        raise ConfigError("\n".join(faults)) from error
