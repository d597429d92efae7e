"""Newest values are told as their model says, whatever a device sent."""

from __future__ import annotations

import json
import math

import pytest

from hub.api.models import value_of
from hub.api.value_answers import values_json
from hub.store.port import LastValue
from protocols.point import PointId

NOW_NS = 1_790_000_000_123_456_789
SAMPLES = [
    LastValue(1.0, 0, NOW_NS),
    LastValue(-0.0, 0, NOW_NS),
    LastValue(7, 65, NOW_NS - 1, NOW_NS - 2_000_000_000),
    LastValue(1e300, 0, NOW_NS - 86_400_000_000_000),
    LastValue(1e-7, 66, NOW_NS + 5_000_000_000),
    LastValue(math.nan, 0, NOW_NS),
    LastValue(math.inf, 0, NOW_NS),
    LastValue(5.0, 133, NOW_NS),
    LastValue(0.1 + 0.2, 0, 1_500_000_000, 123),
]


@pytest.mark.parametrize("many", [0, 1, len(SAMPLES)])
def test_many_values_are_told_as_each_alone(many: int) -> None:
    found = {PointId("demo", "meter_1", f"p{at}_kw"): last for at, last in enumerate(SAMPLES[:many])}
    alone = [json.loads(value_of(str(at), last, NOW_NS).model_dump_json()) for at, last in found.items()]
    assert json.loads(values_json(found, NOW_NS)) == alone
