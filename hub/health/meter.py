"""Figures of one process: counters, gauges and histograms, in families that travel and are joined."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

PREFIX: Final = "ems_hub_"
BUCKETS_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper ends of the times that are counted; what is longer is in the last one. [s]"""

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Family:
    """All figures of one name.

    Attributes:
        name: Without the prefix, with its unit.
        kind: `counter`, `gauge` or `histogram`.
        text: What it is, one sentence.
        rows: Suffix of the name and labels to the figure.
    """

    name: str
    kind: str
    text: str
    rows: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def packed(self) -> list[Any]:
        """As plain lists, to travel."""
        rows = [[suffix, dict(labels), value] for (suffix, labels), value in self.rows.items()]
        return [self.name, self.kind, self.text, rows]


def unpacked(data: Sequence[Any]) -> Family:
    """A family that has travelled.

    Raises:
        ValueError: It is none.
    """
    name, kind, text, rows = data
    found = {(str(suffix), labels_of(labels)): float(value) for suffix, labels, value in rows}
    return Family(str(name), str(kind), str(text), found)


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Labels in one order.

    Example:
        >>> labels_of({"b": "1", "a": "2"})
        (('a', '2'), ('b', '1'))
    """
    return tuple(sorted((str(key), str(value)) for key, value in labels.items()))


class Meter:
    """Counts; every call is cheap and never waits."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def add(self, name: str, text: str, more: float = 1.0, **labels: str) -> None:
        """Count up."""
        rows = self._family(name, "counter", text).rows
        key = ("", labels_of(labels))
        rows[key] = rows.get(key, 0.0) + more

    def put(self, name: str, text: str, value: float, **labels: str) -> None:
        """Note what is so now."""
        self._family(name, "gauge", text).rows["", labels_of(labels)] = float(value)

    def took(self, name: str, text: str, seconds: float, **labels: str) -> None:
        """Note how long something took. [s]."""
        rows = self._family(name, "histogram", text).rows
        at = bisect_left(BUCKETS_S, seconds)
        for number, end in enumerate((*BUCKETS_S, None)):
            key = ("_bucket", labels_of({**labels, "le": "+Inf" if end is None else f"{end:g}"}))
            rows[key] = rows.get(key, 0.0) + (number >= at)
        for suffix, more in (("_sum", seconds), ("_count", 1.0)):
            rows[suffix, labels_of(labels)] = rows.get((suffix, labels_of(labels)), 0.0) + more

    def forget(self, *names: str) -> None:
        """Tell no more of these."""
        for name in names:
            self._families.pop(name, None)

    @contextmanager
    def timing(self, name: str, text: str, **labels: str) -> Iterator[None]:
        """Note how long the block took, also when it fails."""
        begun_s = time.monotonic()
        try:
            yield
        finally:
            self.took(name, text, time.monotonic() - begun_s, **labels)

    def families(self) -> list[Family]:
        """All of it."""
        return list(self._families.values())

    def _family(self, name: str, kind: str, text: str) -> Family:
        found = self._families.get(name)
        if found is None:
            found = self._families[name] = Family(name, kind, text)
        return found


def joined(sources: Iterable[tuple[Mapping[str, str], Iterable[Family]]]) -> list[Family]:
    """Families of several processes as one each, with labels that say whose a figure is."""
    found: dict[str, Family] = {}
    for more, families in sources:
        for family in families:
            into = found.setdefault(family.name, Family(family.name, family.kind, family.text))
            for (suffix, labels), value in family.rows.items():
                into.rows[suffix, labels_of({**more, **dict(labels)})] = value
    return list(found.values())


def exposition(families: Iterable[Family]) -> str:
    """Text for Prometheus, exposition format 0.0.4.

    Example:
        >>> print(exposition([Family("up", "gauge", "Here.", {("", ()): 1.0})]), end="")
        # HELP ems_hub_up Here.
        # TYPE ems_hub_up gauge
        ems_hub_up 1
    """
    lines: list[str] = []
    for family in sorted(families, key=lambda one: one.name):
        name = PREFIX + family.name
        lines += [f"# HELP {name} {family.text}", f"# TYPE {name} {family.kind}"]
        lines += [
            f"{name}{suffix}{_shown(labels)} {value:.9g}" for (suffix, labels), value in family.rows.items()
        ]
    return "\n".join(lines) + "\n" if lines else ""


def _shown(labels: Labels) -> str:
    quoted = (
        '{}="{}"'.format(key, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        for key, value in labels
    )
    return "{" + ",".join(quoted) + "}" if labels else ""
