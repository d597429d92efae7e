"""Cells of tables for people's spreadsheets: a text stays a text, however it begins.

A spreadsheet takes a cell that begins with one of a few characters for a formula, and a formula can fetch and
send. What goes out as CSV with texts of people in it passes here; workbooks have formulas switched off.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

_BEGINNINGS: Final = frozenset("=+-@")
_BREAKS: Final = frozenset("\t\r\n")
"""Some programs drop these, and others take them for the end of the cell: what follows would begin one."""


def cell(value: object) -> object:
    r"""The value as it may stand in a cell: a text that could be a formula begins with an apostrophe.

    Wide forms count as the plain ones, since spreadsheets in Chinese and Japanese read them so; blanks and
    what cannot be seen at the beginning do not hide what comes after them. Numbers are left as they are.

    Example:
        >>> [cell(one) for one in ("=1+1", "\t=1", " @x", "更换机油", "a=b", "", -1.5, None)]
        ["'=1+1", "'\t=1", "' @x", '更换机油', 'a=b', '', -1.5, None]
    """
    return f"'{value}" if isinstance(value, str) and _could_be_formula(value) else value


def row(values: Iterable[object]) -> list[object]:
    """A row of cells."""
    return [cell(value) for value in values]


def _could_be_formula(text: str) -> bool:
    if text[:1] in _BREAKS:
        return True
    first = next((one for one in text if one.isprintable() and not one.isspace()), "")
    return unicodedata.normalize("NFKC", first)[:1] in _BEGINNINGS
