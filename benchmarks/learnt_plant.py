"""What meters of a simulated plant show of its machines, right and wrong, and how far a learnt curve is off.

The plant has true machines (`plant.truth`), runs under its own control and starts, cycles and stands still;
its meters have noise. Tests and the benchmark of learning share it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from plant.flowsheet import Flowsheet
from plant.learning.learn import learn
from plant.learning.machines import power_of
from plant.learning.robust import FloatArray
from plant.learning.rows import Rows
from plant.learning.verdict import Verdict
from plant.learnt import Learnable, taken_over
from plant.scenario import make_scenario
from plant.truth import true_flowsheet
from plant.units.compressor import FixedCompressor, VsdCompressor
from plant.units.cooling import AirHandler, Chiller
from protocols.errors import ConfigError
from runtime.yaml_config import load_config
from simulator.history import History, simulate_history
from simulator.timeline import Timeline

NS: Final = 1_000_000_000
START_NS: Final = 1_780_272_000 * NS
ZONE: Final = "Asia/Shanghai"
_NOISE: Final = (("power_kw", 0.5), ("flow_m3_min", 0.1), ("cooling_kw", 3.0), ("pressure_bar_g", 0.02))
_FLOWSHEET: Final = Path(__file__).parents[1] / "configs/sites/demo/flowsheet.yaml"

Change = Callable[[dict[str, FloatArray], np.random.Generator], None]
"""Spoils columns in place."""


def demo_flowsheet() -> Flowsheet:
    """The nominal plant of the demo."""
    return load_config(_FLOWSHEET, Flowsheet)


def past_of(flowsheet: Flowsheet, season: str, seed: int, days: int) -> History:
    """Days of the true machines, minute by minute."""
    line = Timeline(make_scenario(season, seed, days=days + 1), START_NS)
    return simulate_history(flowsheet, line, seed, START_NS + days * 86_400 * NS, days=days)


def learnable_of(flowsheet: Flowsheet, name: str) -> Learnable:
    """A unit a curve can be learnt of.

    Raises:
        ConfigError: It is none.
    """
    unit = flowsheet.units[name]
    if not isinstance(unit, FixedCompressor | VsdCompressor | Chiller | AirHandler):
        raise ConfigError(f"{name} has no curve that could be learnt")
    return unit


def rows_of(flowsheet: Flowsheet, past: History, name: str, change: Change | None = None) -> Rows:
    """What meters with their noise show of a machine.

    Args:
        flowsheet: The nominal plant.
        past: From `past_of`.
        name: The machine.
        change: What is wrong with them; None: nothing.
    """
    unit, rng = flowsheet.units[name], np.random.default_rng(1)
    values = {role: past.values[ref].copy() for role, ref in unit.bindings.items() if ref in past.values}
    outdoor, wet = past.values["weather1/outdoor_c"], past.values["weather1/wet_bulb_c"]
    if isinstance(unit, Chiller):
        values["condenser_c"] = np.array([unit.condenser_c(*both) for both in zip(outdoor, wet, strict=True)])
    elif isinstance(unit, AirHandler):
        cooled = [past.values[f"{other}/cooling_kw"] for other, _ in flowsheet.of_kind(Chiller)]
        values = {"power_kw": values["fan_power_kw"], "cooling_kw": np.sum(cooled, axis=0)}
    else:
        values["inlet_c"] = outdoor.copy()
    for column, noise in _NOISE:
        if column in values:
            values[column] += rng.normal(0.0, noise, len(outdoor)) * (values[column] > 0.0)
    if change is not None:
        change(values, rng)
    return Rows(past.times_ns, values)


def learnt_from(flowsheet: Flowsheet, past: History, name: str, change: Change | None = None) -> Verdict:
    """What comes of learning a machine from these meters."""
    return learn(name, learnable_of(flowsheet, name), rows_of(flowsheet, past, name, change), ZONE)


def broken(values: dict[str, FloatArray], rng: np.random.Generator) -> None:
    """Gaps, spikes, a meter that hangs for a day, a day in watts, a sensor that shows zero or hangs."""
    power, count = values["power_kw"], len(values["power_kw"])
    power[rng.random(count) < 0.05] *= 1.6  # noqa: PLR2004  one row in twenty
    power[rng.random(count) < 0.05] = np.nan  # noqa: PLR2004  as above
    power[1500:2940] = power[1500]
    power[6000:7000] *= 1000.0
    for name in ("flow_m3_min", "cooling_kw"):
        if name in values:
            values[name][rng.random(count) < 0.03] = 0.0  # noqa: PLR2004  as above
            values[name][9000:9600] = values[name][9000]


def off_pct(flowsheet: Flowsheet, seed: int, name: str, unit: Learnable, verdict: Verdict) -> float:
    """Farthest a curve lies beside the true machine, anywhere in the range that was learnt in. [%].

    Args:
        flowsheet: The nominal plant.
        seed: Of its true machines.
        name: The machine.
        unit: With the curve to judge.
        verdict: Says the range.

    Raises:
        ConfigError: Nothing was fitted.
    """
    if verdict.curve is None:
        raise ConfigError(f"nothing was fitted of {name}: {verdict.reason.en}")
    nominal, true = learnable_of(flowsheet, name), learnable_of(true_flowsheet(flowsheet, seed), name)
    rng = np.random.default_rng(7)
    at = {key: rng.uniform(span.low, span.high, 300) for key, span in verdict.curve.valid.items()}
    truly = at
    if isinstance(nominal, Chiller) and isinstance(true, Chiller):
        # the tower of the true machine has another approach; whoever plans knows the nominal one
        truly = at | {"condenser_c": at["condenser_c"] + true.approach_k - nominal.approach_k}
    return float(100.0 * np.max(np.abs(power_of(unit, at) / power_of(true, truly) - 1.0)))


def learnt_off_pct(flowsheet: Flowsheet, seed: int, name: str, verdict: Verdict) -> float:
    """The same of the learnt curve itself. [%].

    Raises:
        ConfigError: Nothing was fitted.
    """
    unit = learnable_of(flowsheet, name)
    learnt = unit if verdict.curve is None else taken_over(unit, verdict.curve)
    return off_pct(flowsheet, seed, name, learnt, verdict)
