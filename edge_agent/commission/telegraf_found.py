"""What was found in a Telegraf configuration: sections with the lines of their keys, devices, remarks.

Everything that cannot be taken over with certainty becomes a line of `Book.left_out`; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from edge_agent.commission.toml_lines import Loc, Toml

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_VARIABLE: Final = re.compile(r"\$\{?\w+|@\{")

COMMON: Final = frozenset({
    "alias", "tags", "interval", "collection_jitter", "collection_offset", "precision", "log_level",
    "name_override", "name_prefix", "name_suffix",
})  # fmt: skip
"""Keys of every plug-in that change names and times of Telegraf's own, not what is read."""


class Line(NamedTuple):
    """Something to say about a line of the file."""

    line: int
    text: str


@dataclass(slots=True)
class Book:
    """Remarks, in the order they were found.

    Attributes:
        left_out: What is not in the profile or the device list.
        notes: What is in, and differs from what Telegraf made of it.
    """

    left_out: list[Line] = field(default_factory=list)
    notes: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FoundField:
    """A value that a device has.

    Attributes:
        line: Where it stands.
        measurement: Telegraf's name for a group of fields.
        name: Name of the field.
        address: Where it lies, as in a profile.
        scale: Raw value times this is what Telegraf stores.
        state: Whether it is a state by its nature (a bit).
    """

    line: int
    measurement: str
    name: str
    address: Mapping[str, object]
    scale: float = 1.0
    state: bool = False


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device that Telegraf reads.

    Attributes:
        line: Where it stands.
        name: What it is called there.
        protocol: As in a profile.
        connection: As in a device list; None where it cannot be told with certainty.
        fields: Its values.
        every_s: How often it is read. [s]
    """

    line: int
    name: str
    protocol: str
    connection: Mapping[str, object] | None
    fields: tuple[FoundField, ...]
    every_s: float


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file; wrong types of its keys are left out with their line."""

    toml: Toml
    loc: Loc
    data: Mapping[str, Any]
    book: Book

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.toml.line(self.loc)

    def leave(self, key: str, text: str) -> None:
        """Say that something of it is not taken over."""
        self.book.left_out.append(Line(self.toml.line((*self.loc, key)), f"{key}: {text}"))

    def note(self, key: str, text: str) -> None:
        """Say that something of it is taken over and differs."""
        self.book.notes.append(Line(self.toml.line((*self.loc, key)), f"{key}: {text}"))

    def text(self, key: str, usual: str = "") -> str:
        """A text; one with a variable of the environment is not known here and counts as not given."""
        value = self.data.get(key, usual)
        if not isinstance(value, str):
            self.leave(key, f"found {value!r}; allowed is a text")
            return usual
        if _VARIABLE.search(value):
            self.leave(key, f"found {value!r}, which only Telegraf's environment knows; write the value out")
            return usual
        return value

    def number(self, key: str, usual: float) -> float:
        """A number."""
        value = self.data.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.leave(key, f"found {value!r}; allowed is a number")
            return usual
        return value

    def seconds(self, key: str, usual: float) -> float:
        """A duration [s] as Telegraf writes it: `10s`, `1m30s`, or a number of seconds."""
        value = self.data.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if value is None:
            return usual
        parts = _DURATION.findall(value) if isinstance(value, str) else []
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.leave(key, f"found {value!r}; allowed is a duration such as 10s; {usual:g} s is used")
            return usual
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)

    def sections(self, key: str) -> Iterator[Section]:
        """Tables of a list."""
        found = self.data.get(key, [])
        if not isinstance(found, list):
            self.leave(key, "found something else than a list of tables")
            return
        for number, one in enumerate(found):
            if isinstance(one, Mapping):
                yield Section(self.toml, (*self.loc, key, number), one, self.book)
            else:
                self.leave(key, f"found {one!r}; allowed is a table")

    def refuse_others(self, known: frozenset[str]) -> None:
        """Say which of its keys have no counterpart here."""
        for key in self.data:
            if key not in known and key not in COMMON:
                self.leave(key, "has no counterpart here")
