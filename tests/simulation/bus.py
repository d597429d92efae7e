"""The wires: a bus that drops, delays, doubles, reorders, parts and crashes; and a store behind it.

A command waits in the bus's memory until its edge can be reached, so it may arrive long after it was sent.
What went over the wire once may come again at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.simulation.timeline import Story, Timeline

Deliver = Callable[[bytes], None]

_MOST_RECORDED: Final = 400


@dataclass
class Noise:
    """How bad the wires are now; all parts of one."""

    drop: float = 0.0
    double: float = 0.0
    late: float = 0.0
    late_s: float = 0.0


QUIET: Final = Noise()


@dataclass
class Kept:
    """An entry of the bucket that elects: a value with its revision."""

    revision: int
    value: bytes


@dataclass
class Store:
    """Receipts as the hub's store keeps them: each row of a journal once, in order of arrival."""

    rows: list[bytes] = field(default_factory=list)
    known: set[tuple[str, int]] = field(default_factory=set)

    def take(self, journal: str, seq: int, body: bytes) -> None:
        """Commit a row; one that is known changes nothing."""
        if (journal, seq) not in self.known:
            self.known.add((journal, seq))
            self.rows.append(body)


@dataclass
class Bus:
    """One server, and a wire to it from each process.

    Attributes:
        cut: Names of processes whose wire is down.
        deaf: Edges that are heard and hear nothing.
        down: The server is away.
        noise: How bad the wires are.
        edges: Edge to what takes its commands and its renewals.
        hubs: Hub to what takes heartbeats.
        readers: Hub to what takes who holds the points.
        recorded: What an eavesdropper has.
        bucket: What elects; outlives a crash.
        revision: Last revision given.
        waiting: Commands for an edge that cannot be reached.
    """

    timeline: Timeline
    story: Story
    chance: Random
    cut: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    down: bool = False
    noise: Noise = field(default_factory=Noise)
    edges: dict[str, tuple[Deliver, Deliver]] = field(default_factory=dict)
    hubs: dict[str, Deliver] = field(default_factory=dict)
    readers: dict[str, Deliver] = field(default_factory=dict)
    recorded: list[tuple[str, bool, bytes]] = field(default_factory=list)
    bucket: Kept | None = None
    revision: int = 0
    waiting: list[tuple[str, bytes]] = field(default_factory=list)

    def reaches(self, *names: str) -> bool:
        """Whether the server and all of these are on speaking terms."""
        return not self.down and not self.cut.intersection(names)

    def command(self, sender: str, edge: str, data: bytes) -> bool:
        """Take a command; False: the sender gets no answer, whatever became of it."""
        if not self.reaches(sender):
            return False
        self._record(edge, data, is_renewal=False)
        self._carry(lambda: self._to_edge(edge, data))
        return self.chance.random() >= self.noise.drop

    def renewal(self, sender: str, edge: str, data: bytes) -> None:
        """Send a renewal; nothing keeps it."""
        if self.reaches(sender):
            self._record(edge, data, is_renewal=True)
            self._carry(lambda: self._renew(edge, data))

    def beat(self, edge: str, data: bytes) -> None:
        """Send a heartbeat to every hub."""
        for name, take in self.hubs.items():
            if self.reaches(edge):
                self._carry(lambda name=name, take=take: self._to_hub(name, take, data))  # type: ignore[misc]  # bound now

    def holders(self, edge: str, data: bytes) -> None:
        """Tell every hub who holds the points of an edge."""
        for name, take in self.readers.items():
            if self.reaches(edge):
                self._carry(lambda name=name, take=take: self._to_hub(name, take, data))  # type: ignore[misc]  # bound now

    def rows(self, edge: str, take: Callable[[], None]) -> None:
        """Send rows of a journal, or the answer to them."""
        if self.reaches(edge):
            self._carry(lambda: take() if self.reaches(edge) else None)

    def put(self, sender: str, value: bytes, revision: int) -> int | None:
        """Compare-and-set in the bucket, 0: there must be none; the new revision, None: refused or away."""
        if not self.reaches(sender):
            return None
        now = 0 if self.bucket is None else self.bucket.revision
        if now != revision:
            return None
        self.revision += 1
        self.bucket = Kept(self.revision, value)
        return self.revision

    def look(self, sender: str) -> tuple[bool, Kept | None]:
        """Whether the bucket could be read, and what is in it."""
        return (True, self.bucket) if self.reaches(sender) else (False, None)

    def again(self, number: int, edge: str | None = None) -> None:
        """Somebody sends what was recorded once more, to its edge or another."""
        if self.recorded:
            to, is_renewal, data = self.recorded[number % len(self.recorded)]
            self.deliver(edge or to, data, is_renewal=is_renewal)

    def deliver(self, edge: str, data: bytes, *, is_renewal: bool = False) -> None:
        """Hand something to an edge at once."""
        if self.reaches(edge):
            self.edges[edge][1 if is_renewal else 0](data)

    def crash(self) -> None:
        """The server dies with what it held in memory."""
        self.down = True
        self.waiting.clear()

    def flush(self) -> None:
        """Deliver what has waited for an edge that can be reached again."""
        ready = [one for one in self.waiting if self._hears(one[0])]
        self.waiting = [one for one in self.waiting if not self._hears(one[0])]
        for edge, data in ready:
            self._carry(lambda edge=edge, data=data: self._to_edge(edge, data))  # type: ignore[misc]  # bound now

    def _hears(self, edge: str) -> bool:
        return self.reaches(edge) and edge not in self.deaf

    def _to_edge(self, edge: str, data: bytes) -> None:
        if self._hears(edge):
            self.edges[edge][0](data)
        elif not self.down:
            self.waiting.append((edge, data))

    def _renew(self, edge: str, data: bytes) -> None:
        if self._hears(edge):
            self.edges[edge][1](data)

    def _to_hub(self, name: str, take: Deliver, data: bytes) -> None:
        if self.reaches(name):
            take(data)

    def _carry(self, arrive: Callable[[], None]) -> None:
        noise, chance = self.noise, self.chance
        if chance.random() < noise.drop:
            return
        for _ in range(2 if chance.random() < noise.double else 1):
            seconds = chance.uniform(0.002, 0.02)
            if chance.random() < noise.late:
                seconds += chance.uniform(0.0, noise.late_s)
            self.timeline.after(seconds, arrive)

    def _record(self, edge: str, data: bytes, *, is_renewal: bool) -> None:
        self.recorded.append((edge, is_renewal, data))
        del self.recorded[:-_MOST_RECORDED]
