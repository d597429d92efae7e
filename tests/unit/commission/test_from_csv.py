"""Profiles from tables: every wrong row is named, and nothing is written while one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge_agent.commission.profile_cli import app
from edge_agent.commission.profile_text import profile_yaml
from protocols.errors import ConfigError
from protocols.profile import Profile
from runtime.yaml_config import load_config

GOOD = """\
name,unit,address,type,table,scale,kind,label,label_zh,low,high
power_kw,kW,0x34,f32,input,0.001,,Power,功率,-100,100
import_kwh,kWh,72,f32,input,,counter,Import,电量,0,
"""
DEVICES = Path(__file__).parents[3] / "configs" / "devices"


def _run(folder: Path, text: str, *options: str) -> Result:
    (folder / "m.csv").write_text(text, encoding="utf-8")
    return CliRunner().invoke(
        app, ["from-csv", str(folder / "m.csv"), "--id", "acme_m1", "--out", str(folder), *options]
    )


def test_a_good_table_becomes_a_profile(tmp_path: Path) -> None:
    done = _run(tmp_path, GOOD, "--label", "Acme M1", "--source", "Acme M1 manual 3")
    assert done.exception is None
    profile = load_config(tmp_path / "acme_m1.yaml", Profile)
    power = profile.point("power_kw")
    assert (power.scale, power.low, power.label.zh) == (0.001, -100.0, "功率")
    assert power.address.model_dump(include={"table", "address", "type"}) == {
        "table": "input",
        "address": 0x34,
        "type": "f32",
    }
    assert profile.origin is not None
    assert "2 points in 2 requests" in done.output


def test_semicolons_and_decimal_commas_are_understood(tmp_path: Path) -> None:
    done = _run(tmp_path, "\ufeffname;unit;address;scale\nfrequency_hz;Hz;51;0,1\n")
    assert done.exception is None
    assert load_config(tmp_path / "acme_m1.yaml", Profile).point("frequency_hz").scale == 0.1


def test_every_wrong_row_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    rows = "a_kw,kW,ten,f32,input,,,,,,\nb_v,Volt,4,f32,input,,,,,,\nc_a,A,6,f23,input,,,,,,\n"
    done = _run(tmp_path, GOOD + rows)
    assert isinstance(done.exception, ConfigError)
    lines = str(done.exception).splitlines()
    assert [line.split(":")[1] for line in lines[:3]] == ["4", "5", "6"]
    assert "found 'ten'" in lines[0]
    assert "unknown unit 'Volt'" in lines[1]
    assert "found 'f23'" in lines[2]
    assert not (tmp_path / "acme_m1.yaml").exists()


def test_good_rows_are_taken_alone_when_that_is_asked_for(tmp_path: Path) -> None:
    done = _run(tmp_path, GOOD + "a_kw,kW,ten,f32,input,,,,,,\n", "--take-good")
    assert done.exception is None
    assert "left out: " in done.output
    assert len(load_config(tmp_path / "acme_m1.yaml", Profile).points) == 2


def test_rows_that_share_an_address_are_named_with_their_line(tmp_path: Path) -> None:
    done = _run(tmp_path, GOOD + "other_kw,kW,0x35,u16,input,,,,,,\n")
    assert "m.csv:4: points 'power_kw' and 'other_kw' share the address input 53" in str(done.exception)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,unit\n", "column 'address' is missing"),
        ("name,unit,address,colour\n", "unknown column 'colour'; allowed: name, unit, address, table"),
        ("name,unit,address\n", "no row is a point"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    assert complaint in str(_run(tmp_path, text).exception)


def test_a_profile_that_is_there_is_kept(tmp_path: Path) -> None:
    assert _run(tmp_path, GOOD).exception is None
    assert "is there already" in str(_run(tmp_path, GOOD).exception)
    assert _run(tmp_path, GOOD, "--force").exception is None


@pytest.mark.parametrize("file", sorted(DEVICES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_profile_survives_being_written_and_read(tmp_path: Path, file: Path) -> None:
    profile = load_config(file, Profile)
    copy = tmp_path / file.name
    copy.write_text(profile_yaml(profile, ["A copy."]), encoding="utf-8")
    assert load_config(copy, Profile) == profile
