"""Chiller staging: how many chillers run, whose turn it is, and their pumps and tower with them.

The machine that runs is loaded to `plr = Q / Q_rated` of the running ones. One more comes when plr has been
above `up_plr_frac`, or the supply above its set-point by `warm_k`, for `up_after_s`; one goes when the others
would still be below `down_plr_frac` for `down_after_s`. Least running and standing times lie over both. Pumps
and tower of a chiller start `lead_s` before it and run on `lag_s` after it has stopped.
Source: ASHRAE Guideline 36, 5.20 (staging by part load with durations, supply temperature as failsafe),
with lead and lag by running hours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from plant.control.staging_types import (
    ChillerMemory,
    ChillerWanted,
    Staged,
    StagedChiller,
    StagingMemory,
    StagingNow,
    StagingReason,
    StagingSettings,
)


def initial_memory(machines: Sequence[StagedChiller]) -> StagingMemory:
    """Nothing known yet."""
    return StagingMemory(tuple(ChillerMemory() for _ in machines))


def decide(
    settings: StagingSettings, machines: Sequence[StagedChiller], memory: StagingMemory, now: StagingNow
) -> Staged:
    """Look once, about each second, and say what every chiller is to be told.

    Args:
        settings: Thresholds and durations.
        machines: In the order of preference at equal hours.
        memory: From the last call or `initial_memory`.
        now: What is seen.
    """
    if not math.isfinite(now.supply_c) or not any(seen.available for seen in now.machines):
        blind = not math.isfinite(now.supply_c)
        reason = StagingReason.NO_TEMPERATURE if blind else StagingReason.NOBODY
        free = tuple(ChillerWanted() for _ in machines)
        return Staged(free, reason, initial_memory(machines)._replace(reason=reason))
    stage = _Stage(settings, machines, memory, now)
    stage.watch()
    stage.change()
    return stage.done()


class _Stage:
    """The scratch pad of one call."""

    def __init__(
        self,
        settings: StagingSettings,
        machines: Sequence[StagedChiller],
        memory: StagingMemory,
        now: StagingNow,
    ) -> None:
        self._settings = settings
        self._times = settings.times
        self._machines = machines
        self._now = now
        self._memory = memory._replace(at_s=now.now_s)
        self._dt_s = 0.0 if math.isnan(memory.at_s) else max(now.now_s - memory.at_s, 0.0)
        self._kept = [
            kept._replace(stopped_s=now.now_s) if seen.running else kept
            for kept, seen in zip(memory.machines, now.machines, strict=True)
        ]
        if math.isnan(memory.at_s):
            self._kept = [
                kept._replace(
                    on=seen.running and seen.available, since_s=now.now_s if seen.running else -math.inf
                )
                for kept, seen in zip(self._kept, now.machines, strict=True)
            ]

    def watch(self) -> None:
        """Replace machines that went away or did not start, whatever the times say."""
        for at, (kept, seen) in enumerate(zip(self._kept, self._now.machines, strict=True)):
            if not kept.on:
                continue
            late_s = self._now.now_s - max(kept.since_s, kept.stopped_s)
            limit_s = self._times.start_timeout_s + self._times.lead_s
            asked = self._now.supply_c > self._set_c
            if not seen.available:
                self._switch(at, on=False, reason=StagingReason.REPLACED)
                self._one_more(StagingReason.REPLACED)
            elif not seen.running and asked and late_s >= limit_s:
                self._switch(at, on=False, reason=StagingReason.NOT_STARTED)
                self._kept[at] = self._kept[at]._replace(
                    failed_until_s=self._now.now_s + self._times.retry_after_s
                )
                self._one_more(StagingReason.NOT_STARTED)

    def change(self) -> None:
        """At most one machine comes or goes in a call."""
        on = [at for at, kept in enumerate(self._kept) if kept.on]
        if len(on) < self._settings.least:
            self._one_more(StagingReason.BEGIN if self._memory.reason is StagingReason.BEGIN else None)
            return
        rated_kw = sum(self._machines[at].cooling_kw for at in on)
        load_kw = self._load_kw(on)
        high = load_kw > self._settings.up_plr_frac * rated_kw
        warm = self._now.supply_c > self._set_c + self._settings.warm_k
        goes = None if high or warm or len(on) <= self._settings.least else self._one_too_many(on, load_kw)
        self._memory = self._memory._replace(
            up_s=self._memory.up_s + self._dt_s if high or warm else 0.0,
            down_s=self._memory.down_s + self._dt_s if goes is not None else 0.0,
        )
        if self._now.now_s - self._memory.changed_s < self._times.between_s:
            return
        if (high or warm) and self._memory.up_s >= self._times.up_after_s:
            self._one_more(StagingReason.WARM if warm else StagingReason.LOAD_HIGH)
        elif goes is not None and self._memory.down_s >= self._times.down_after_s:
            self._switch(goes, on=False, reason=StagingReason.LOAD_LOW)
            self._memory = self._memory._replace(changed_s=self._now.now_s, down_s=0.0)

    def _load_kw(self, on: Sequence[int]) -> float:
        """Measured cooling; a running machine without a measurement counts as fully loaded."""
        total = 0.0
        for at in on:
            seen = self._now.machines[at]
            if seen.running:
                measured = math.isfinite(seen.cooling_kw)
                total += seen.cooling_kw if measured else self._machines[at].cooling_kw
        return total

    def _one_more(self, reason: StagingReason | None) -> None:
        able = [
            at
            for at, kept in enumerate(self._kept)
            if not kept.on
            and self._now.machines[at].available
            and self._now.now_s >= kept.failed_until_s
            and self._now.now_s - kept.since_s >= self._times.min_stop_s
        ]
        if not able:
            self._memory = self._memory._replace(reason=StagingReason.ALL_IN)
            return
        self._switch(min(able, key=self._rank), on=True, reason=reason or self._memory.reason)
        self._memory = self._memory._replace(changed_s=self._now.now_s, up_s=0.0)

    def _one_too_many(self, on: Sequence[int], load_kw: float) -> int | None:
        able = [
            at
            for at in on
            if self._now.now_s - self._kept[at].since_s >= self._times.min_run_s
            and load_kw
            < self._settings.down_plr_frac
            * sum(self._machines[other].cooling_kw for other in on if other != at)
        ]
        return max(able, key=self._rank, default=None)

    def _switch(self, at: int, *, on: bool, reason: StagingReason) -> None:
        self._kept[at] = self._kept[at]._replace(on=on, since_s=self._now.now_s)
        self._memory = self._memory._replace(reason=reason)

    def _rank(self, at: int) -> tuple[float, int]:
        hours, place = self._now.machines[at].run_h, self._now.machines[at].place
        band = math.floor(hours / self._settings.hours_band_h) if math.isfinite(hours) else 0.0
        return (place if math.isfinite(place) else band, at)

    @property
    def _set_c(self) -> float:
        given = self._now.supply_set_c
        return self._settings.supply_set_c if given is None else given

    def done(self) -> Staged:
        """What every machine is told."""
        wanted = tuple(
            self._wanted(at) if self._now.machines[at].available else ChillerWanted()
            for at in range(len(self._machines))
        )
        memory = self._memory._replace(machines=tuple(self._kept))
        return Staged(wanted, memory.reason, memory)

    def _wanted(self, at: int) -> ChillerWanted:
        kept, machine, seen = self._kept[at], self._machines[at], self._now.machines[at]
        if not machine.pumps:
            return ChillerWanted(kept.on, self._set_c if kept.on else None)
        led = seen.running or self._now.now_s - kept.since_s >= self._times.lead_s
        lag = self._now.now_s - max(kept.stopped_s, -math.inf) < self._times.lag_s
        return ChillerWanted(
            kept.on and led, self._set_c if kept.on else None, kept.on or seen.running or lag
        )
