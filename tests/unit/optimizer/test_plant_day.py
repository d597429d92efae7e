from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.cases.b05_plant_day import _day
from benchmarks.judge_day import day_cost
from protocols.errors import ConfigError

STEPS = 40


def day() -> dict[str, Any]:
    """A small day of the published form, longer than what is solved at once."""
    hours = np.arange(STEPS) / 4.0
    switch = {"min_up_steps": 2, "min_down_steps": 2, "start_cost": 0.5}
    return {
        "compressors_fixed": [
            {
                "cls": "S",
                "count": 2,
                "flow_m3_min": 10.0,
                "load_kw": 60.0,
                "unload_kw": 16.0,
                "on_at_start": 1,
            }
            | switch
        ],
        "compressors_vsd": [
            {"flow_power": [[8.0, 56.0], [13.0, 80.0], [20.0, 118.0]], "on_at_start": 1} | switch
        ],
        "receiver": {"usable_m3": 18, "start_m3": 9, "end_min_m3": 9},
        "chillers": [
            {"capacity_kw": 500.0, "cop": 5.0, "plr_min": 0.25, "auxiliary_kw_when_on": 3.5, "on_at_start": 1}
            | switch
        ],
        "eir_plr": [0.33018833, 0.23554291, 0.46070828],
        "cold_store": {
            "capacity_kwh": 300,
            "power_kw": 100,
            "start_kwh": 150,
            "end_min_kwh": 150,
            "loss_per_h": 0.005,
        },
        "battery": {
            "min_kwh": 20,
            "max_kwh": 200,
            "power_kw": 100,
            "efficiency_one_way": 0.95,
            "start_kwh": 100,
            "end_min_kwh": 100,
            "throughput_cost_per_kw_step": 0.002,
        },
        "grid": {
            "import_max_kw": 2000,
            "export_max_kw": 500,
            "export_price": 0.05,
            "demand_charge_per_kw": 12.0,
            "peak_so_far_kw": 300.0,
        },
        "step_h": 0.25,
        "series": {
            "air": (22.0 + 9.0 * np.sin(hours)).tolist(),
            "cool": (300.0 + 120.0 * np.sin(hours / 2.0)).tolist(),
            "base": (200.0 + 40.0 * np.cos(hours)).tolist(),
            "pv": np.clip(60.0 * np.sin(hours / 3.0), 0.0, None).tolist(),
            "price": np.where(hours < 5.0, 0.08, 0.2).tolist(),
            "capft": [1.0] * STEPS,
            "eirft": [1.0] * STEPS,
        },
    }


@pytest.mark.timeout(60)
def test_the_judge_accepts_a_rolled_day_and_its_bound_holds() -> None:
    plain = day()
    found = _day(plain)
    cost, wrong = day_cost(plain, found["plan"])
    assert not wrong
    assert found["bound"] <= cost
    assert found["gap_pct"] < 6.0
    assert len(found["steps_s"]) > 5


@pytest.mark.timeout(60)
def test_the_judge_sees_what_a_plan_hides() -> None:
    plain = day()
    plan = _day(plain)["plan"]
    plan["machines"]["fixed_0_0"]["on"] = [k % 2 for k in range(STEPS)]
    plan["store_in_kw"][3] += 50.0
    plan["import_kw"][5] -= 10.0
    words = " ".join(day_cost(plain, plan)[1])
    for part in ("fixed_0_0 switches", "cooling is short in step 3", "power in step 5"):
        assert part in words


def test_a_day_without_its_series_is_refused_with_the_field() -> None:
    plain = day()
    del plain["series"]["price"]
    with pytest.raises(ConfigError, match=r"series\.price"):
        _day(plain)
