"""The plant day as PyPSA sees it, simplified like `oemof_plant.py`.

Run in the peers' own environment: `python pypsa_plant.py CASE.json RUNS` prints the seconds of each
network → model as JSON; the network is made before the clock starts.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]  # of the peers' environment
import pypsa  # type: ignore[import-not-found,unused-ignore]  # as above


def network(case: dict[str, Any]) -> Any:  # noqa: ANN401  a class of the peer
    """All components of the case."""
    series, steps = case["series"], len(case["series"]["base"])
    net = pypsa.Network()
    net.set_snapshots(pd.date_range("2026-01-05", periods=steps, freq="15min"))
    net.snapshot_weightings = net.snapshot_weightings.astype(float) * 0.0 + case["step_h"]
    at = net.snapshots
    for bus, need in (("power", "base"), ("air", "air"), ("cold", "cool")):
        net.add("Bus", bus)
        net.add("Load", f"{bus}_need", bus=bus, p_set=pd.Series(series[need], index=at))
    grid = case["grid"]
    price = pd.Series(series["price"], index=at)
    net.add("Generator", "import", bus="power", p_nom=grid["import_max_kw"], marginal_cost=price)
    net.add(
        "Generator",
        "export",
        bus="power",
        p_nom=grid["export_max_kw"],
        p_min_pu=-1.0,
        p_max_pu=0.0,
        marginal_cost=grid["export_price"],
    )
    most = max(series["pv"])
    sun = pd.Series([p / most for p in series["pv"]], index=at)
    net.add("Generator", "pv", bus="power", p_nom=most, p_max_pu=sun)
    for k, (least, full, kw, own) in enumerate(_compressors(case)):
        _link(net, f"comp{k}", "air", (least, full, kw), own)
    for k, one in enumerate(case["chillers"]):
        sizes = (one["plr_min"], one["capacity_kw"], one["capacity_kw"] / one["cop"])
        _link(net, f"chiller{k}", "cold", sizes, one)
    battery, store = case["battery"], case["cold_store"]
    for name, bus, unit, kwh, eff, loss in (
        ("battery", "power", battery, battery["max_kwh"], battery["efficiency_one_way"], 0.0),
        ("store", "cold", store, store["capacity_kwh"], 1.0, store["loss_per_h"]),
    ):
        net.add(
            "StorageUnit",
            name,
            bus=bus,
            p_nom=unit["power_kw"],
            max_hours=kwh / unit["power_kw"],
            efficiency_store=eff,
            efficiency_dispatch=eff,
            standing_loss=loss,
            state_of_charge_initial=kwh / 2.0,
        )
    return net


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


def _link(net: Any, name: str, bus: str, sizes: tuple[float, float, float], own: dict[str, Any]) -> None:  # noqa: ANN401
    least_frac, most, kw = sizes
    net.add(
        "Link",
        name,
        bus0="power",
        bus1=bus,
        p_nom=kw,
        efficiency=most / kw,
        committable=True,
        p_min_pu=least_frac,
        start_up_cost=own["start_cost"],
        min_up_time=own["min_up_steps"],
        min_down_time=own["min_down_steps"],
        up_time_before=0,
    )


def main() -> None:
    """Time the model, again and again."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    case = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    taken = []
    for _ in range(int(sys.argv[2])):
        net = network(case)
        began = time.perf_counter()
        net.optimize.create_model()
        taken.append(time.perf_counter() - began)
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
