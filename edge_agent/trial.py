"""Whether polling got worse: what was read before a change of configuration against what is read after it.

Counted a poll, not a sample: a few numpy operations each. Compared device by device, so that one that was
switched off before is no reason to go back, and one that was spoiled is not hidden behind the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.poll import HandOn, PollGroup
from protocols.clock import Clock
from protocols.frame import Frame
from protocols.quality import is_bad
from runtime.clock import NS

WINDOW_S: Final = 30.0
"""What was before is known over the last one to two of these. [s]"""

SLACK_FRAC: Final = 0.02
"""Part of the samples, or of the polls in time, that may be lost by chance; one poll always may."""

NEW_GOOD_FRAC: Final = 0.9
"""Part of the samples of a device that was not polled before that must be usable."""

_BAD: Final = next(code for code in range(256) if is_bad(code))
_MISSED_PERIODS: Final = 1.5
_HOPELESS: Final = 0.5
_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """Polls of one device.

    Attributes:
        polls: How many were made.
        due: How many should have been made.
        late: Those that took longer than their period.
        samples: Samples in them.
        usable: Those with a number.
    """

    polls: int = 0
    due: int = 0
    late: int = 0
    samples: int = 0
    usable: int = 0

    def plus(self, other: DeviceHealth) -> DeviceHealth:
        """Both together."""
        return DeviceHealth(
            self.polls + other.polls, self.due + other.due, self.late + other.late,
            self.samples + other.samples, self.usable + other.usable,
        )  # fmt: skip

    @property
    def usable_frac(self) -> float:
        """Part of the samples with a number; 0 without any."""
        return self.usable / self.samples if self.samples else 0.0

    @property
    def in_time_frac(self) -> float:
        """Part of the polls due that were made in time; 0 without any."""
        return max(self.polls - self.late, 0) / self.due if self.due else 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """What polling was like over some time.

    Attributes:
        devices: Device id to its polls.
        usable: Points `device/point` that had a number at least once.
        awaited: Points that were due to be read at least once.
    """

    devices: Mapping[str, DeviceHealth] = field(default_factory=dict)
    usable: frozenset[str] = frozenset()
    awaited: frozenset[str] = frozenset()

    def plus(self, other: Health) -> Health:
        """Both together."""
        devices = dict(self.devices)
        for name, health in other.devices.items():
            devices[name] = devices.get(name, DeviceHealth()).plus(health)
        return Health(devices, self.usable | other.usable, self.awaited | other.awaited)


@dataclass(slots=True)
class _Group:
    group: PollGroup
    ever: NDArray[np.bool_]
    all_ever: bool = False
    polls: int = 0
    due: int = 0
    late: int = 0
    samples: int = 0
    usable: int = 0
    last_ns: int = 0

    def health(self, begun_s: float, now_s: float) -> DeviceHealth:
        """Counts of this window; a group that was never polled although it was its time shows as due."""
        over_s = now_s - begun_s
        never = not self.polls and over_s > 2 * self.group.every_s
        due = int(over_s / self.group.every_s) if never else self.due
        return DeviceHealth(self.polls, due, self.late, self.samples, self.usable)

    def begin_anew(self) -> None:
        """Forget the counts of the window."""
        self.polls = self.due = self.late = self.samples = self.usable = 0
        self.ever[:] = self.all_ever = False


class PollTally:
    """Stands on the way of every frame; keeps the present window and the one before."""

    def __init__(self, groups: Iterable[PollGroup], clock: Clock) -> None:
        self._clock = clock
        self._groups = {group.hash: _Group(group, np.zeros(len(group.points), np.bool_)) for group in groups}
        self._begun_s = clock.mono_s()
        self._before = Health()

    def counted(self, hand_on: HandOn) -> HandOn:
        """The same way on, each poll counted."""

        def count(frame: Frame, protocol: str) -> None:
            self.on_frame(frame)
            hand_on(frame, protocol)

        return count

    def on_frame(self, frame: Frame) -> None:
        """Count one poll."""
        kept = self._groups.get(frame.catalogue)
        if kept is None:
            return
        now_s = self._clock.mono_s()
        if now_s - self._begun_s > WINDOW_S:
            self._before, self._begun_s = self._window(now_s), now_s
            for each in self._groups.values():
                each.begin_anew()
        usable = len(frame.qualities)
        if np.count_nonzero(frame.qualities) or not kept.all_ever:
            numbers = frame.qualities < _BAD
            kept.ever |= numbers
            usable = int(np.count_nonzero(numbers))
            kept.all_ever = bool(kept.ever.all())
        every_s = kept.group.every_s
        gap = (frame.at.mono_ns - kept.last_ns) / NS / every_s if kept.last_ns else 1.0
        kept.last_ns = frame.at.mono_ns
        kept.polls += 1
        kept.due += round(gap) if gap > _MISSED_PERIODS else 1
        kept.late += now_s - frame.at.mono_ns / NS > every_s
        kept.samples += len(frame.qualities)
        kept.usable += usable

    def health(self) -> Health:
        """Polling over the last one or two windows, or since the start."""
        return self._before.plus(self._window(self._clock.mono_s()))

    def _window(self, now_s: float) -> Health:
        devices: dict[str, DeviceHealth] = {}
        usable: set[str] = set()
        awaited: set[str] = set()
        for kept in self._groups.values():
            group, health = kept.group, kept.health(self._begun_s, now_s)
            devices[group.device] = devices.get(group.device, DeviceHealth()).plus(health)
            names = [f"{group.device}/{name}" for name in group.points]
            usable.update(name for name, was in zip(names, kept.ever.tolist(), strict=True) if was)
            if health.due:
                awaited.update(names)
        return Health(devices, frozenset(usable), frozenset(awaited))


def worse(before: Health, after: Health, changed: frozenset[str]) -> str | None:
    """What got worse, in one sentence a device; None when nothing did.

    Args:
        before: Polling with the configuration before.
        after: Polling in the trial.
        changed: Points `device/point` that are new or read in another way.
    """
    found = [text for name, health in after.devices.items() for text in _device(name, before, health)]
    lost = sorted(after.awaited & (before.usable | changed) - after.usable)
    if lost:
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        found.append(f"no number from {', '.join(lost[:_NAMED])}{more}")
    return "; ".join(found) or None


def hopeless(before: Health, after: Health) -> bool:
    """Whether so much is lost that the rest of the trial need not be waited for."""
    was, now = _all(before), _all(after)
    if not was.polls or not now.due:
        return False
    return now.usable_frac < _HOPELESS * was.usable_frac or now.in_time_frac < _HOPELESS * was.in_time_frac


def _all(health: Health) -> DeviceHealth:
    total = DeviceHealth()
    for device in health.devices.values():
        total = total.plus(device)
    return total


def _device(name: str, before: Health, now: DeviceHealth) -> Iterator[str]:
    if not now.due:
        return
    was = before.devices.get(name, DeviceHealth())
    slack = max(SLACK_FRAC, 1.0 / now.due)
    usable, in_time = was.usable_frac, was.in_time_frac
    if not was.polls:
        usable, in_time = NEW_GOOD_FRAC, NEW_GOOD_FRAC
    if now.usable_frac < usable - slack:
        yield f"{name}: {now.usable_frac:.0%} of its samples have a number, {usable:.0%} were expected"
    if now.in_time_frac < in_time - slack:
        yield f"{name}: {now.in_time_frac:.0%} of its polls came in time, {in_time:.0%} were expected"
