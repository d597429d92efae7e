"""The table of SunSpec models: lengths as published, and every model becomes a profile without a doubt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.commission.checking import check_profile
from edge_agent.commission.profile_text import profile_yaml
from edge_agent.commission.sunspec_chain import Chain, Place
from edge_agent.commission.sunspec_models import ModelTable, SunspecGroup, SunspecModel
from edge_agent.commission.sunspec_points import Mapped, map_model
from edge_agent.commission.sunspec_profile import Survey, Wish, make_profile, survey
from protocols.errors import ConfigError, DeviceRefusedError
from protocols.point import PointKind
from protocols.profile import ModbusAddress

TABLE = ModelTable(Path(__file__).parents[3] / "configs" / "sunspec")
WANTED = (1, 101, 102, 103, *range(120, 125), 160, *range(201, 205), *range(701, 716), 802)
PUBLISHED = {
    1: 66, 101: 50, 102: 50, 103: 50, 120: 26, 121: 30, 122: 44, 123: 24, 124: 24, 160: 8, 201: 105, 202: 105,
    203: 105, 204: 105, 701: 153, 702: 50, 703: 17, 704: 65, 713: 7, 714: 18, 715: 7, 802: 62,
}  # fmt: skip
"""Registers behind id and length in the standard, without repeated groups."""


def length(model: SunspecModel, repeats: int = 1) -> int:
    """Registers behind id and length with every repeated group so often there."""

    def size(own: int, groups: Sequence[SunspecGroup]) -> int:
        inside = sum((repeats if g.repeat else 1) * size(g.size, g.groups) for g in groups)
        return own + inside

    return size(model.size, model.groups) - 2


def mapped(model: SunspecModel, repeats: int, fill: int = 1) -> Mapped:
    place = Place(model.model, 50002, length(model, repeats))
    words = [fill] * (place.length + 2)
    for at in model.counts.values():
        words[at] = repeats
    for at in model.factors.values():
        words[at] = 0
    return map_model(model, place, words, curves=True)


def test_the_models_that_are_promised_are_there() -> None:
    assert tuple(TABLE) == tuple(sorted(WANTED))


@pytest.mark.parametrize("number", PUBLISHED)
def test_the_length_is_the_standards(number: int) -> None:
    assert length(TABLE[number], repeats=0) == PUBLISHED[number]


@pytest.mark.parametrize("number", [n for n in WANTED if n != 1])
def test_every_model_becomes_a_profile_without_a_doubt(number: int, tmp_path: Path) -> None:
    model = TABLE[number]
    made = mapped(model, repeats=3)
    assert not made.fault
    found = Survey(Chain(40000), points=list(made.points), known=[number])
    profile = make_profile(found, TABLE, Wish("acme_dev", curves=True))
    file = tmp_path / "acme_dev.yaml"
    file.write_text(profile_yaml(profile), encoding="utf-8")
    findings = check_profile(file)
    assert (findings.errors, findings.warnings) == ([], [])


@pytest.mark.parametrize("number", [n for n in WANTED if n != 1])
def test_nothing_lies_outside_its_model(number: int) -> None:
    model = TABLE[number]
    end = 50002 + 2 + length(model, 2)
    for spec in mapped(model, repeats=2).points:
        assert isinstance(spec.address, ModbusAddress)
        assert 50004 <= spec.address.address <= end - spec.address.registers
        assert spec.address.scale_factor is None or 50004 <= spec.address.scale_factor < end


def test_curves_are_points_only_where_they_are_asked_for() -> None:
    model = TABLE[705]
    words = [2] * (2 + length(model, 2))
    for at in model.factors.values():
        words[at] = 0
    place = Place(705, 40069, length(model, 2))
    asked = {spec.name for spec in map_model(model, place, words, curves=True).points}
    plain = map_model(model, place, words)
    assert "volt_var_crv2_pt2_reactive_pct" in asked
    assert not any("crv" in spec.name for spec in plain.points)
    assert any("as --curves was not given: volt_var_crv1, volt_var_crv2" in note for note in plain.notes)


@pytest.mark.parametrize("number", [705, 707, 711, 714])
def test_a_count_of_a_hostile_device_is_not_followed(number: int) -> None:
    model = TABLE[number]
    words = [0xFFFE] * (2 + length(model, 2))
    made = map_model(model, Place(number, 40069, length(model, 2)), words, curves=True)
    assert "another layout" in made.fault
    assert not made.points


def test_what_the_standard_lets_write_is_a_set_point_and_nothing_else_is() -> None:
    kinds = {spec.name: spec.kind for spec in (*mapped(TABLE[123], 1).points, *mapped(TABLE[704], 1).points)}
    assert kinds["power_limit_pct"] is PointKind.SETPOINT
    assert kinds["power_set_kw"] is PointKind.SETPOINT
    assert kinds["power_limit_revert_left_s"] is PointKind.MEASUREMENT
    assert all(spec.kind is not PointKind.SETPOINT for spec in mapped(TABLE[103], 1).points)


def test_a_counter_that_must_be_there_may_be_zero_and_then_zero_is_a_value() -> None:
    new = {spec.name: spec for spec in mapped(TABLE[203], 1, fill=0).points}
    old = {spec.name: spec for spec in mapped(TABLE[203], 1).points}
    assert new["export_kwh"].not_available == ()
    assert "export_l1_kwh" not in new
    assert old["export_kwh"].not_available == (0,)


class Words:
    """A reader on some holding registers that counts its requests."""

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words
        self.asked = 0

    async def read_raw(self, table: str, start: int, count: int) -> bytes:
        self.asked += 1
        assert table == "holding"
        assert 0 <= start <= start + count <= 65536
        if not all(cell in self.words for cell in range(start, start + count)):
            raise DeviceRefusedError("exception 2: illegal data address", code=2)
        return b"".join(self.words[cell].to_bytes(2, "big") for cell in range(start, start + count))


WORD = st.one_of(st.sampled_from((*WANTED, 0, 2, 50, 0xFFFF, 0x8000)), st.integers(0, 0xFFFF))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(WANTED), st.integers(0, 70), st.lists(WORD, max_size=70)), max_size=6)
)
async def test_whatever_a_device_holds_the_survey_ends_with_sentences(
    models: list[tuple[int, int, list[int]]],
) -> None:
    words = [0x5375, 0x6E53, *(word for model, said, data in models for word in (model, said, *data))]
    reader = Words(dict(enumerate(words, start=50000)))
    found = await survey(reader, TABLE, Wish("acme_dev", curves=True))
    assert reader.asked < 400
    assert found.chain.base == 50000
    assert all(len(text) > 20 for text in (*found.faults, *found.notes))
    if found.points:
        assert len(make_profile(found, TABLE, Wish("acme_dev")).points) == len(found.points)


def test_a_folder_without_models_and_a_file_of_another_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no SunSpec models"):
        ModelTable(tmp_path)
    source = Path(__file__).parents[3] / "configs" / "sunspec" / "713.yaml"
    (tmp_path / "714.yaml").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ConfigError, match="found 713; the file is named 714"):
        ModelTable(tmp_path)[714]
