"""Compressor sequencer: base-load machines by permit and role, exactly one machine that trims.

The air the network needs is what the machines give less what the receiver takes in, through one low-pass:

    need = LP(Σ flow) - V / p_atm · (p - LP(p)) / τ          (LP: first order, time constant τ)

which is LP(Σ flow - V/p_atm · dp/dt) without a derivative of a noisy sensor. A base machine is brought in
when the trim machine comes to its upper end, and let go when the others and the trim machine can carry the
need without it. Machines keep regulating themselves: a role or the set-point of its own loop shifts a
machine's band, a standby machine helps by itself below the standby band, and with no pressure reading every
machine is given back to its own band.
Source: US DOE, "Improving Compressed Air System Performance", 3rd ed., ch. 4 (base load and one trim machine,
target control); Compressed Air Challenge, "Control gap" (range of the trim machine against the largest step).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from plant.carriers import ATMOSPHERE_BAR_A
from plant.control.sequencer_types import (
    HOUR_S,
    AirMachine,
    AirNow,
    AirSeen,
    AirWanted,
    MachineMemory,
    Reason,
    Sequenced,
    SequencerMemory,
    SequencerSettings,
)
from plant.units.compressor import ROLE_BASE, ROLE_STANDBY, ROLE_TRIM


def initial_memory(machines: Sequence[AirMachine]) -> SequencerMemory:
    """Nothing known yet."""
    return SequencerMemory(tuple(MachineMemory() for _ in machines))


def control_gap_m3_min(machines: Sequence[AirMachine]) -> float:
    """How much the range of the best trim machine is narrower than the largest step; 0 when there is no gap.

    In a gap the trim machine has to cycle; a design fact to report, not a fault.
    """
    widest = max(machines, key=lambda one: one.range_m3_min)
    steps = [one.flow_max_m3_min for one in machines if one is not widest]
    if widest.range_m3_min <= 0.0 or not steps:
        return 0.0
    return max(max(steps) - widest.range_m3_min, 0.0)


def decide(
    settings: SequencerSettings, machines: Sequence[AirMachine], memory: SequencerMemory, now: AirNow
) -> Sequenced:
    """Look once, about each second, and say what every machine is to be told.

    Args:
        settings: What to hold.
        machines: In the order of preference at equal hours.
        memory: From the last call or `initial_memory`.
        now: What is seen; `machines` must be as many as `machines` of the settings.
    """
    if not math.isfinite(now.header_bar_g) or not any(one.available for one in now.machines):
        reason = Reason.NOBODY if math.isfinite(now.header_bar_g) else Reason.NO_PRESSURE
        fresh = initial_memory(machines)
        kept = tuple(
            new._replace(starts_s=old.starts_s, running=old.running)
            for new, old in zip(fresh.machines, memory.machines, strict=True)
        )
        free = tuple(AirWanted() for _ in machines)
        return Sequenced(free, reason, math.nan, fresh._replace(machines=kept, reason=reason))
    look = _Look(settings, machines, memory, now)
    look.watch()
    look.choose_trim()
    look.change()
    return look.done()


class _Look:
    """The scratch pad of one call."""

    def __init__(
        self,
        settings: SequencerSettings,
        machines: Sequence[AirMachine],
        memory: SequencerMemory,
        now: AirNow,
    ) -> None:
        self._settings = settings
        self._times = settings.times
        self._machines = machines
        self._now = now
        self._begins = memory.trim is None
        self._memory = _filtered(settings, machines, memory, now)
        self._kept = list(memory.machines)
        self._dt_s = 0.0 if math.isnan(memory.at_s) else max(now.now_s - memory.at_s, 0.0)
        self._need = _need_m3_min(settings, self._memory, now.header_bar_g)
        self._wakes = False

    def watch(self) -> None:
        """Count starts, notice machines that stopped, failed or went away."""
        for at, (kept, seen) in enumerate(zip(self._kept, self._now.machines, strict=True)):
            starts = tuple(start for start in kept.starts_s if self._now.now_s - start < HOUR_S)
            if seen.running and not kept.running:
                starts += (self._now.now_s,)
            self._kept[at] = kept._replace(
                running=seen.running, starts_s=starts, going=kept.going and seen.running
            )
            if kept.base and not seen.available:
                self._let_go(at, Reason.REPLACED)
            elif kept.base and self._did_not_start(kept, seen):
                self._let_go(at, Reason.NOT_STARTED)
                self._kept[at] = self._kept[at]._replace(
                    failed_until_s=self._now.now_s + self._times.retry_after_s
                )

    def _did_not_start(self, kept: MachineMemory, seen: AirSeen) -> bool:
        return not seen.running and self._now.now_s - kept.since_s >= self._times.start_timeout_s

    def choose_trim(self) -> None:
        """Keep the trim machine, or take the one with the widest range, then the fewest hours."""
        trim = self._memory.trim
        if trim is not None and self._usable(trim):
            return
        usable = [at for at in range(len(self._machines)) if self._usable(at)]
        usable = usable or [at for at, seen in enumerate(self._now.machines) if seen.available]
        best = max(usable, key=lambda at: (self._machines[at].range_m3_min, *map(_minus, self._rank(at))))
        self._kept[best] = self._kept[best]._replace(base=False, going=False, since_s=self._now.now_s)
        reason = Reason.BEGIN if self._begins else Reason.REPLACED
        self._memory = self._memory._replace(trim=best, reason=reason)
        if self._begins:
            self._take_over(best)

    def _take_over(self, trim: int) -> None:
        """At the begin the machines that run already carry base load; nothing is stopped blindly."""
        for at, seen in enumerate(self._now.machines):
            if at != trim and seen.available and seen.running and _flow(self._machines[at], seen) > 0.0:
                self._kept[at] = self._kept[at]._replace(base=True, since_s=self._now.now_s)

    def change(self) -> None:
        """At most one machine comes or goes in a call."""
        trim_at = self._memory.trim or 0
        trim, seen = self._machines[trim_at], self._now.machines[trim_at]
        full = _flow(trim, seen) >= self._settings.full_frac * trim.flow_max_m3_min
        low = self._now.header_bar_g - (self._target - self._settings.band_bar / 2.0)
        deficit = self._need - self._coming_m3_min() - (_flow(trim, seen) if full else trim.flow_max_m3_min)
        coming_bar = deficit * ATMOSPHERE_BAR_A / self._settings.volume_m3 * self._times.lead_s / 60.0
        short = (full or not seen.running) and low - coming_bar < 0.0
        goes = None if short else self._one_too_many(trim)
        self._memory = self._memory._replace(
            short_s=self._memory.short_s + self._dt_s if short else 0.0,
            surplus_s=self._memory.surplus_s + self._dt_s if goes is not None else 0.0,
        )
        if short and self._memory.short_s >= self._times.add_after_s:
            self._bring_in(Reason.PRESSURE_LOW if low < 0.0 else Reason.TRIM_HIGH)
        elif goes is not None and self._memory.surplus_s >= self._times.drop_after_s:
            self._part_with(goes, loaded=_flow(trim, seen) > 0.0)

    def _part_with(self, at: int, *, loaded: bool) -> None:
        """Let a machine go while the trim machine gives air; one that idles is woken by its target first."""
        waited = self._memory.surplus_s >= self._times.drop_after_s + self._times.wake_s
        high = self._now.header_bar_g > self._target + self._settings.band_bar / 2.0
        if (loaded and self._now.header_bar_g >= self._target) or (waited and high):
            self._let_go(at, Reason.SURPLUS)
            self._memory = self._memory._replace(surplus_s=0.0)
        else:
            self._wakes = not loaded

    def _coming_m3_min(self) -> float:
        """Air of all machines but the trim one; a base machine on its way counts with its whole flow."""
        total = 0.0
        for at, (machine, seen, kept) in enumerate(
            zip(self._machines, self._now.machines, self._kept, strict=True)
        ):
            if at == self._memory.trim or kept.going:
                continue
            flow = _flow(machine, seen)
            total += machine.flow_max_m3_min if kept.base and flow <= 0.0 else flow
        return total

    def _bring_in(self, reason: Reason) -> None:
        candidates = sorted(self._candidates(), key=self._rank)
        if not candidates:
            self._memory = self._memory._replace(reason=Reason.ALL_IN)
            return
        at = candidates[0]
        self._kept[at] = self._kept[at]._replace(base=True, going=False, since_s=self._now.now_s)
        self._memory = self._memory._replace(reason=reason, short_s=0.0)

    def _candidates(self) -> Iterator[int]:
        for at, kept in enumerate(self._kept):
            if kept.base or at == self._memory.trim or not self._usable(at):
                continue
            rested = self._now.now_s - kept.since_s >= self._times.min_stop_s
            if kept.running or (rested and len(kept.starts_s) < self._settings.starts_per_hour):
                yield at

    def _one_too_many(self, trim: AirMachine) -> int | None:
        """Base machine without which the trim machine stays below its drop mark; most hours first."""
        most = self._settings.drop_frac * trim.flow_max_m3_min
        able = [
            at
            for at, kept in enumerate(self._kept)
            if kept.base
            and self._now.now_s - kept.since_s >= self._times.min_run_s
            and self._need - self._base_m3_min() + self._machines[at].flow_max_m3_min <= most
        ]
        return max(able, key=self._rank, default=None)

    def _let_go(self, at: int, reason: Reason) -> None:
        self._kept[at] = self._kept[at]._replace(base=False, going=True, since_s=self._now.now_s)
        self._memory = self._memory._replace(reason=reason)

    def _usable(self, at: int) -> bool:
        return self._now.machines[at].available and self._now.now_s >= self._kept[at].failed_until_s

    def _rank(self, at: int) -> tuple[float, float, float]:
        """Whose turn it is: motors that turn already, then fewest hours in whole bands, then the list.

        An order given from outside takes the place of hours.
        """
        hours, place = self._now.machines[at].run_h, self._now.machines[at].place
        band = math.floor(hours / self._settings.hours_band_h) if math.isfinite(hours) else 0.0
        turning = self._now.machines[at].running and not self._kept[at].base
        return (-1.0 if turning else 0.0, place if math.isfinite(place) else band, float(at))

    def _base_m3_min(self) -> float:
        return sum(
            machine.flow_max_m3_min
            for machine, kept in zip(self._machines, self._kept, strict=True)
            if kept.base
        )

    @property
    def _target(self) -> float:
        given = self._now.target_bar_g
        return self._settings.target_bar_g if given is None else given

    def done(self) -> Sequenced:
        """What every machine is told."""
        left = self._settings.standby_count
        wanted: list[AirWanted] = []
        for at, kept in enumerate(self._kept):
            usable = self._usable(at)
            if not self._now.machines[at].available:
                wanted.append(AirWanted())
            elif at == self._memory.trim:
                raised = self._target + self._settings.wake_bar if self._wakes else self._target
                wanted.append(AirWanted(ROLE_TRIM, permit=True, target_bar_g=raised))
            elif kept.base:
                wanted.append(AirWanted(ROLE_BASE, permit=True))
            else:
                armed = usable and not kept.going and (left > 0 or self._now.machines[at].running)
                left -= armed
                wanted.append(AirWanted(ROLE_STANDBY, permit=armed))
        memory = self._memory._replace(machines=tuple(self._kept))
        return Sequenced(tuple(wanted), memory.reason, self._need, memory)


def _minus(value: float) -> float:
    return -value


def _flow(machine: AirMachine, seen: AirSeen) -> float:
    """Air a machine gives; one that does not measure it gives all while its motor turns."""
    if math.isfinite(seen.flow_m3_min):
        return seen.flow_m3_min
    return machine.flow_max_m3_min if seen.running else 0.0


def _filtered(
    settings: SequencerSettings, machines: Sequence[AirMachine], memory: SequencerMemory, now: AirNow
) -> SequencerMemory:
    flow = sum(_flow(machine, seen) for machine, seen in zip(machines, now.machines, strict=True))
    if math.isnan(memory.at_s):
        return memory._replace(flow_m3_min=flow, header_bar_g=now.header_bar_g, at_s=now.now_s)
    part = 1.0 - math.exp(-max(now.now_s - memory.at_s, 0.0) / settings.times.filter_s)
    return memory._replace(
        flow_m3_min=memory.flow_m3_min + part * (flow - memory.flow_m3_min),
        header_bar_g=memory.header_bar_g + part * (now.header_bar_g - memory.header_bar_g),
        at_s=now.now_s,
    )


def _need_m3_min(settings: SequencerSettings, memory: SequencerMemory, header_bar_g: float) -> float:
    stored = settings.volume_m3 / ATMOSPHERE_BAR_A * (header_bar_g - memory.header_bar_g)
    return max(memory.flow_m3_min - stored * 60.0 / settings.times.filter_s, 0.0)
