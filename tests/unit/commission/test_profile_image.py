"""The simulated registers and the real driver mean the same, for every type, order and table."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.drivers.modbus.plan import limits_of
from protocols.drivers.modbus.readplan import make_plan
from protocols.profile import DataType, Profile, WordOrder
from simulator.profile_image import BIT_TABLES, ProfileImage

TEXT = {"en": "x", "zh": "x"}


def _profile(kind: str, unit: str, **point: object) -> Profile:
    suffix = {"kW": "_kw", "code": "_code"}[unit]
    spec = {"name": f"a{suffix}", "label": TEXT, "unit": unit, "kind": kind} | point
    head = {"id": "acme", "label": TEXT, "protocol": "modbus", "equipment": "meter"}
    return Profile.model_validate(head | {"points": [spec]})


def _read(profile: Profile, image: ProfileImage) -> float:
    plan = make_plan(profile.points, 1, limits_of(profile), ())
    answers = []
    for block in plan.blocks:
        cells = image.cells(block.table, 0.0)
        words = [cells[cell] for cell in range(block.start, block.start + block.size)]
        if block.table in BIT_TABLES:
            data = np.packbits(np.array(words, np.uint8), bitorder="little").tobytes()
        else:
            data = struct.pack(f">{len(words)}H", *words)
        answers.append(bytes((3, len(data))) + data)
    reading = plan.decode(answers)
    assert not reading.qualities.any()
    return float(reading.values[0])


@pytest.mark.parametrize("order", WordOrder)
@pytest.mark.parametrize("kind", [kind for kind in DataType if kind is not DataType.BOOL])
def test_every_type_in_every_order(kind: DataType, order: WordOrder) -> None:
    address = {"kind": "modbus", "address": 7, "type": kind, "order": order}
    profile = _profile("measurement", "kW", address=address, scale=0.1)
    image = ProfileImage(profile)
    assert _read(profile, image) == pytest.approx(image.value("a_kw", 0.0), abs=0.0501)


@pytest.mark.parametrize("table", BIT_TABLES)
def test_single_bits(table: str) -> None:
    profile = _profile(
        "state", "code", address={"kind": "modbus", "table": table, "address": 3, "type": "bool"}
    )
    assert _read(profile, ProfileImage(profile)) == 1.0


@given(bit=st.integers(0, 15), bits=st.integers(1, 16))
def test_bit_fields(bit: int, bits: int) -> None:
    if bit + bits > 16:
        return
    address = {"kind": "modbus", "address": 3, "bit": bit, "bits": bits}
    profile = _profile("state", "code", address=address)
    assert _read(profile, ProfileImage(profile)) == 1.0


@given(value=st.floats(-3000, 3000), kind=st.sampled_from([DataType.I16, DataType.I32, DataType.F32]))
def test_a_written_set_point_is_read_as_it_was_written(value: float, kind: DataType) -> None:
    address = {"kind": "modbus", "address": 5, "type": kind, "order": "dcba"}
    profile = _profile("setpoint", "kW", address=address, scale=0.1)
    image = ProfileImage(profile)
    form = {DataType.I16: "h", DataType.I32: "i", DataType.F32: "f"}[kind]
    raw = value / 0.1 if form == "f" else round(value / 0.1)
    data = struct.pack(f"<{form}", raw)  # dcba is the standard's order backwards
    words = struct.unpack(f">{len(data) // 2}H", data)
    assert image.take("holding", 5, words)
    assert _read(profile, image) == pytest.approx(value, abs=0.0501)


@pytest.mark.parametrize(("address", "words"), [(4, [0, 0]), (5, [0]), (5, [0, 0, 0]), (90, [0])])
def test_a_write_that_is_not_exactly_a_set_point_is_refused(address: int, words: list[int]) -> None:
    profile = _profile("setpoint", "kW", address={"kind": "modbus", "address": 5, "type": "f32"})
    assert not ProfileImage(profile).take("holding", address, words)


def test_a_scale_factor_is_chosen_so_that_all_its_values_fit() -> None:
    point = {"label": TEXT, "unit": "kW", "kind": "measurement", "scale": 0.001}
    points = [
        point | {"name": name, "address": {"kind": "modbus", "address": at, "type": "i16", "scale_factor": 9}}
        for at, name in enumerate(("a_kw", "b_kw"))
    ]
    head = {"id": "acme", "label": TEXT, "protocol": "modbus", "equipment": "meter"}
    profile = Profile.model_validate(head | {"points": points})
    image = ProfileImage(profile)
    assert _read(profile, image) == pytest.approx(image.value("a_kw", 0.0), abs=0.00051)
