"""What the planner had to correct in its input, or foresees by it, in plant words and both languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.components.battery import clipped_soc_kwh
from optimizer.components.store import clipped_content
from optimizer.inputs_network import capacity_of
from optimizer.problem import FREE, Commitment, DispatchProblem, FloatArray, effective_lock
from optimizer.words import CARRIERS, UNITS, minutes, said
from protocols.config import Text

_RUN_CUT: Final = (
    (
        "{name} shall run until {until}, its shortest run is {length} min; "
        "from {at} on it is held standing from outside, and that holds"
    ),
    "{name} 最短运行 {length} 分钟，应运行至 {until}；但自 {at} 起被外部锁定停机，以锁定为准",
)
_STOP_CUT: Final = (
    (
        "{name} shall stand until {until}, its shortest stop is {length} min; "
        "from {at} on it is held running from outside, and that holds"
    ),
    "{name} 最短停机 {length} 分钟，应停机至 {until}；但自 {at} 起被外部锁定运行，以锁定为准",
)


def notes(problem: DispatchProblem) -> tuple[Text, ...]:
    """One sentence each; machines and times as the problem's `speech` has them."""
    return (*problem.remarks, *_clipped(problem), *_overruled(problem), *_beyond_all(problem))


def _clipped(problem: DispatchProblem) -> Iterator[Text]:
    """Contents outside their range."""
    held = [(one.name, "kWh", one.soc_kwh, clipped_soc_kwh(one)) for one in problem.batteries]
    held += [
        (one.name, "m³" if one.carrier == "air" else "kWh", one.content, clipped_content(one))
        for one in problem.stores
    ]
    for name, unit, content, clipped in held:
        if content != clipped:
            yield said(
                "{name} holds {content}, {off} outside its range; planned from the nearest limit",
                "{name} 储量为 {content}，超出范围 {off}；按最近的限值计划",
                name=problem.speech.name(name),
                content=f"{content:.1f} {unit}",
                off=f"{abs(content - clipped):.1f} {unit}",
            )


def _overruled(problem: DispatchProblem) -> Iterator[Text]:
    """Minimum times that are owed and that a trip, a person or local mode cuts short."""
    for machine in problem.switched:
        own = machine.commitment
        if own.lock is None:
            continue
        owed = effective_lock(replace(own, lock=None), problem.steps, problem.step_s, problem.gone_s)
        broken = np.flatnonzero((own.lock != FREE) & (owed != FREE) & (own.lock != owed))
        if len(broken):
            yield _cut_short(
                problem, (machine.name, own), int(np.count_nonzero(owed != FREE)), int(broken[0])
            )


def _cut_short(problem: DispatchProblem, of: tuple[str, Commitment], owed: int, at: int) -> Text:
    name, own = of
    least_s = max(own.min_up_s, own.starting.warm_up_s) if own.on else own.min_down_s
    return said(
        *(_RUN_CUT if own.on else _STOP_CUT),
        name=problem.speech.name(name),
        until=problem.clock(owed),
        length=minutes(least_s),
        at=problem.clock(at),
    )


def _beyond_all(problem: DispatchProblem) -> Iterator[Text]:
    """Needs above what all machines together could give."""
    air = sum(max(c.full_flow_m3_min, float(c.flow_m3_min[-1])) for c in problem.compressors)
    yield from _over(problem, "air", problem.forecasts.air_m3_min, np.full(problem.steps, float(air)))
    cold = sum((one.load_kw[:, -1] for one in problem.chillers), np.zeros(problem.steps))
    yield from _over(problem, "cooling", problem.forecasts.cooling_kw, cold)
    heat = sum(b.capacity_kw for b in problem.boilers) + sum(c.heat_max_kw for c in problem.chps)
    heat += sum(
        c.heat_recovery_frac * c.full_power_kw for c in problem.compressors if c.heat_carrier == "heat"
    )
    yield from _over(problem, "heat", problem.forecasts.heat_kw, np.full(problem.steps, float(heat)))


def _over(problem: DispatchProblem, carrier: str, need: FloatArray, most: FloatArray) -> Iterator[Text]:
    most = most + capacity_of(problem, carrier)
    over = need - most
    worst = int(over.argmax())
    if over[worst] > 0:
        yield said(
            "the need for {what} exceeds all machines together in {count} steps, most at {at}: {need} "
            "against {most} {unit}",
            "{what}需求在 {count} 个时段超过全部设备之和，最大在 {at}，需求 {need}，设备最多 {most} {unit}",
            what=CARRIERS[carrier],
            count=int((over > 0).sum()),
            at=problem.clock(worst),
            need=f"{need[worst]:.1f}",
            most=f"{most[worst]:.1f}",
            unit=UNITS[carrier],
        )
