"""Rows for a person at a terminal: columns as wide as their longest word."""

from __future__ import annotations

from collections.abc import Sequence

Row = dict[str, str | float | bool | None]
"""Column to value; all rows of a table have the same columns."""


def show(rows: Sequence[Row]) -> str:
    """A table as text; a missing value is empty, a number has six digits.

    Example:
        >>> print(show([{"object": "av 1", "value": 6.5}, {"object": "device 3001", "value": None}]))
        object       value
        av 1         6.5
        device 3001
    """
    if not rows:
        return "nothing was found"
    table = [list(rows[0]), *([_word(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(table[0]))]
    lines = ("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)) for line in table)
    return "\n".join(line.rstrip() for line in lines)


def _word(value: str | float | bool | None) -> str:  # noqa: FBT001  a cell, not a switch
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
