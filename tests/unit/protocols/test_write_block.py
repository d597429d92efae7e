"""What a write block may not say."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from protocols.write_block import WriteLimits

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
