"""Many devices or points at once, from a table: each row checked by itself, all faults told.

A column is the path of a field (`connection.host`, `label.en`); an empty cell is a field that is not given.
The rows are put into the file they belong to as lines of their own: what is there, comments too, stays.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from hub.registry.documents import Documents
from protocols.config import Config
from protocols.device import Device, place_of
from protocols.errors import ConfigError
from protocols.profile import PointSpec
from runtime.yaml_config import line_numbers, load_yaml
from runtime.yaml_faults import faults_of

MOST_ROWS: Final = 100_000
_WIDE: Final = 100_000
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows go.

    Attributes:
        path: File of the configuration.
        field: Its list.
        model: What a row is.
        name: Field that must be unique.
        place: What else must be unique, by row; empty text: nothing.
    """

    path: str
    field: str
    model: type[Config]
    name: str
    place: Callable[[Config], str]


def devices_of(site: str, edge: str) -> Target:
    """Devices of an edge."""
    return Target(f"sites/{site}/{edge}.yaml", "devices", Device, "id", _device_place)


def points_of(profile: str) -> Target:
    """Points of a profile."""
    return Target(f"devices/{profile}.yaml", "points", PointSpec, "name", lambda _: "")


def _device_place(row: Config) -> str:
    return place_of(row) if isinstance(row, Device) else ""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a table says.

    Attributes:
        good: Rows that can be taken.
        faults: What is wrong with the others, one line each: file, row, field, found, allowed.
        bad: How many rows have a fault.
    """

    good: tuple[Config, ...]
    faults: tuple[str, ...]
    bad: int


def read_rows(file: Path, target: Target, documents: Documents) -> Rows:
    """Read and check a table, `.csv` or YAML.

    Raises:
        ConfigError: It is no table, or the file it belongs to is not in the configuration.
    """
    names, places = _taken(target, documents)
    rows = list(_csv_rows(file) if file.suffix == ".csv" else _yaml_rows(file, target.field))
    if len(rows) > MOST_ROWS:
        raise ConfigError(f"{file}: {len(rows)} rows; at most {MOST_ROWS} at once, use several files")
    good: list[Config] = []
    faults: list[str] = []
    bad = 0
    for line, data in rows:
        row = _row(target, data)
        wrong = row if isinstance(row, list) else _again(row, target, (names, places), line)
        bad += bool(wrong)
        faults += [f"{file}: row {line}: {text}" for text in wrong]
        if not wrong and isinstance(row, Config):
            good.append(row)
    return Rows(tuple(good), tuple(faults), bad)


def _row(target: Target, data: object) -> Config | list[str]:
    try:
        return target.model.model_validate(data)
    except ValidationError:
        found = faults_of(target.model, data)
    return [f"{'.'.join(str(part) for part in one.loc) or 'as a whole'}: {one.text}" for one in found]


def _again(row: Config, target: Target, taken: tuple[dict[str, str], dict[str, str]], line: int) -> list[str]:
    """What of this row is there already; what is fresh is noted."""
    names, places = taken
    name, place = str(getattr(row, target.name)), target.place(row)
    faults = []
    if name in names:
        faults.append(f"{target.name}: found {name!r}, which is taken by {names[name]}; allowed are others")
    if place and place in places:
        faults.append(f"address: found {place}, which is the one of {places[place]}; allowed are others")
    if not faults:
        names[name] = places[place] = f"row {line}"
    return faults


def _taken(target: Target, documents: Documents) -> tuple[dict[str, str], dict[str, str]]:
    body = documents.get(target.path)
    if body is None:
        raise ConfigError(f"{target.path} is not in the configuration; import it with at least one row first")
    listed = yaml.load(body, Loader=_LOADER)  # noqa: S506  a safe loader, in C where there is one
    rows = [target.model.model_validate(one) for one in listed[target.field]]
    names = {str(getattr(row, target.name)): target.path for row in rows}
    return names, {target.place(row): str(getattr(row, target.name)) for row in rows}


def _csv_rows(file: Path) -> Iterator[tuple[int, dict[str, object]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8; save the table as CSV UTF-8") from error
    head = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ","
    )
    try:
        columns = [name.strip() for name in next(reader, [])]
        if not all(columns) or len(set(columns)) != len(columns):
            raise ConfigError(
                f"{file}: row 1: a column without a name, or a name twice: {', '.join(columns)}"
            )
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, _nested(file, reader.line_num, columns, cells)
    except csv.Error as error:
        raise ConfigError(f"{file}: row {reader.line_num}: {error}") from error


def _nested(file: Path, line: int, columns: Sequence[str], cells: Sequence[str]) -> dict[str, object]:
    if len(cells) > len(columns):
        raise ConfigError(f"{file}: row {line}: {len(cells)} cells for {len(columns)} columns; quote commas")
    found: dict[str, object] = {}
    for column, cell in zip(columns, cells, strict=False):
        if not cell.strip():
            continue
        at = found
        *above, last = column.split(".")
        for part in above:
            below = at.setdefault(part, {})
            if not isinstance(below, dict):
                raise ConfigError(f"{file}: row 1: {part!r} is a column and the beginning of {column!r}")
            at = below
        at[last] = cell.strip()
    return found


def _yaml_rows(file: Path, field: str) -> Iterator[tuple[int, object]]:
    document = load_yaml(file)
    below = isinstance(document, Mapping)
    rows = document.get(field) if isinstance(document, Mapping) else document
    if not isinstance(rows, list):
        raise ConfigError(f"{file}: found no list of rows; write a list, or `{field}:` with a list below it")
    line_of = line_numbers(file)
    for at, row in enumerate(rows):
        yield line_of((field, at) if below else (at,)), row


def merged(documents: Documents, target: Target, rows: Sequence[Config]) -> dict[str, bytes]:
    """The configuration with the rows at the end of their list, one a line; the rest of the file as it was.

    Raises:
        ConfigError: The list is written in one line; nothing can be put below it.
    """
    text = documents[target.path].decode("utf-8")
    at, indent = _end_of_list(text, target)
    lines = text.splitlines(keepends=True)
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    fresh = [f"{' ' * indent}- {_one_line(row)}\n" for row in rows]
    body = "".join([*lines[:at], *fresh, *lines[at:]])
    return {**documents, target.path: body.encode()}


def _end_of_list(text: str, target: Target) -> tuple[int, int]:
    """Line after the last one of the list, and the column of its dashes."""
    root = yaml.compose(text, Loader=_LOADER)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next((value for key, value in pairs if key.value == target.field), None)
    if not isinstance(found, yaml.SequenceNode) or found.flow_style:
        raise ConfigError(f"{target.path}: write `{target.field}:` with one dash a row, not in brackets")
    lines = text.splitlines()
    end = min(found.end_mark.line + (found.end_mark.column > 0), len(lines))
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return end, found.start_mark.column


def _one_line(row: Config) -> str:
    data = row.model_dump(mode="json", exclude_unset=True)
    text = yaml.dump(
        data, Dumper=_DUMPER, default_flow_style=True, sort_keys=False, allow_unicode=True, width=_WIDE
    )
    return text.strip()
