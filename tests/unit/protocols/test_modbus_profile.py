"""What a profile may say about Modbus addresses: contradictions are named when the file is read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from protocols.device import EdgeDevices
from protocols.profile import ModbusAddress, PointSpec, Profile

TEXT = {"en": "x", "zh": "x"}


def profile(*addresses: dict[str, Any], **more: object) -> Profile:
    points = [
        {"name": f"p{at}_kw", "label": TEXT, "unit": "kW", "address": {"kind": "modbus", **where}}
        for at, where in enumerate(addresses)
    ]
    return Profile.model_validate(
        {"id": "x", "label": TEXT, "protocol": "modbus", "equipment": "meter", "points": points, **more}
    )


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        ({"address": 65_535, "type": "f32"}, "beyond the last address"),
        ({"address": 0, "bit": 3, "type": "u32"}, "bit field needs type u16"),
        ({"address": 0, "bit": 14, "bits": 4}, "does not fit one register"),
        ({"address": 0, "bit": 1, "scale_factor": 3}, "no scale factor"),
        ({"address": 0, "table": "coil", "type": "f32"}, "single bits"),
        ({"address": 0, "write": "mask"}, "give `bit`"),
        ({"address": 0, "bit": 3, "write": "read_write"}, "whole registers"),
        ({"address": 0, "table": "coil", "write": "read_write"}, "table holding"),
    ],
)
def test_an_address_that_contradicts_itself_is_refused(where: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        ModbusAddress.model_validate(where)


def test_bit_fields_may_share_a_register_but_not_a_bit() -> None:
    profile({"address": 7, "bit": 0}, {"address": 7, "bit": 1, "bits": 2})
    with pytest.raises(ValidationError, match="share the address holding 7 2"):
        profile({"address": 7, "bit": 1, "bits": 2}, {"address": 7, "bit": 2})


def test_a_point_that_no_request_can_bring_is_refused() -> None:
    with pytest.raises(ValidationError, match="takes 2 registers, max_registers is 1"):
        profile({"address": 0, "type": "f32"}, max_registers=1)


@pytest.mark.parametrize("where", [{"address": 9, "type": "u32"}, {"address": 0, "scale_factor": 10}])
def test_a_point_in_a_forbidden_range_is_refused(where: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="forbidden range 10 to 12"):
        profile(where, modbus={"forbidden": [{"first": 10, "last": 12}]})


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="must not be below first"):
        profile({"address": 0}, modbus={"forbidden": [{"first": 12, "last": 10}]})


def test_units_of_one_address_must_agree_on_the_framing() -> None:
    devices = [
        {"id": f"d{unit}", "label": TEXT, "profile": "x",
         "connection": {"kind": "modbus", "host": "10.0.0.9", "unit": unit, "framing": framing}}
        for unit, framing in ((1, "mbap"), (2, "rtu"))
    ]  # fmt: skip
    with pytest.raises(ValidationError, match="say framing mbap and framing rtu"):
        EdgeDevices.model_validate({"site": "demo", "edge": "edge1", "devices": devices})


@pytest.mark.parametrize(
    ("slip", "fault"),
    [({"scale": 0}, "scale of 0"), ({"scale": float("nan")}, "finite"), ({"offset": float("inf")}, "finite"),
     ({"low": float("-inf")}, "finite"), ({"high": float("nan")}, "finite"), ({"every_s": 0.001}, "0.01"),
     ({"every_s": float("inf")}, "86400"), ({"low": 5, "high": 5}, "must be below high")],
)  # fmt: skip
def test_a_number_that_would_spoil_every_poll_is_refused(slip: dict[str, float], fault: str) -> None:
    good = profile({"address": 1}).points[0].model_dump(mode="json")
    with pytest.raises(ValidationError, match=fault):
        PointSpec.model_validate(good | slip)


def test_a_wrong_address_hides_neither_a_wrong_name_nor_a_wrong_range() -> None:
    point = {"name": "volt", "label": TEXT, "unit": "V", "address": {"kind": "modbus", "address": "xx"}}
    with pytest.raises(ValidationError) as told:
        PointSpec.model_validate({**point, "low": 3, "high": 2})
    assert {error["loc"][0] for error in told.value.errors()} == {"unit", "address", "high"}
