"""Declared limits and needs in plant words, in both languages."""

from __future__ import annotations

from typing import Final

import numpy as np

from optimizer.components.balance import SERIES
from optimizer.plan import Shortage
from optimizer.problem import OFF, ON, Commitment, DispatchProblem, FloatArray, effective_lock
from optimizer.words import (
    CARRIERS,
    UNITS,
    Speech,
    carrier_text,
    listed,
    minutes,
    part_text,
    said,
    slack_name,
)
from protocols.config import Text

_NS: Final = 1e9
_NEEDS: Final = {"air": "air_m3_min", "cooling": "cooling_kw", "heat": "heat_kw"}
LIMIT_OF: Final = {
    "import_over": "import_kw",
    "export_over": "export_kw",
    "import_under": "import_least_kw",
    "gas_over": "gas",
    "window_over": "co2_cap_kg",
}
"""Field of the limit that a shortage oversteps, where it is one of a contract."""
_ASKED: Final = {
    "import_over": ("an import within {most} at {when}", "{when} 购电不超过 {most}"),
    "export_over": ("an export within {most} at {when}", "{when} 售电不超过 {most}"),
    "import_under": ("an import of at least {most} at {when}", "{when} 购电不低于 {most}"),
    "gas_over": ("at most {most} of fuel in the clock hour of {when}", "{when} 所在小时用气不超过 {most}"),
    "window_over": ("at most {most} of emissions in the whole window", "整个时段排放不超过 {most}"),
    "end_short": ("the content of {of} wanted at the end", "{of} 期末所需储量"),
    "missed": ("the energy that {of} wants", "{of} 所需能量"),
    "reserve": ("the reserve of {of} at {when}", "{when} {of}备用"),
    "spare": ("the need for {of} at {when} without the largest machine", "{when} 最大一台停机时的{of}需求"),
}
"""What is asked for where a shortage is, by the first word of its family or the family; else it is a need."""
SENTENCES: Final = {
    "lock": ("{name} is held from outside: {value}", "{name} 被外部锁定（{value}）"),
    "min_up_s": ("{name} runs at least {minutes} min", "{name} 最短运行 {minutes} 分钟"),
    "min_down_s": ("{name} stands at least {minutes} min", "{name} 最短停机 {minutes} 分钟"),
    "warm_up_s": ("{name} warms up for {minutes} min", "{name} 需预热 {minutes} 分钟"),
    "run_on_s": ("{name} runs on for {minutes} min", "{name} 停机后空转 {minutes} 分钟"),
    "most_per_h": ("{name} starts at most {value} times an hour", "{name} 每小时最多启动 {value} 次"),
    "most_per_day": ("{name} starts at most {value} times a day", "{name} 每天最多启动 {value} 次"),
    "ramp": ("the output of {name} moves only so fast", "{name} 的出力变化速率受限"),
    "fixed_kw": ("the power of {name} is held from outside", "{name} 的功率被外部设定"),
    "taper_from_kwh": ("{name} charges slower when it is nearly full", "{name} 接近充满时充电变慢"),
    "end_least_kwh": ("{name} shall hold {value} kWh at the end", "{name} 期末须保有 {value} kWh"),
    "end_least": ("{name} shall hold {value} at the end", "{name} 期末须保有 {value}"),
    "least": ("{name} keeps at least {value}", "{name} 至少保留 {value}"),
    "charge_max": ("{name} takes at most {value}", "{name} 最大充入 {value}"),
    "discharge_max": ("{name} gives at most {value}", "{name} 最大放出 {value}"),
    "can_curtail": ("{name} may not be curtailed", "{name} 不允许限发"),
    "least_kw": ("{name} is not curtailed below {value} kW", "{name} 限发不低于 {value} kW"),
    "import_kw": ("the contracted import is {value} kW", "合同购电功率为 {value} kW"),
    "export_kw": ("the permitted export is {value} kW", "允许售电功率为 {value} kW"),
    "import_least_kw": ("the import stays above {value} kW", "购电功率须高于 {value} kW"),
    "air_reserve_frac": ("{value} of the air need is kept in reserve", "压缩空气备用比例为 {value}"),
    "cooling_reserve_frac": ("{value} of the cooling need is kept in reserve", "制冷备用比例为 {value}"),
    "air_least_m3_min": (
        "compressors are kept ready for a need that seldom comes",
        "空压机须为少见的高需求预留容量",
    ),
    "cooling_least_kw": (
        "chillers are kept ready for a need that seldom comes",
        "冷水机组须为少见的高需求预留容量",
    ),
    "without_largest": ("the need is met without the largest machine", "最大一台停机时仍须满足需求"),
    "co2_cap_kg": ("the emissions of the window are at most {value} kg", "本时段排放上限为 {value} kg"),
    "gas": ("the gas contract is kept", "须遵守燃气合同"),
    "reactive": ("the power factor is kept", "须满足功率因数要求"),
    "shift": ("the loads that can wait get their energy", "可平移负荷须得到所需能量"),
    "batches": ("the batch runs are made", "批次运行须完成"),
    "ev": ("the cars are charged by the time they leave", "车辆须在离开前充好电"),
    "most_bar_g": ("the network pressure has an upper limit", "管网压力有上限"),
    "set_by": ("not every compressor can be told a pressure", "并非每台空压机都可下达压力设定"),
}
"""By field: how a limit is said; what is not here is said by its field."""
_UNKNOWN: Final = ("{name}: {field} is {value}", "{name}: {field} = {value}")


def limit_text(
    problem: DispatchProblem, owner: str, limit: tuple[tuple[str, ...], object], speech: Speech
) -> Text:
    """A declared limit: whose, where it stands and what it is."""
    path, value = limit
    en, zh = SENTENCES.get(path[-1], _UNKNOWN)
    shown = _held(problem, value, speech) if path[-1] == "lock" else _shown(value)
    length = minutes(float(value)) if isinstance(value, int | float) else ""
    name = speech.name(owner) if owner else Text(en="the site", zh="本站")
    return said(en, zh, name=name, value=shown, field=".".join(path), minutes=length)


def need_text(problem: DispatchProblem, target: Shortage | None, speech: Speech) -> Text:
    """What is asked for where a shortage is; of step -1, over the whole window."""
    if target is None:
        return Text(en="a plan that keeps the limits of every machine", zh="满足全部设备限值的计划")
    family = slack_name(target.name)
    when = speech.clock(problem.start_ns + round(max(target.step, 0) * problem.step_s * _NS))
    sentence = _ASKED.get(family) or _ASKED.get(family.partition("_")[0])
    if sentence is None:
        return _carrier_text(problem, target, when, speech)
    of = target.name.partition(".")[2]
    carrier = CARRIERS.get(carrier_of(target.name))
    return said(*sentence, most=_most(problem, family), when=when, of=carrier or part_text(of, speech))


def _most(problem: DispatchProblem, family: str) -> str:
    """The limit that is overstepped, with its unit."""
    gas, supply = problem.supply.gas, problem.supply
    known = {
        "import_over": (problem.limits.import_kw, "kW"),
        "export_over": (problem.limits.export_kw, "kW"),
        "import_under": (supply.import_least_kw, "kW"),
        "gas_over": (None if gas is None else gas.hourly_kwh, "kWh"),
        "window_over": (supply.co2_cap_kg, "kg"),
    }
    value, unit = known.get(family, (None, ""))
    return "" if value is None else f"{value:g} {unit}"


def _carrier_text(problem: DispatchProblem, target: Shortage, when: str, speech: Speech) -> Text:
    carrier = carrier_of(target.name)
    what = carrier_text(carrier, speech)
    need = _need(problem, carrier)
    if target.step < 0 or need is None:
        return said("the need for {what}", "{what}需求", what=what)
    amount = f"{float(need[target.step]):.1f} {UNITS.get(carrier, 'kW')}"
    return said(
        "{amount} of {what} at {when}", "{when} {what}需求 {amount}", amount=amount, what=what, when=when
    )


def _need(problem: DispatchProblem, carrier: str) -> FloatArray | None:
    if carrier in _NEEDS:
        need: FloatArray = getattr(problem.forecasts, _NEEDS[carrier])
        return need
    return next((one.need for one in problem.carriers if one.name == carrier), None)


def carrier_of(shortage: str) -> str:
    """Carrier that a named shortage is about.

    Example:
        >>> carrier_of("reserve_air"), carrier_of("heat_short"), carrier_of("short.hydrogen")
        ('air', 'heat', 'hydrogen')
    """
    if shortage.startswith(SERIES):
        return shortage.partition(".")[2]
    return (
        slack_name(shortage)
        .removeprefix("reserve_")
        .removeprefix("spare_")
        .removesuffix("_short")
        .removesuffix("_surplus")
    )


def capacity(problem: DispatchProblem, target: Shortage, speech: Speech) -> tuple[Text, ...]:
    """What the machines that may run can give of what is short."""
    carrier = carrier_of(target.name)
    if carrier not in _NEEDS or target.name.endswith("_surplus"):
        return ()
    free = _free(problem, carrier, target.step)
    if not free:
        what = CARRIERS[carrier]
        return (said("no machine that makes {what} may run", "没有可运行的{what}设备", what=what),)
    most = f"{sum(amount for _, amount in free):.1f} {UNITS[carrier]}"
    who = listed([speech.name(name) for name, _ in free])
    if len(free) == 1:
        return (said("{who} gives at most {most}", "{who} 最多提供 {most}", who=who, most=most),)
    return (said("{who} give at most {most} together", "{who} 合计最多 {most}", who=who, most=most),)


def _free(problem: DispatchProblem, carrier: str, step: int) -> list[tuple[str, float]]:
    """Machines of a carrier that may run in a step, with what they can give."""
    if carrier == "air":
        air = problem.compressors
        most = [(one, max(one.full_flow_m3_min, float(one.flow_m3_min[-1]))) for one in air]
        return [(one.name, amount) for one, amount in most if _may_run(problem, one.commitment, step)]
    if carrier == "cooling":
        cold = [one for one in problem.chillers if _may_run(problem, one.commitment, step)]
        return [(one.name, float(one.load_kw[step, -1])) for one in cold]
    boilers = [one for one in problem.boilers if one.lock is None or int(one.lock[step]) != OFF]
    chps = [one for one in problem.chps if _may_run(problem, one.commitment, step)]
    return [(one.name, one.capacity_kw) for one in boilers] + [(one.name, one.heat_max_kw) for one in chps]


def _may_run(problem: DispatchProblem, commitment: Commitment, step: int) -> bool:
    lock = effective_lock(commitment, problem.steps, problem.step_s, problem.gone_s)
    return int(lock[step]) != OFF


def _held(problem: DispatchProblem, lock: object, speech: Speech) -> Text:
    """Standing or running, and until when."""
    course = np.asarray(lock)
    states = {OFF: Text(en="standing", zh="停机"), ON: Text(en="running", zh="运行")}
    first = int(np.argmax(course >= 0))
    state = states.get(int(course[first]), Text(en="free", zh="自由"))
    other = np.flatnonzero(course[first:] != course[first])
    if not len(other):
        return state
    until = speech.clock(problem.start_ns + round((first + int(other[0])) * problem.step_s * _NS))
    return said("{state} until {until}", "{state}至 {until}", state=state, until=until)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, np.ndarray):
        return f"{len(value)} values"
    return str(value)
