"""A profile is checked in one run: errors, suspicious things, and what it costs on the wire."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.commission.checking import Findings, check_profile
from edge_agent.commission.profile_cli import app
from protocols.errors import ConfigError

HEAD = """\
id: acme_one
label: {en: One, zh: 一号}
protocol: modbus
equipment: meter
origin: {sources: [Acme manual 7], revision: A, certainty: maker_document}
points:
"""
GOOD = """\
  - name: power_kw
    label: {en: Power, zh: 功率}
    unit: kW
    address: {kind: modbus, address: 0, type: f32}
    low: -100
    high: 100
"""


def _check(folder: Path, text: str) -> Findings:
    file = folder / "acme_one.yaml"
    file.write_text(text, encoding="utf-8")
    return check_profile(file)


def _point(**changes: str) -> str:
    text = GOOD
    for name, value in changes.items():
        text = re.sub(rf"^(  - |    ){name}: .*$", rf"\g<1>{name}: {value}", text, flags=re.MULTILINE)
    return text


def test_a_sound_profile_has_no_errors_and_tells_its_cost(tmp_path: Path) -> None:
    found = _check(tmp_path, HEAD + GOOD)
    assert found.profile is not None
    assert (found.errors, found.warnings) == ([], [])
    assert "1 points in 1 requests of 2 registers" in found.notes[0]


def test_errors_of_model_and_of_sense_come_in_the_same_run(tmp_path: Path) -> None:
    broken = _point(name="volts_v", unit="Volt", address="{kind: modbus, address: 4, type: f32}")
    zero = _point(name="b_kw", address="{kind: modbus, address: 6, type: f32}") + "    scale: 0\n"
    table = _point(name="c_kw", address="{kind: modbus, address: 8, type: f32, table: input}")
    found = _check(tmp_path, HEAD + GOOD + broken + zero + table + "    kind: setpoint\n")
    assert found.profile is None
    assert [text.split(":")[1] for text in found.errors] == ["15", "25", "26"]
    assert "unknown unit 'Volt'" in found.errors[0]
    assert "a scale of 0" in found.errors[1]
    assert "allowed: holding, coil" in found.errors[2]


def test_a_point_in_a_forbidden_range_is_an_error_even_beside_others(tmp_path: Path) -> None:
    text = HEAD.replace("points:", "modbus: {forbidden: [{first: 1, last: 1}]}\npoints:")
    found = _check(tmp_path, text + GOOD.replace("unit: kW", "unit: kw") + _point(name="b_kw"))
    assert len(found.errors) == 2
    assert "forbidden range" in found.errors[1]


def test_the_name_of_the_file_must_be_the_id(tmp_path: Path) -> None:
    found = _check(tmp_path, HEAD.replace("acme_one", "acme_two") + GOOD)
    assert found.errors[0].endswith("id: found 'acme_two'; the file is named 'acme_one'")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"address": "{kind: modbus, address: 0, type: u16}", "high": "70000", "low": "0"}, "ends at 65535"),
        ({"address": "{kind: modbus, address: 0, type: u32}"}, "should the type be signed"),
        ({"address": "{kind: modbus, address: 0, type: i16, order: cdab}"}, "has no words"),
        ({"address": "{kind: modbus, address: 40001, type: f32}"}, "on the wire it is 0"),
        ({"unit": '""', "name": "power_count"}, "a measurement; is it a state"),
        ({"low": "null", "high": "null"}, "an impossible value would pass as good"),
        ({"label": '{en: Power, zh: ""}'}, "a language is empty"),
    ],
)
def test_what_is_seldom_meant_is_a_warning(tmp_path: Path, change: dict[str, str], word: str) -> None:
    found = _check(tmp_path, HEAD + _point(**change))
    assert found.errors == []
    assert word in found.warnings[0]


def test_a_profile_without_origin_is_asked_for_it(tmp_path: Path) -> None:
    text = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith("origin"))
    assert "origin: is missing" in _check(tmp_path, text + GOOD).warnings[0]


def test_holes_that_are_read_along_are_named(tmp_path: Path) -> None:
    more = _point(name="b_kw", address="{kind: modbus, address: 6, type: f32}")
    assert "read along unused: holding 2-5" in _check(tmp_path, HEAD + GOOD + more).notes[0]


def test_the_command_tells_all_files_and_ends_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "acme_one.yaml").write_text(HEAD + GOOD, encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    files = [str(tmp_path / name) for name in ("acme_one.yaml", "bad.yaml", "none.yaml")]
    done = CliRunner().invoke(app, ["check", *files])
    assert isinstance(done.exception, ConfigError)
    assert "2 of 3 profiles" in str(done.exception)
    assert done.output.count("error: ") == 2
    assert "no such file" in done.output


def test_a_machine_gets_the_same_as_json(tmp_path: Path) -> None:
    (tmp_path / "acme_one.yaml").write_text(HEAD + GOOD.replace("unit: kW", "unit: kw"), encoding="utf-8")
    done = CliRunner().invoke(app, ["check", "--json", str(tmp_path / "acme_one.yaml")])
    (row,) = json.loads(done.output)
    assert row["file"].endswith("acme_one.yaml")
    assert "unknown unit 'kw'" in row["errors"][0]


def test_a_set_point_of_single_bits_is_written_by_function_22_or_not_at_all(tmp_path: Path) -> None:
    bits = _point(name="mode_code", unit="code", address="{kind: modbus, address: 4, bit: 3}")
    found = _check(tmp_path, HEAD + bits + "    kind: setpoint\n")
    assert len(found.errors) == 1
    assert "function 22" in found.errors[0]
    masked = bits.replace("bit: 3", "bit: 3, write: mask")
    assert not _check(tmp_path, HEAD + masked + "    kind: setpoint\n").errors
