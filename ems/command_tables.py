"""Holders and orders as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from runtime import spans
from runtime.plain import one_line

_GAP: Final = "  "


def holders(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One line a point: value read, who holds it, what is wanted, how long, who and why."""
    yield from table(
        ("point", "read", "held by", "wanted", "left", "who", "why"), [_holder(row) for row in rows]
    )


def orders(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One line an order, newest first."""
    yield from table(
        ("id", "asked", "who", "what", "target", "value", "state", "why"), [_order(row) for row in rows]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as their widest cell; the last one is not filled up.

    Example:
        >>> list(table(("a", "b"), [("long", "x")]))
        ['a     b', 'long  x']
    """
    lines = [head, *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        yield _GAP.join(cells).rstrip()


def _holder(row: dict[str, Any]) -> tuple[str, ...]:
    held, unit = row["holder"], row["unit"]
    read = "-" if row["value"] is None else f"{row['value']:g} {unit}"
    if held is None:
        return (row["id"], read, "-", "-", "-", "-", "its edge has not told")
    old = f" (told {spans.shown(held['age_s'])} ago)" if held["old"] else ""
    left = "-" if held["until_s"] is None else spans.shown(held["until_s"])
    wanted = "-" if held["value"] is None else f"{held['value']:g} {unit}"
    return (row["id"], read, held["rung"] + old, wanted, left, held["actor"] or "-", held["why"])


def _order(row: dict[str, Any]) -> tuple[str, ...]:
    value = "-" if row["value"] is None else f"{row['value']:g} {row['unit']}"
    state = row["state"] if row["code"] is None else f"{row['state']} ({row['code']})"
    asked = row["asked"].replace("T", " ")[:19]
    return (row["id"], asked, row["actor"], row["kind"], row["target"], value, state, row["reason"])
