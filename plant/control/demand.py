"""Demand limiter: the mean power of every metering window stays at or below a limit.

Of a window of length W the meter has counted E(t); until its end r seconds are left. With the power P now and
S of it in loads that may be shed, the window ends at

    F = (E + P·r) / W,    and at best at    B = (E + (P - S + rise)·r) / W

where `rise` is what the rest of the plant may still take more. Loads go when F is above the limit less its
margin, in the order of their priority, at once when B comes to the limit; they come back one by one, when F
with them and their rebound stays below. `sliding` windows end at every instant, so the same is asked for the
end of each window that has begun: max over h of (E(last W - h) + P·h) / W. A `block` window whose meter gives
no sign of its beginning is guarded as a sliding one, which holds for any beginning.
Source: demand as the mean power of an interval, block or sliding, as tariffs and meters define it; F is what
demand controllers call the predictive method, B the last instant at which everything that may go still helps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from plant.control.demand_types import (
    SLOTS,
    DemandMemory,
    DemandNow,
    DemandSettings,
    Limited,
    LoadMemory,
    Sheddable,
)


def initial_memory(loads: Sequence[Sheddable]) -> DemandMemory:
    """Nothing shed, nothing counted; the part of the window before counts as if it had been at the limit."""
    return DemandMemory(tuple(LoadMemory() for _ in loads))


def decide(
    settings: DemandSettings, loads: Sequence[Sheddable], memory: DemandMemory, now: DemandNow
) -> Limited:
    """Look once, about each second, and say which loads are to be off.

    Args:
        settings: Limit and delays.
        loads: The list.
        memory: From the last call or `initial_memory`.
        now: What is seen.
    """
    limit_kw = settings.limit_kw if now.limit_kw is None else min(now.limit_kw, settings.limit_kw)
    if not math.isfinite(now.power_kw):
        return _blind(settings, memory, now)
    window = _counted(settings, limit_kw, memory, now)
    return _Guard(settings, loads, window, now, limit_kw).look()


def _blind(settings: DemandSettings, memory: DemandMemory, now: DemandNow) -> Limited:
    lost = not math.isnan(memory.at_s) and now.now_s - memory.at_s >= settings.meter_lost_s
    held = tuple(
        load if load.shed or not lost else LoadMemory(shed=True, since_s=now.now_s) for load in memory.loads
    )
    return Limited(tuple(load.shed for load in held), math.nan, math.nan, memory._replace(loads=held))


def _counted(settings: DemandSettings, limit_kw: float, memory: DemandMemory, now: DemandNow) -> DemandMemory:
    """The windows with the energy since the last reading in them."""
    dt_s = 0.0 if math.isnan(memory.at_s) else max(now.now_s - memory.at_s, 0.0)
    kwh = _energy_kwh(memory, now, dt_s)
    seen = memory._replace(
        at_s=now.now_s, energy_kwh=now.energy_kwh, power_kw=now.power_kw, mark=now.mark, step_s=dt_s
    )
    seen = _into_block(settings, memory, seen, kwh)
    return _into_slots(settings, limit_kw, seen, (kwh, dt_s))


def _energy_kwh(memory: DemandMemory, now: DemandNow, dt_s: float) -> float:
    """By the counter where it goes forward plausibly, else by the mean power."""
    mean_kw = (memory.power_kw + now.power_kw) / 2.0
    counted = now.energy_kwh - memory.energy_kwh
    by_power = mean_kw * dt_s / 3600.0
    if not math.isfinite(counted) or counted < 0.0 or counted > max(10.0 * by_power, 1.0):
        return max(by_power, 0.0)
    return counted if dt_s > 60.0 else max(by_power, 0.0)  # noqa: PLR2004  a counter is coarse for a second


def _into_block(
    settings: DemandSettings, before: DemandMemory, seen: DemandMemory, kwh: float
) -> DemandMemory:
    now_s = seen.at_s
    marked = math.isfinite(seen.mark) and math.isfinite(before.mark) and seen.mark != before.mark
    if marked:
        return seen._replace(begun_s=now_s, block_kwh=kwh)  # the second in between counts with the new block
    if math.isnan(before.begun_s):
        return seen
    if not math.isfinite(seen.mark) and now_s - before.begun_s > settings.window_s:
        return seen._replace(begun_s=before.begun_s + settings.window_s, block_kwh=kwh)
    late = now_s - before.begun_s > 1.5 * settings.window_s
    return seen._replace(begun_s=math.nan if late else before.begun_s, block_kwh=before.block_kwh + kwh)


def _into_slots(
    settings: DemandSettings, limit_kw: float, seen: DemandMemory, added: tuple[float, float]
) -> DemandMemory:
    kwh, dt_s = added
    part_s = settings.window_s / SLOTS
    slots = list(seen.slots_kwh) or [(limit_kw - settings.margin_kw) * part_s / 3600.0] * SLOTS
    filled_s = seen.slot_s
    if not seen.slots_kwh:
        slots[-1] = 0.0
    left_s = min(dt_s, settings.window_s)
    per_s = kwh / dt_s if dt_s > 0.0 else 0.0
    while left_s > 0.0:
        piece_s = min(part_s - filled_s, left_s)
        slots[-1] += per_s * piece_s
        filled_s, left_s = filled_s + piece_s, left_s - piece_s
        if filled_s >= part_s - 1e-9:
            slots, filled_s = [*slots[1:], 0.0], 0.0
    return seen._replace(slots_kwh=tuple(slots), slot_s=filled_s)


class _Guard:
    """The scratch pad of one call."""

    def __init__(
        self,
        settings: DemandSettings,
        loads: Sequence[Sheddable],
        memory: DemandMemory,
        now: DemandNow,
        limit_kw: float,
    ) -> None:
        self._settings = settings
        self._loads = loads
        self._memory = memory
        self._now = now
        self._limit_kw = limit_kw
        self._kept = list(memory.loads)
        self._order = sorted(range(len(loads)), key=lambda at: loads[at].priority)

    def look(self) -> Limited:
        """Shed, return, and tell."""
        self._come_back_anyway()
        power_kw = self._now.power_kw
        high = self._mean_kw(power_kw) > self._limit_kw - self._settings.margin_kw
        best_kw = power_kw - sum(self._takes_kw(at) for at in self._goers())
        last_call = self._mean_kw(best_kw + self._settings.rise_kw) >= self._limit_kw
        high_s = self._memory.high_s + self._memory.step_s if high else 0.0
        if (high and high_s >= self._settings.confirm_s) or last_call:
            self._shed(power_kw, everything=last_call)
        free = not high and not last_call and self._may_return(power_kw)
        free_s = self._memory.free_s + self._memory.step_s if free else 0.0
        memory = self._memory._replace(high_s=high_s, free_s=free_s)
        if free and free_s >= self._settings.return_after_s:
            memory = self._come_back(memory)
        return Limited(
            tuple(load.shed for load in self._kept),
            self._mean_kw(power_kw),
            self._left_s(),
            memory._replace(loads=tuple(self._kept)),
        )

    def _left_s(self) -> float:
        begun_s = self._memory.begun_s
        if self._settings.window == "sliding" or math.isnan(begun_s):
            return math.nan
        return max(self._settings.window_s - (self._now.now_s - begun_s), 0.0)

    def _mean_kw(self, power_kw: float) -> float:
        """Mean of the window at its end when the power is this from now on; of the worst when sliding."""
        left_s = self._left_s()
        window_s = self._settings.window_s
        if math.isfinite(left_s):
            block = (self._memory.block_kwh * 3600.0 + power_kw * left_s) / window_s
            return max(block, power_kw) if left_s <= 0.0 else block
        part_s = window_s / SLOTS
        worst_kws, past_kws = -math.inf, sum(self._memory.slots_kwh) * 3600.0
        ahead_s = part_s - self._memory.slot_s
        for slot_kwh in self._memory.slots_kwh:
            worst_kws = max(worst_kws, past_kws + power_kw * ahead_s)
            past_kws -= slot_kwh * 3600.0
            ahead_s += part_s
        return max(worst_kws / window_s, 0.0)

    def _takes_kw(self, at: int) -> float:
        measured = self._now.load_kw[at] if at < len(self._now.load_kw) else math.nan
        return measured if math.isfinite(measured) else self._loads[at].power_kw

    def _goers(self) -> list[int]:
        """Loads that may go now, the first to go first."""
        return [
            at
            for at in self._order
            if not self._kept[at].shed
            and self._now.now_s - self._kept[at].since_s >= self._loads[at].min_on_s
            and self._takes_kw(at) > 0.0
        ]

    def _shed(self, power_kw: float, *, everything: bool) -> None:
        for at in self._goers():
            if not everything and self._mean_kw(power_kw) <= self._limit_kw - self._settings.margin_kw:
                return
            takes_kw = self._takes_kw(at)
            self._kept[at] = LoadMemory(shed=True, since_s=self._now.now_s, was_kw=takes_kw)
            power_kw -= takes_kw

    def _come_back_anyway(self) -> None:
        """A load that has been off as long as it may comes back whatever the forecast says, one at a time."""
        if self._now.now_s - self._memory.returned_s < self._settings.stagger_s:
            return
        for at in reversed(self._order):
            kept = self._kept[at]
            if kept.shed and self._now.now_s - kept.since_s >= self._loads[at].max_off_s:
                self._kept[at] = LoadMemory(since_s=self._now.now_s)
                self._memory = self._memory._replace(returned_s=self._now.now_s)
                return

    def _next_back(self) -> int | None:
        """The load that went last by priority comes back first."""
        for at in reversed(self._order):
            kept = self._kept[at]
            if kept.shed and self._now.now_s - kept.since_s >= self._loads[at].min_off_s:
                return at
        return None

    def _may_return(self, power_kw: float) -> bool:
        at = self._next_back()
        if at is None or self._now.now_s - self._memory.returned_s < self._settings.stagger_s:
            return False
        takes_kw = max(self._kept[at].was_kw, self._loads[at].power_kw) + self._loads[at].rebound_kw
        with_it_kw = power_kw + takes_kw + self._settings.rise_kw
        limit_kw = self._limit_kw - self._settings.margin_kw
        # also the window after this one begins with that power: no new peak at the boundary
        return self._mean_kw(with_it_kw) < limit_kw and power_kw + takes_kw < limit_kw

    def _come_back(self, memory: DemandMemory) -> DemandMemory:
        at = self._next_back()
        if at is not None:
            self._kept[at] = LoadMemory(since_s=self._now.now_s)
        return memory._replace(returned_s=self._now.now_s, free_s=0.0)
