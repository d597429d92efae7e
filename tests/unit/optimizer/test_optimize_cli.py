from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from ems.optimize_cli import app
from optimizer.cases.plant_network import CaseConverter
from protocols.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "configs" / "cases" / "small-plant.yaml"
RUN = CliRunner()


def _told(*arguments: str) -> dict[str, object]:
    done = RUN.invoke(app, ["dispatch", *arguments, "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said | {"exit": done.exit_code}


def _changed(tmp_path: Path, **fields: object) -> str:
    plain = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")) | fields
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    return str(path)


def test_the_example_case_is_planned_with_its_bound_and_drawn(tmp_path: Path) -> None:
    said = _told(str(EXAMPLE), "--plot", str(tmp_path / "plan.svg"))
    assert said["exit"] == 0
    assert said["status"] in {"optimal", "feasible"}
    assert said["not_kept"] == []
    assert float(str(said["bound"])) <= float(str(said["objective"]))
    drawn = ET.parse(tmp_path / "plan.svg").getroot()  # noqa: S314  our own file
    assert drawn.tag.endswith("svg")
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}polyline")) > 4


@pytest.mark.timeout(60)
def test_the_plan_is_written_as_a_page_in_both_languages(tmp_path: Path) -> None:
    said = _told(str(EXAMPLE), "--report", str(tmp_path / "plan.html"))
    page = (tmp_path / "plan.html").read_text(encoding="utf-8")
    plan = said["plan"]
    assert isinstance(plan, dict)
    assert f"{plan['cost']['total']:,.2f}" in page
    assert "small-plant" in page
    assert "与下界的差距" in page
    assert all(name in page for name in plan["machines"])
    assert page.count("<svg") == 2


def test_the_same_is_told_to_a_person() -> None:
    done = RUN.invoke(app, ["dispatch", str(EXAMPLE)])
    assert done.exit_code == 0
    assert "gap_pct" in done.stdout


def test_the_order_of_the_machines_in_the_file_changes_nothing(tmp_path: Path) -> None:
    machines = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["machines"]
    said = [_told(_changed(tmp_path, machines=order)) for order in (machines, machines[::-1])]
    assert said[0]["plan"] == said[1]["plan"]


def test_a_number_that_is_none_is_refused_in_plant_words(tmp_path: Path) -> None:
    prices = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["prices"]
    said = _told(_changed(tmp_path, prices=prices | {"import_per_kwh": float("nan")}))
    assert said["exit"] == 2
    assert "price of bought power has no usable number in step 0" in str(said["reason"])
    assert "购电电价在第 0 步" in str(said["reason_zh"])


def test_an_unknown_field_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="speed"):
        _told(_changed(tmp_path, speed=3))


CURVES = {
    "falling power": (
        "power_kw: [18, 42, 60]",
        "power_kw: [18, 42, 40]",
        "power_kw falls to 40.0 in corner 3",
    ),
    "falling flow": ("flow_m3_min: [0, 5, 10]", "flow_m3_min: [0, 5, 5]", "flow_m3_min must rise"),
    "a corner less": (
        "flow_m3_min: [0, 5, 10]",
        "flow_m3_min: [0, 10]",
        "flow_m3_min has 2 corners, power_kw 3",
    ),
    "cubic metres an hour": ("flow_m3_min: [0, 5, 10]", "flow_m3_min: [0, 300, 600]", "is the flow in m³/h"),
    "watts": ("power_kw: [38, 62, 92, 128]", "power_kw: [38000, 62000, 92000, 128000]", "or the power in W?"),
    "tons": ("load_kw: [150, 300, 450, 600]", "load_kw: [20, 40, 60, 100]", "is the load in RT"),
    "out of nothing": (
        "gas_kw: [290, 520]",
        "gas_kw: [290, 400]",
        "gives 460 kW of power and heat out of 400 kW",
    ),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_no_machine_has_is_refused_with_file_and_line(tmp_path: Path, name: str) -> None:
    right, wrong, words = CURVES[name]
    text = EXAMPLE.read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "case.yaml"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    line = next(at for at, one in enumerate(text.splitlines(), 1) if right in one)
    with pytest.raises(ConfigError) as refused:
        _told(str(path))
    assert str(refused.value).startswith(f"{path}:{line}: machines.")
    assert words in str(refused.value)


def test_a_heat_pump_that_gives_more_than_any_can_is_refused() -> None:
    said = {"kind": "heat_pump", "name": "hp1", "takes": {"electric": [2.0]}, "gives": {"heat": [100.0]}}
    with pytest.raises(ValidationError, match="gives 100 kW out of 2 kW in corner 1"):
        CaseConverter.model_validate(said)


def test_a_series_of_another_length_is_refused_with_both(tmp_path: Path) -> None:
    said = _told(_changed(tmp_path, needs={"electric_kw": [1.0, 2.0]}))
    assert "electric_kw has 2 values, the case has" in str(said["reason"])


def test_a_published_form_is_known_by_its_keys(tmp_path: Path) -> None:
    case = {
        "plr_min": 0.3,
        "chillers": [{"coef": [100.95, 818.61, -973.43, 788.55], "cap": 800}],
        "loads": [{"load_rt": 400}, {"load_rt": 4000}],
    }
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case), encoding="utf-8")
    said = _told(str(path))
    assert said["kind"] == "chiller_loading"
    answers = said["answers"]
    assert isinstance(answers, list)
    assert "exceeds all machines together" in answers[1]["reason"]


@pytest.mark.parametrize("text", ["[1, 2]", "{", "kind: plant"])
def test_a_file_that_is_no_case_ends_with_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        _told(str(path))


@pytest.mark.timeout(90)
def test_why_is_answered_in_both_languages_with_figures_and_what_is_saved() -> None:
    said = _told(str(EXAMPLE), "--why", "ice@08:15")
    why, saving = said["why"], said["saving"]
    assert isinstance(why, dict)
    assert isinstance(saving, dict)
    assert why["step"] == 13
    assert why["sentence"]["en"].startswith("ice gives ")
    assert why["sentence"]["zh"].startswith("08:15 ice")
    assert {one["name"] for one in why["figures"]} >= {
        "level",
        "price_electric",
        "price_cooling",
        "stored_worth",
    }
    assert why["alternative"]["extra"] >= why["alternative"]["at_least"]
    assert saving["total"] == pytest.approx(sum(one["value"] for one in saving["parts"]))
    later = _told(str(EXAMPLE), "--why", "ice@2026-06-15T08:15:00+08:00")
    assert later["why"] == why
    told = RUN.invoke(app, ["dispatch", str(EXAMPLE), "--why", "battery1@5:00"])
    assert "what it holds is worth" in " ".join(told.stdout.replace("│", " ").split())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("pump@08:00", "the machines are comp1"),
        ("ice@25:00", "give a time such as 10:15"),
        ("ice@23:00", "the plan holds 2026-06-15 05:00 to 2026-06-15 11:00"),
        ("ice", "give UNIT@TIME"),
    ],
)
def test_a_question_that_names_nothing_of_the_plan_is_refused(asked: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        _told(str(EXAMPLE), "--why", asked)


def test_what_is_short_is_told_with_the_limits_that_conflict(tmp_path: Path) -> None:
    plain = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    for machine in plain["machines"]:
        if machine["name"] == "comp2":
            machine["switching"]["held"] = "standing"
    said = _told(_changed(tmp_path, machines=plain["machines"]))
    conflicts = said["conflicts"]
    assert isinstance(conflicts, list)
    conflict = conflicts[0]
    assert conflict["name"] == "air_short"
    words = [one["en"] for one in conflict["limits"]]
    assert words[0] == "comp1, comp3 give at most 22.0 m³/min together"
    assert "comp2 is held from outside: standing" in words


@pytest.mark.timeout(60)
def test_far_steps_are_planned_by_the_hour_where_that_is_asked_for(tmp_path: Path) -> None:
    fine, far = _told(str(EXAMPLE)), _told(str(EXAMPLE), "--hourly-after-h", "4")
    assert far["not_kept"] == []
    assert far["size"]["columns"] < fine["size"]["columns"]  # type: ignore[index]  # numbers by name
    assert float(str(far["cost"])) == pytest.approx(float(str(fine["cost"])), rel=0.01)
    begun = _changed(tmp_path, begun={"gone_min": 7, "import_kw": 300.0})
    assert _told(begun)["not_kept"] == []
    with pytest.raises(ConfigError, match="hourly-after-h must be a number of hours"):
        _told(str(EXAMPLE), "--hourly-after-h", "-1")
