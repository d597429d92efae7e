"""Rules against history: when each would have acted in a Parquet file of `ems edge export`.

The file is walked second by second with the law that runs on the image. A value counts until the next one of
its point, at most `stale_s`; then it is missing, as it would be at the box.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.rules_file import Trial
from plant.control.rules import BoundRule, RuleMemory, bind, decide, initial_memory
from protocols.errors import ConfigError
from protocols.rule_check import PointFacts
from protocols.rules import RuleBook, leaves
from runtime.clock import NS, iso_utc

if TYPE_CHECKING:
    import pyarrow as pa

STALE_S: Final = 900.0
"""As long as the hub holds a value that is reported by exception."""

_COLUMNS: Final = ["time", "device", "point", "value"]


class Episode(NamedTuple):
    """One time a rule would have acted; it went on at the end of the data where `open`."""

    rule: str
    start_ns: int
    end_ns: int
    open: bool


@dataclass(slots=True)
class Tried:
    """What one rule would have done.

    Attributes:
        rule: The rule, bound to the points of the edge.
        unseen: Its inputs of which the file has no sample.
        episodes: When it would have acted.
        unknown_s: How long an input was missing. [s]
    """

    rule: BoundRule
    unseen: tuple[str, ...]
    episodes: list[Episode] = field(default_factory=list)
    unknown_s: float = 0.0

    def trial(self, span_ns: tuple[int, int]) -> Trial:
        """For the record."""
        acting_s = sum(episode.end_ns - episode.start_ns for episode in self.episodes) / NS
        first, last = (iso_utc(at_ns) for at_ns in span_ns)
        return Trial(self.rule.rule.id, first, last, len(self.episodes), acting_s, self.unknown_s)


class History(NamedTuple):
    """Samples of the inputs, sorted by time; shape (n,) each."""

    times_ns: NDArray[np.int64]
    points: NDArray[np.int64]
    values: NDArray[np.float64]
    names: tuple[str, ...]

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last moment."""
        return int(self.times_ns[0]), int(self.times_ns[-1])


def load_history(path: Path, inputs: Sequence[str]) -> History:
    """Samples of some points `device/point`.

    Raises:
        ConfigError: No such file, no Parquet of `ems edge export`, no sample in it, or no pyarrow.
    """
    table = _table(path)
    names = tuple(sorted(set(inputs)))
    place = {name: at for at, name in enumerate(names)}
    columns = [table.column(name).to_pylist() for name in ("device", "point")]
    points = np.array(
        [place.get(f"{device}/{point}", -1) for device, point in zip(*columns, strict=True)], np.int64
    )
    times = np.asarray(table.column("time").cast("int64").to_numpy(), np.int64)
    values = np.asarray(table.column("value").to_numpy(zero_copy_only=False), np.float64)
    used = np.flatnonzero(points >= 0)
    if not len(used):
        raise ConfigError(f"{path} has no sample of {', '.join(names)}; export a period that has")
    order = used[np.argsort(times[used], kind="stable")]
    return History(times[order], points[order], values[order], names)


def _table(path: Path) -> pa.Table:
    try:
        import pyarrow as pa  # noqa: PLC0415  100 MB that only this command needs
        import pyarrow.parquet as pq  # noqa: PLC0415  as above
    except ImportError as error:
        raise ConfigError("trying rules needs pyarrow; install the extra 'edge' of this package") from error
    try:
        table = pq.read_table(path, columns=_COLUMNS)
    except (OSError, pa.ArrowInvalid) as error:
        raise ConfigError(f"{path} is no Parquet file that can be read: {error}") from error
    missing = sorted(set(_COLUMNS) - set(table.column_names))
    if missing:
        raise ConfigError(f"{path} has no column {', '.join(missing)}; give a file of `ems edge export`")
    return table


def try_rules(
    book: RuleBook, facts: Mapping[str, PointFacts], history: History, stale_s: float = STALE_S
) -> list[Tried]:
    """Walk through the history second by second, in the order of the rules."""
    units = {name: point.unit for name, point in facts.items()}
    seen = {history.names[at] for at in np.unique(history.points).tolist()}
    found = [
        Tried(bind(rule, units), tuple(sorted({leaf.point for leaf in leaves(rule.when)} - seen)))
        for rule in book.rules
    ]
    memories = [initial_memory(one.rule) for one in found]
    for at_ns, values in _seconds(history, stale_s):
        for number, one in enumerate(found):
            memories[number] = _look(one, memories[number], values, at_ns)
    end_ns = history.span_ns[1]
    for one, memory in zip(found, memories, strict=True):
        if memory.acts:
            one.episodes.append(Episode(one.rule.rule.id, round(memory.since_s * NS), end_ns, open=True))
    return found


def _look(one: Tried, memory: RuleMemory, values: Mapping[str, float], at_ns: int) -> RuleMemory:
    said = decide(one.rule, memory, values, at_ns / NS)
    one.unknown_s += said.holds is None
    if memory.acts and not said.acts:
        one.episodes.append(Episode(one.rule.rule.id, round(memory.since_s * NS), at_ns, open=False))
    return said.memory


def _seconds(history: History, stale_s: float) -> Iterator[tuple[int, Mapping[str, float]]]:
    """Each whole second of the history with the values that count then."""
    first_ns, last_ns = history.span_ns
    begin_ns = -(-first_ns // NS) * NS
    upto = np.searchsorted(history.times_ns, np.arange(begin_ns, last_ns + 1, NS), side="right").tolist()
    values: dict[str, float] = {}
    fresh_ns: dict[str, int] = {}
    done = 0
    for number, end in enumerate(upto):
        at_ns = begin_ns + number * NS
        for at in range(done, end):
            name = history.names[int(history.points[at])]
            values[name], fresh_ns[name] = float(history.values[at]), int(history.times_ns[at])
        done = end
        for name, since_ns in fresh_ns.items():
            if at_ns - since_ns > stale_s * NS:
                values[name] = math.nan
        yield at_ns, values
