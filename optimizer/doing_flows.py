"""What a unit of several carriers, or a load, does in a step of a plan, in words."""

from __future__ import annotations

from typing import Final

import numpy as np

from optimizer.decided import Decided
from optimizer.flexible import Batch, EvGroup, ShedLoad, ShiftLoad
from optimizer.flows import flows_of
from optimizer.plan import MachinePlan
from optimizer.words import UNITS, Speech, carrier_text, listed, said
from protocols.config import Text

IDLE_KW: Final = 0.05
"""Less than this is nothing. [kW]"""
STANDS: Final = Text(en="stands still", zh="停机")
_FLOWS: Final = {"heat": Text(en="heat", zh="热量"), "cooling": Text(en="cooling", zh="冷量")}
"""What flows, where that is not called as what is balanced."""
_WARMS_UP: Final = Text(en="warms up", zh="预热")
_TURNS: Final = ("takes {takes} and gives {gives}", "消耗{takes}，产出{gives}")
_TAKES: Final = ("takes {takes}", "消耗{takes}")
_GIVES: Final = ("gives {gives}", "产出{gives}")
_AMOUNT: Final = ("{flow} {unit} of {what}", "{what} {flow} {unit}")
_TAKES_KW: Final = ("takes {kw} kW", "用电 {kw} kW")
_BATCH: Final = (
    "takes {kw} kW in step {now} of {all} of its run",
    "用电 {kw} kW（本次运行第 {now}/{all} 段）",
)
_CHARGES: Final = ("charges {cars}", "为{cars}充电")
_CAR: Final = ("{car} with {kw} kW", "{car}（{kw} kW）")
_SHEDS: Final = ("leaves off {kw} kW", "停用 {kw} kW")
_KEPT: Final = Text(en="is not left off", zh="未停用")
_WAITS: Final = Text(en="takes nothing", zh="不用电")


def turning(decided: Decided, unit: str, step: int) -> Text:
    """What an engine, boiler or converter takes and gives."""
    machine = decided.plan.machines[unit]
    speech = decided.problem.speech
    flows = flows_of(decided.problem, decided.plan, unit, step)
    given = [_amount(carrier, -flow, speech) for carrier, flow in flows.items() if flow < -IDLE_KW]
    taken = [_amount(carrier, flow, speech) for carrier, flow in flows.items() if flow > IDLE_KW]
    runs = float(machine.level[step]) > IDLE_KW if machine.kind == "boiler" else bool(machine.on[step])
    if not runs:
        return _WARMS_UP if taken and machine.kind in {"chp", "converter"} else STANDS
    sentence = _TURNS if given and taken else _GIVES if given else _TAKES
    return said(*sentence, takes=listed(taken), gives=listed(given)) if given or taken else STANDS


def loading(decided: Decided, unit: str, step: int) -> Text:
    """What a load takes that the plan may move, or that hangs on its set-points."""
    machine = decided.plan.machines[unit]
    power_kw = float(machine.power_kw[step])
    load = next((one for one in decided.problem.flexible.all if one.name == unit), None)
    if isinstance(load, ShedLoad):
        return said(*_SHEDS, kw=f"{-power_kw:.1f}") if power_kw < -IDLE_KW else _KEPT
    if power_kw <= IDLE_KW:
        return _WAITS
    return _taking(machine, load, step)


def _taking(machine: MachinePlan, load: ShiftLoad | Batch | EvGroup | None, step: int) -> Text:
    kw = f"{float(machine.power_kw[step]):.1f}"
    if isinstance(load, EvGroup):
        cars = [
            said(*_CAR, car=car, kw=f"{float(flow[step]):.1f}")
            for car, flow in machine.flows.items()
            if flow[step] > IDLE_KW
        ]
        return said(*_CHARGES, cars=listed(cars))
    if isinstance(load, Batch):
        begun = int(np.flatnonzero(machine.power_kw > IDLE_KW)[0])
        return said(*_BATCH, kw=kw, now=step - begun + 1, all=len(load.course_kw))
    return said(*_TAKES_KW, kw=kw)


def _amount(carrier: str, flow: float, speech: Speech) -> Text:
    what = _FLOWS.get(carrier) or carrier_text(carrier, speech)
    return said(*_AMOUNT, flow=f"{flow:.1f}", unit=UNITS.get(carrier, "kW"), what=what)
