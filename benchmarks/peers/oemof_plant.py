"""The plant day as oemof-solph sees it, simplified: fixed efficiencies, no part-load curve, no demand charge.

Run in the peers' own environment: `python oemof_plant.py CASE.json RUNS` prints the seconds of each
energy system → model as JSON; the components are made before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]  # of the peers' environment
from oemof import solph  # type: ignore[import-not-found,unused-ignore]  # as above


def energy_system(case: dict[str, Any]) -> Any:  # noqa: ANN401  a class of the peer
    """All components of the case."""
    series, steps = case["series"], len(case["series"]["base"])
    index = pd.date_range("2026-01-05", periods=steps + 1, freq="15min")
    system = solph.EnergySystem(timeindex=index, infer_last_interval=False)
    power, air, cold = (solph.buses.Bus(label=name) for name in ("power", "air", "cold"))
    system.add(power, air, cold)
    grid = case["grid"]
    system.add(
        solph.components.Source(
            label="import",
            outputs={
                power: solph.Flow(nominal_capacity=grid["import_max_kw"], variable_costs=series["price"])
            },
        ),
        solph.components.Sink(
            label="export",
            inputs={
                power: solph.Flow(
                    nominal_capacity=grid["export_max_kw"], variable_costs=-grid["export_price"]
                )
            },
        ),
        solph.components.Source(
            label="pv",
            outputs={
                power: solph.Flow(
                    nominal_capacity=max(series["pv"]), max=[p / max(series["pv"]) for p in series["pv"]]
                )
            },
        ),
    )
    for name, bus, need in (("base", power, "base"), ("air_need", air, "air"), ("cold_need", cold, "cool")):
        flow = solph.Flow(nominal_capacity=1.0, fix=series[need])
        system.add(solph.components.Sink(label=name, inputs={bus: flow}))
    for k, (least, most, kw, own) in enumerate(_compressors(case)):
        system.add(_converter(f"comp{k}", (power, air), (least, most, kw), own))
    for k, one in enumerate(case["chillers"]):
        sizes = (one["plr_min"], one["capacity_kw"], one["capacity_kw"] / one["cop"])
        system.add(_converter(f"chiller{k}", (power, cold), sizes, one))
    battery, store = case["battery"], case["cold_store"]
    system.add(
        solph.components.GenericStorage(
            label="battery",
            inputs={power: solph.Flow(nominal_capacity=battery["power_kw"])},
            outputs={power: solph.Flow(nominal_capacity=battery["power_kw"])},
            nominal_capacity=battery["max_kwh"],
            initial_storage_level=0.5,
            inflow_conversion_factor=battery["efficiency_one_way"],
            outflow_conversion_factor=battery["efficiency_one_way"],
        ),
        solph.components.GenericStorage(
            label="store",
            inputs={cold: solph.Flow(nominal_capacity=store["power_kw"])},
            outputs={cold: solph.Flow(nominal_capacity=store["power_kw"])},
            nominal_capacity=store["capacity_kwh"],
            initial_storage_level=0.5,
            loss_rate=store["loss_per_h"],
        ),
    )
    return system


def _compressors(case: dict[str, Any]) -> list[tuple[float, float, float, dict[str, Any]]]:
    found = [
        (0.0, one["flow_m3_min"], one["load_kw"], one)
        for one in case["compressors_fixed"]
        for _ in range(one["count"])
    ]
    for one in case["compressors_vsd"]:
        (least, _), (most, kw) = one["flow_power"][0], one["flow_power"][-1]
        found.append((least / most, most, kw, one))
    return found


def _converter(
    name: str, buses: tuple[Any, Any], sizes: tuple[float, float, float], own: dict[str, Any]
) -> Any:  # noqa: ANN401
    least_frac, most, kw = sizes
    switch = solph.NonConvex(
        startup_costs=own["start_cost"],
        minimum_uptime=own["min_up_steps"],
        minimum_downtime=own["min_down_steps"],
        initial_status=0,
    )
    return solph.components.Converter(
        label=name,
        inputs={buses[0]: solph.Flow()},
        outputs={buses[1]: solph.Flow(nominal_capacity=most, min=least_frac, max=1.0, nonconvex=switch)},
        conversion_factors={buses[0]: kw / most},
    )


def main() -> None:
    """Time the model, again and again."""
    warnings.simplefilter("ignore")
    case = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    taken = []
    for _ in range(int(sys.argv[2])):
        system = energy_system(case)
        began = time.perf_counter()
        solph.Model(system)
        taken.append(time.perf_counter() - began)
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
