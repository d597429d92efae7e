"""What is heard live: judged by the cleaning rules, virtual points calculated anew with their inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hub.store.port import LastValue, SeriesReader
from hub.values.recent import Recent
from hub.values.site import SiteValues, Virtual
from hub.values.virtual import newest_of
from protocols.point import PointId


class LiveVirtual:
    """Keeps the newest value of every input of a virtual point, and of nothing else.

    Attributes:
        heard: Names of the points that have to be heard, whoever listens: inputs, and those with rules.
    """

    def __init__(self, values: SiteValues) -> None:
        self._recent = Recent(values.cleaning)
        self._ruled = {str(point): point for point in values.cleaning}
        self._users: dict[str, list[Virtual]] = {}
        self._names: dict[str, PointId] = {}
        self._last: dict[PointId, LastValue] = {}
        for one in values.virtual.values():
            for point in one.inputs:
                self._names[str(point)] = point
                self._users.setdefault(str(point), []).append(one)
        self.heard = frozenset(self._ruled) | frozenset(self._names)

    def known(self) -> list[tuple[str, LastValue]]:
        """What the inputs said last, for one that takes its place."""
        return [(str(point), last) for point, last in self._last.items()]

    def judge(self, rows: Iterable[tuple[str, LastValue]]) -> list[tuple[str, LastValue]]:
        """The same with the marks of the rules; tell each sample once, in order of time."""
        return [
            (name, self._recent.hear(self._ruled[name], last) if name in self._ruled else last)
            for name, last in rows
        ]

    def learn(self, reader: SeriesReader, told: Mapping[PointId, LastValue]) -> None:
        """Take what the points said last, after a look at what rules have to know of before.

        Raises:
            StoreError: The series cannot be read now.
        """
        found = self._recent.learn(reader, told)
        self.hear([(str(point), last) for point, last in found.items()])

    def go_on(self, before: LiveVirtual) -> None:
        """Take the place of one that went by other rules: what inputs said last stands."""
        self._recent.go_on(before._recent)
        self.hear(before.known())

    def hear(self, rows: Iterable[tuple[str, LastValue]]) -> list[tuple[str, LastValue]]:
        """Values of the virtual points with an input among these; one with an input never heard is left out.

        Nothing older takes the place of something newer.
        """
        touched: dict[PointId, Virtual] = {}
        for name, last in rows:
            point = self._names.get(name)
            if point is None:
                continue
            known = self._last.get(point)
            if known is None or known.time_ns <= last.time_ns:
                self._last[point] = last
                touched.update((one.id, one) for one in self._users[name])
        found = ((str(ident), newest_of(one, self._last)) for ident, one in touched.items())
        return [(name, last) for name, last in found if last is not None]
