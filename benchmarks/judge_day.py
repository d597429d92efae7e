"""Judge of the plant day: balances, stores, machines, switching and cost from the file, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

_KW: Final = 0.02
_M3: Final = 1e-3
_KWH: Final = 0.1
"""Rounding of what a plan says: the planner's own tolerance is a hundredth of a kW in each step."""


def day_cost(case: dict[str, Any], plan: dict[str, Any]) -> tuple[float, list[str]]:
    """Cost of a plan by the file and what is wrong with it.

    The plan says per machine and step `on` with `flow_m3_min` or `load_kw`, and per step `charge_kw`,
    `discharge_kw`, `store_in_kw`, `receiver_m3`, `pv_kw`, `import_kw` and `export_kw`.
    """
    wrong = [*_switching(case, plan), *_balances(case, plan), *_contents(case, plan)]
    grid, hours = case["grid"], case["step_h"]
    bought, sold = plan["import_kw"], plan["export_kw"]
    cost = math.fsum(p * price * hours for p, price in zip(bought, case["series"]["price"], strict=True))
    cost -= math.fsum(sold) * grid["export_price"] * hours
    peak = max(*bought, grid["peak_so_far_kw"])
    cost += grid["demand_charge_per_kw"] * (peak - grid["peak_so_far_kw"])
    used = math.fsum(plan["charge_kw"]) + math.fsum(plan["discharge_kw"])
    cost += used * case["battery"]["throughput_cost_per_kw_step"]
    cost += math.fsum(_starts(case, plan))
    return cost, wrong


def machines_of(case: dict[str, Any]) -> list[tuple[str, dict[str, Any], bool]]:
    """Name, data and state at the start of every machine of the file."""
    found = [
        (f"fixed_{k}_{n}", one, n < one["on_at_start"])
        for k, one in enumerate(case["compressors_fixed"])
        for n in range(one["count"])
    ]
    found += [(f"vsd_{k}", one, bool(one["on_at_start"])) for k, one in enumerate(case["compressors_vsd"])]
    found += [(f"chiller_{k}", one, bool(one["on_at_start"])) for k, one in enumerate(case["chillers"])]
    return found


def _starts(case: dict[str, Any], plan: dict[str, Any]) -> Iterator[float]:
    for name, one, ran in machines_of(case):
        before = ran
        for now in plan["machines"][name]["on"]:
            if now and not before:
                yield float(one["start_cost"])
            before = bool(now)


def _switching(case: dict[str, Any], plan: dict[str, Any]) -> Iterator[str]:
    for name, one, ran in machines_of(case):
        state, since = ran, -10_000
        for step, now in enumerate(plan["machines"][name]["on"]):
            if bool(now) != state:
                least = one["min_up_steps"] if state else one["min_down_steps"]
                if step - since < least:
                    yield f"{name} switches in step {step} after {step - since} steps"
                state, since = bool(now), step


def _balances(case: dict[str, Any], plan: dict[str, Any]) -> Iterator[str]:
    for step in range(len(case["series"]["base"])):
        air = cool = power = 0.0
        for name, one, _ in machines_of(case):
            given, kw, fault = _machine(case, one, plan["machines"][name], step)
            power += kw
            cool += given if "cop" in one else 0.0
            air += 0.0 if "cop" in one else given
            if fault:
                yield f"{name} in step {step}: {fault}"
        yield from _carriers(case, plan, step, (air, cool))
        yield from _electric(case, plan, step, power)


def _carriers(
    case: dict[str, Any], plan: dict[str, Any], step: int, given: tuple[float, float]
) -> Iterator[str]:
    series = case["series"]
    before = plan["receiver_m3"][step - 1] if step else case["receiver"]["start_m3"]
    into = (plan["receiver_m3"][step] - before) / (case["step_h"] * 60.0)
    if given[0] - into < series["air"][step] - _M3:
        yield f"air is short in step {step}: {given[0] - into} of {series['air'][step]}"
    if given[1] - plan["store_in_kw"][step] < series["cool"][step] - _KW:
        yield f"cooling is short in step {step}"


def _electric(case: dict[str, Any], plan: dict[str, Any], step: int, power: float) -> Iterator[str]:
    series, grid = case["series"], case["grid"]
    bought, sold, sun = plan["import_kw"][step], plan["export_kw"][step], plan["pv_kw"][step]
    given = bought - sold + sun + plan["discharge_kw"][step] - plan["charge_kw"][step]
    if abs(given - series["base"][step] - power) > _KW:
        yield f"power in step {step}: {given} for {series['base'][step] + power}"
    for name, value, most in (
        ("PV", sun, series["pv"][step]),
        ("import", bought, grid["import_max_kw"]),
        ("export", sold, grid["export_max_kw"]),
    ):
        if not -_KW <= value <= most + _KW:
            yield f"{name} is {value} kW in step {step}"


def _machine(
    case: dict[str, Any], one: dict[str, Any], planned: dict[str, Any], step: int
) -> tuple[float, float, str]:
    """Flow or load, power by the file's curve, and what is wrong."""
    given = planned["load_kw" if "cop" in one else "flow_m3_min"][step]
    if not planned["on"][step]:
        return given, 0.0, "" if abs(given) < _M3 else f"gives {given} while off"
    if "cop" in one:
        return _chiller(case, one, given, step)
    if "flow_power" in one:
        corners = one["flow_power"]
    else:
        corners = [(0.0, one["unload_kw"]), (one["flow_m3_min"], one["load_kw"])]
    return _on_chords(corners, given, 0.0)


def _chiller(case: dict[str, Any], one: dict[str, Any], load: float, step: int) -> tuple[float, float, str]:
    capft, eirft = case["series"]["capft"][step], case["series"]["eirft"][step]
    low = one["plr_min"]
    corners = []
    for piece in range(5):
        plr = low + (1.0 - low) * piece / 4.0
        share = math.fsum(k * plr**n for n, k in enumerate(case["eir_plr"]))
        corners.append(
            (plr * one["capacity_kw"] * capft, one["capacity_kw"] / one["cop"] * eirft * capft * share)
        )
    return _on_chords(corners, load, one["auxiliary_kw_when_on"])


def _on_chords(corners: Sequence[Sequence[float]], at: float, extra: float) -> tuple[float, float, str]:
    if not corners[0][0] - _KW <= at <= corners[-1][0] + _KW:
        return at, extra + corners[-1][1], f"at {at} outside {corners[0][0]} to {corners[-1][0]}"
    held = min(max(at, corners[0][0]), corners[-1][0])
    for (x0, y0), (x1, y1) in pairwise(corners):
        if held <= x1:
            return at, extra + y0 + (y1 - y0) * (held - x0) / (x1 - x0), ""
    return at, extra + corners[-1][1], ""


def _contents(case: dict[str, Any], plan: dict[str, Any]) -> Iterator[str]:
    hours, battery, cold, air = case["step_h"], case["battery"], case["cold_store"], case["receiver"]
    soc, kept = battery["start_kwh"], cold["start_kwh"]
    for step, (into, out, cooled) in enumerate(
        zip(plan["charge_kw"], plan["discharge_kw"], plan["store_in_kw"], strict=True)
    ):
        eff = battery["efficiency_one_way"]
        soc += hours * (into * eff - out / eff)
        kept += hours * cooled - kept * cold["loss_per_h"] * hours
        if not battery["min_kwh"] - _KWH <= soc <= battery["max_kwh"] + _KWH:
            yield f"the battery holds {soc} kWh after step {step}"
        if not -_KWH <= kept <= cold["capacity_kwh"] + _KWH:
            yield f"the cold store holds {kept} kWh after step {step}"
        if max(into, out) > battery["power_kw"] + _KW or abs(cooled) > cold["power_kw"] + _KW:
            yield f"a store is charged or emptied too fast in step {step}"
        if not -_M3 <= plan["receiver_m3"][step] <= air["usable_m3"] + _M3:
            yield f"the receiver holds {plan['receiver_m3'][step]} m³ after step {step}"
    for name, held, least in (
        ("battery", soc, battery["end_min_kwh"]),
        ("cold store", kept, cold["end_min_kwh"]),
        ("receiver", plan["receiver_m3"][-1], air["end_min_m3"]),
    ):
        if held < least - _KWH:
            yield f"the {name} ends at {held} instead of {least}"
