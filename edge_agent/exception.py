"""Report by exception: the last stage before the journal, after the image and the counts of polls.

    line → poll → image (every value) → meters (every poll) → exception → journal

What is held back was read and is in the image; it never becomes a row, so it is not counted as polled. One
decision is a handful of numpy operations a poll; nothing here is an object a sample.

Where a device tells times, a sample with the told time, value and quality of the one handed on before is not
a new one: it waits for the end of the longest silence of its device, also where every poll is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.poll import HandOn, PollGroup
from protocols.frame import Frame, Qualities, Values
from protocols.report import Report
from protocols.source_time import Times
from runtime.clock import NS
from runtime.site import SiteDevices

_WHOLE_BYTES: Final = 9
_PICKED_BYTES: Final = 11
"""Bytes of a sample in a whole frame, and of one that carries its index: where most pass, all go."""

_EACH: Final = Report(max_silence_s=1e-9)
"""Stands for a point without a report: every poll ends its silence."""


@dataclass(slots=True)
class _Group:
    """What was handed on of one poll group, in columns of shape (n,).

    `every_s` is the period [s], `last`, `quality` and `told_ns` what was handed on, `sent_s` when [s];
    `standing_s` is the longest silence of a sample that is not new [s]. A state that waits for the end of its
    debounce is in `fresh`, since `fresh_s`.
    """

    every_s: float
    band: Values
    frac: Values
    silence_s: Values
    debounce_s: Values
    last: Values
    quality: Qualities
    sent_s: Values
    standing_s: Values
    told_ns: Times = field(init=False)
    fresh: Values = field(init=False)
    fresh_s: Values = field(init=False)

    def __post_init__(self) -> None:
        self.fresh = np.full(len(self.last), np.nan)
        self.fresh_s = np.zeros(len(self.last))
        self.told_ns = np.zeros(len(self.last), np.int64)

    def exceptions(self, frame: Frame, now_s: float) -> NDArray[np.bool_]:
        """Which samples of this poll are handed on; shape (n,)."""
        values, qualities = frame.values, frame.qualities
        apart: Values = np.abs(values - self.last)  # NaN where there is no number now or was none
        moved: NDArray[np.bool_] = apart > np.maximum(self.band, self.frac * np.abs(self.last))
        if self.debounce_s.any():
            moved &= self._stood(moved, values, now_s)
        other = qualities != self.quality
        lost = np.isnan(values) != np.isnan(self.last)
        due = now_s - self.sent_s + self.every_s > self._silence_s(frame)
        passing: NDArray[np.bool_] = moved | other | lost | due
        return passing

    def _silence_s(self, frame: Frame) -> Values:
        """Longest silence of each point now: longer where its told time is the one that was handed on."""
        if frame.sources is None:
            return self.silence_s
        same = (frame.sources.told_ns == self.told_ns) & (self.told_ns > 0) & (frame.values == self.last)
        return np.where(same, self.standing_s, self.silence_s)

    def _stood(self, moved: NDArray[np.bool_], values: Values, now_s: float) -> NDArray[np.bool_]:
        """Whether a new state has stood long enough; one that changes again or goes back starts anew."""
        begins = moved & (values != self.fresh)
        self.fresh_s[begins] = now_s
        self.fresh = np.where(moved, values, np.nan)
        return now_s - self.fresh_s >= self.debounce_s

    def note(self, where: NDArray[np.bool_], frame: Frame, now_s: float) -> None:
        """Remember what is handed on."""
        np.copyto(self.last, frame.values, where=where)
        np.copyto(self.quality, frame.qualities, where=where)
        if frame.sources is not None:
            np.copyto(self.told_ns, frame.sources.told_ns, where=where)
        self.sent_s[where] = now_s


class ByException:
    """Holds back samples that say nothing new, where the configuration asks for it."""

    def __init__(self, site: SiteDevices, groups: Iterable[PollGroup]) -> None:
        self._groups = {group.hash: found for group in groups if (found := _group(site, group)) is not None}

    def thinned(self, hand_on: HandOn) -> HandOn:
        """The same way on, for exceptions only; the very same where no point is reported by exception."""
        if not self._groups:
            return hand_on

        def pick(frame: Frame, protocol: str) -> None:
            left = self.pick(frame)
            if left is not None:
                hand_on(left, protocol)

        return pick

    def pick(self, frame: Frame) -> Frame | None:
        """The samples that are handed on; None when there are none."""
        group = self._groups.get(frame.catalogue)
        if group is None:
            return frame
        now_s = frame.at.mono_ns / NS
        passing = group.exceptions(frame, now_s)
        count = int(np.count_nonzero(passing))
        if count * _PICKED_BYTES >= len(passing) * _WHOLE_BYTES:
            passing[:] = True
        group.note(passing, frame, now_s)
        if passing.all():
            return frame
        if not count:
            return None
        where = np.flatnonzero(passing)
        return replace(
            frame,
            values=frame.values[where],
            qualities=frame.qualities[where],
            indices=where.astype(np.uint16),
            sources=None if frame.sources is None else frame.sources.picked(where),
        )


def _group(site: SiteDevices, group: PollGroup) -> _Group | None:
    """Columns of a group; None where every sample is handed on."""
    default, profile = site.device(group.device).report, site.profile_of(group.device)
    asked = [profile.point(name).report_under(default) for name in group.points]
    if not any(asked):
        return None
    reports = [report or _EACH for report in asked]
    standing = _EACH if default is None else default
    return _Group(
        every_s=group.every_s,
        band=_column(report.dead_band for report in reports),
        frac=_column(report.dead_band_pct / 100.0 for report in reports),
        silence_s=_column(report.max_silence_s for report in reports),
        debounce_s=_column(report.debounce_s for report in reports),
        last=_column([np.nan] * len(reports)),
        quality=np.zeros(len(reports), np.uint8),
        sent_s=_column([-np.inf] * len(reports)),
        standing_s=_column((report or standing).max_silence_s for report in asked),
    )


def _column(numbers: Iterable[float] | Sequence[float]) -> Values:
    return np.array(list(numbers), np.float64)
