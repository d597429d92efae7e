"""How good the alarms are, by EEMUA 191 and ISA-18.2: rates, floods, chattering, what stands. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

SPAN_S: Final = 600
"""Alarms are counted by ten minutes. [s]"""

FLOOD: Final = 10
"""More than this in ten minutes is a flood. [-]"""

CHATTER_S: Final = 60
_CHATTERS: Final = 3
_OLD_NS: Final = 86_400 * 1_000_000_000
_NS: Final = 1_000_000_000
_TOP: Final = 10


class Raise(NamedTuple):
    """An alarm was raised, and told."""

    time_ns: int
    alarm: str
    priority: int


class Worst(NamedTuple):
    """One of the alarms that were raised most: how often, and which part of all."""

    alarm: str
    times: int
    part_frac: float


class Figures(NamedTuple):
    """Of a time.

    Attributes:
        raised: How many were raised.
        per_10min_mean: Mean of ten minutes. [-]
        per_10min_max: Most in any ten minutes, wherever they begin. [-]
        flood_frac: Part of the time, in ten minutes by the clock, with more than ten. [-]
        chattering: Alarms that were raised three times within a minute. [-]
        standing: Alarms that are there now. [-]
        old: Of these, those that stand for more than a day. [-]
        priorities: How many of each priority.
        top: The worst ten.
    """

    raised: int
    per_10min_mean: float
    per_10min_max: int
    flood_frac: float
    chattering: int
    standing: int
    old: int
    priorities: Mapping[int, int]
    top: tuple[Worst, ...]


def figures(raises: Sequence[Raise], standing_ns: Iterable[int], from_ns: int, to_ns: int) -> Figures:
    """Figures of the time between.

    Args:
        raises: All that were raised in it, by time.
        standing_ns: When each of the alarms was raised that are there at its end. [ns]
        from_ns: Its begin. [ns]
        to_ns: Its end. [ns]

    Source:
        EEMUA 191, 3rd edition, key performance figures; ISA-18.2-2016, clause 16.
    """
    spans = max((to_ns - from_ns) / _NS / SPAN_S, 1e-9)
    stands = list(standing_ns)
    by_clock = Counter((one.time_ns - from_ns) // (SPAN_S * _NS) for one in raises)
    floods = sum(count > FLOOD for count in by_clock.values())
    counts = Counter(one.alarm for one in raises)
    top = tuple(Worst(alarm, count, count / len(raises)) for alarm, count in counts.most_common(_TOP))
    return Figures(
        len(raises), len(raises) / spans, most_within(raises, SPAN_S), min(floods / spans, 1.0),
        len(chattering(raises)), len(stands), sum(to_ns - at_ns > _OLD_NS for at_ns in stands),
        dict(sorted(Counter(one.priority for one in raises).items())), top,
    )  # fmt: skip


def most_within(raises: Sequence[Raise], span_s: int) -> int:
    """Most alarms in any `span_s`, wherever it begins.

    Example:
        >>> most_within([Raise(at * 10**9, "a", 1) for at in (0, 300, 599, 1198)], 600)
        3
    """
    first, most = 0, 0
    for at, one in enumerate(raises):
        while one.time_ns - raises[first].time_ns >= span_s * _NS:
            first += 1
        most = max(most, at - first + 1)
    return most


def chattering(raises: Sequence[Raise]) -> set[str]:
    """Alarms that were raised three times within a minute."""
    times: dict[str, list[int]] = {}
    for one in raises:
        times.setdefault(one.alarm, []).append(one.time_ns)
    return {
        alarm
        for alarm, at_ns in times.items()
        if any(
            third - first <= CHATTER_S * _NS
            for first, third in zip(at_ns, at_ns[_CHATTERS - 1 :], strict=False)
        )
    }
