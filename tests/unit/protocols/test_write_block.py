"""What a write block may not say."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from protocols.write_block import Duty, WriteLimits

GOOD: dict[str, object] = {
    "point": "power_set_kw", "unit": "kW", "low": -50.0, "high": 50.0,
    "fallback": {"kind": "value", "value": 0.0},
}  # fmt: skip


def test_good_limits_are_taken() -> None:
    assert WriteLimits.model_validate(GOOD).fallback.value == 0.0


@pytest.mark.parametrize(
    "change",
    [
        {"tolerance": math.inf}, {"tolerance": math.nan}, {"low": -math.inf}, {"high": math.nan},
        {"low": 60.0}, {"settle_s": -1.0}, {"max_lease_s": 0.0},
        {"fallback": {"kind": "value", "value": 51.0}},
        {"fallback": {"kind": "value", "value": math.nan}},
        {"fallback": {"kind": "release", "value": -51.0}},
        {"readback": "effective"},
    ],
)  # fmt: skip
def test_limits_that_would_let_anything_pass_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WriteLimits.model_validate(GOOD | change)


def test_a_block_without_the_later_fields_is_signed_as_before_they_came() -> None:
    limits = WriteLimits.model_validate(GOOD)
    assert "duty" not in limits.model_dump()
    told = limits.model_copy(update={"duty": Duty(dwell_s=60.0)})
    assert told.model_dump()["duty"]["dwell_s"] == 60.0
    assert WriteLimits.model_validate(told.model_dump()) == told


@pytest.mark.parametrize(
    "duty",
    [
        {"two_persons": True},
        {"two_step": True, "horizon_s": 60.0},
        {"horizon_s": 14_401.0},
        {"interlock": [{"input": "dryer1/dew_c"}]},
        {"interlock": [{"input": "dryer1/dew_c", "low": 5.0, "high": 1.0}]},
        {"interlock": [{"input": "dew_c", "low": 5.0}]},
        {"dwell_s": -1.0},
        {"starts_per_h": 0},
    ],
)
def test_a_duty_that_contradicts_itself_is_refused(duty: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WriteLimits.model_validate({**GOOD, "duty": duty})


@pytest.mark.parametrize(
    "fallback",
    [
        {"kind": "hold"},
        {"kind": "restore"},
        {"kind": "release_group", "group": "cold", "order": 1, "value": 0.0},
    ],
)
def test_each_kind_of_fallback_comes_back(fallback: dict[str, object]) -> None:
    limits = WriteLimits.model_validate({**GOOD, "fallback": fallback})
    assert WriteLimits.model_validate_json(limits.model_dump_json()) == limits
