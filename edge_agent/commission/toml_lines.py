"""TOML with the line of each key, which the standard library reads but does not tell.

`tomllib` checks and reads the text; a second walk over the same text, which may then trust it, notes where
each key, table and item of a list begins.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from protocols.errors import ConfigError

Loc = tuple[int | str, ...]

_MOST_BYTES: Final = 4_000_000
_AT_LINE: Final = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")
_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}\n#]*")
_TEXTS: Final = tuple(
    re.compile(form, re.DOTALL)
    for form in (r'"""(?:\\.|[^\\])*?"{3,5}', r"'''.*?'{3,5}", r'"(?:\\.|[^"\\])*"', r"'[^']*'")
)


@dataclass(frozen=True, slots=True)
class Toml:
    """A file that was read.

    Attributes:
        path: Where it stands.
        data: What it holds.
    """

    path: Path
    data: dict[str, Any]
    _lines: dict[Loc, int]

    def line(self, loc: Loc) -> int:
        """Line, from 1, of the deepest part of a place that is in the file."""
        while loc and loc not in self._lines:
            loc = loc[:-1]
        return self._lines.get(loc, 1)


def load_toml(path: Path) -> Toml:
    """Read a file.

    Raises:
        ConfigError: Missing, too large, not UTF-8, or no TOML; with the line where it can be told.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > _MOST_BYTES:
        raise ConfigError(f"{path}: {len(raw)} bytes; at most {_MOST_BYTES} are read")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = f":{found[1]}" if found and found[1] else ""
        what = _AT_LINE.sub("", str(error)).strip()
        raise ConfigError(f"{path}{line}: not valid TOML: {what}") from error
    return Toml(path, data, _Walk(text).lines)


class _Walk:
    """Notes the line of every key, table and item; the text is known to be TOML."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._tables: dict[Loc, int] = {}
        self.lines: dict[Loc, int] = {}
        base: Loc = ()
        self._skip()
        while self._at < len(text):
            if text[self._at] == "[":
                base = self._header()
            else:
                self._pair(base)
            self._skip()

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _note(self, loc: Loc) -> None:
        self.lines.setdefault(loc, bisect_right(self._ends, self._at - 1) + 1)

    def _header(self) -> Loc:
        many = self._text.startswith("[[", self._at)
        begin = self._at
        self._at += 2 if many else 1
        keys, loc = list(self._keys()), ()  # type: list[str], Loc
        self._at += 2 if many else 1
        end, self._at = self._at, begin
        for number, key in enumerate(keys):
            loc = (*loc, key)
            if many and number == len(keys) - 1:
                self._note(loc)
                self._tables[loc] = self._tables.get(loc, 0) + 1
            if loc in self._tables:
                loc = (*loc, self._tables[loc] - 1)
        self._note(loc)
        self._at = end
        return loc

    def _keys(self) -> Iterator[str]:
        """Parts of a dotted key; stops before `=` or `]`."""
        while True:
            self._skip()
            if self._text[self._at] in "\"'":
                yield next(iter(tomllib.loads(f"{self._string()} = 0")))
            else:
                found = _BARE.match(self._text, self._at)
                self._at = found.end() if found else self._at + 1
                yield found[0] if found else ""
            self._skip()
            if not self._text.startswith(".", self._at):
                return
            self._at += 1

    def _string(self) -> str:
        found = next(match for form in _TEXTS if (match := form.match(self._text, self._at)))
        self._at = found.end()
        return found[0]

    def _pair(self, base: Loc) -> None:
        begin = self._at
        loc = (*base, *self._keys())
        equals, self._at = self._at, begin
        self._note(loc)
        self._at = equals + 1
        self._value(loc)

    def _value(self, loc: Loc) -> None:
        self._skip()
        sign = self._text[self._at]
        if sign in "\"'":
            self._string()
        elif sign == "[":
            self._items(loc)
        elif sign == "{":
            self._at += 1
            while self._more("}"):
                self._pair(loc)
        else:
            found = _SCALAR.match(self._text, self._at)
            self._at = found.end() if found else self._at + 1

    def _items(self, loc: Loc) -> None:
        self._at += 1
        number = 0
        while self._more("]"):
            self._note((*loc, number))
            self._value((*loc, number))
            number += 1

    def _more(self, end: str) -> bool:
        """Go to the next part of a list or inline table; False behind its end."""
        self._skip()
        if self._text[self._at] == ",":
            self._at += 1
            self._skip()
        if self._text[self._at] == end:
            self._at += 1
            return False
        return True
