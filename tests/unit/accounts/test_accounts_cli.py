from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from accounts.sharing import UNMETERED
from ems.accounts_cli import app
from ems.accounts_fetch_cli import Rows, take, write
from hub.accounts.book_check import Known, load_book
from hub.accounts.tables import read_table
from protocols.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs"
BOOK = Path(__file__).parent / "books/shared_media.yaml"
HUBEI = CONFIGS / "contracts/cn_hubei_10kv.yaml"
RUN = CliRunner()


def said(*arguments: str) -> Any:  # noqa: ANN401  JSON of a command
    return json.loads(shown(*arguments, "--json"))


def shown(*arguments: str) -> str:
    done = RUN.invoke(app, [str(part) for part in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def table(path: Path, first: str, hours: int, **columns: float) -> Path:
    begin = dt.datetime.fromisoformat(first)
    lines = [",".join(["time", *columns])]
    for hour in range(hours):
        at = (begin + dt.timedelta(hours=hour)).isoformat()
        lines.append(",".join([at, *(str(value) for value in columns.values())]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_contract_of_the_tree_is_without_fault() -> None:
    files = sorted((CONFIGS / "contracts").glob("*.yaml"))
    assert len(files) >= 6
    assert len(shown("check", *map(str, files)).splitlines()) >= len(files)


def test_a_month_is_billed_from_a_table_of_readings(tmp_path: Path) -> None:
    plain = yaml.safe_load(HUBEI.read_text(encoding="utf-8"))
    plain["metering"] = {"window_s": 3600}
    contract = tmp_path / "contract.yaml"
    contract.write_text(yaml.safe_dump(plain), encoding="utf-8")
    readings = table(tmp_path / "r.csv", "2026-01-01T00:00:00+08:00", 31 * 24, import_kwh=1000.0, kvarh=300.0)
    made = said("bill", str(contract), str(readings), "--month", "2026-01")
    lines = {(line["part"], line["band"]): line for line in made["lines"]}
    assert lines["energy", "valley"]["quantity"] == str(31 * 8 * 1000)
    assert lines["basic", ""]["amount"] == "42000.00"
    assert (made["provisional"], made["peak_kw"]) == (False, "1000.0000")
    total = sum(float(line["amount"]) for line in made["lines"] if line["counted"])
    assert float(made["total"]) == pytest.approx(total, abs=0.001)
    text = shown("bill", str(contract), str(readings), "--month", "2026-01", "--zh")
    assert "政府性基金" in text
    assert "合计" in text


def test_the_price_of_a_day_is_told_hour_by_hour() -> None:
    made = said("price", str(HUBEI), "--day", "2026-01-15")
    assert [row["band"] for row in made["prices"][16:20]] == ["peak", "peak", "sharp", "sharp"]
    assert made["prices"][18]["per_kwh"] == pytest.approx(1.049999)


def test_the_cheapest_basic_charge_is_advised() -> None:
    made = said("advice", str(HUBEI), "--day", "2026-01-31", "--peak-kw", "1500", "--high-kw", "1700")
    assert made["in_use"] == "measured"
    assert [way["mode"] for way in made["ways"]] == ["contract", "measured", "capacity"]
    assert made["ways"][0]["contract_kw"] == "1429"


def asked_of(tmp_path: Path) -> list[str]:
    """The accounts of the demo site over two days of the same hour."""
    columns = {
        "main": 100.0,
        "air_station": 30.0,
        "cooling_plant": 20.0,
        "process": 40.0,
        "gas": 50.0,
        "air_made": 250.0,
        "air_hall": 200.0,
        "cold_made": 60.0,
        "cold_hall": 40.0,
        "cold_for_air": 10.0,
        "parts_made": 5.0,
    }
    readings = table(tmp_path / "r.csv", "2026-03-02T00:00:00+01:00", 48, **columns)
    contract = tmp_path / "c.yaml"
    part = {"id": "e", "kind": "energy", "label": {"en": "e", "zh": "e"}, "per_kwh": 0.2}
    sheet = {"first": "2026-01-01", "last": "2026-12-31", "source": "made up", "parts": [part]}
    contract.write_text(
        yaml.safe_dump(
            {
                "id": "flat",
                "label": {"en": "flat", "zh": "平"},
                "currency": "EUR",
                "time_zone": "Europe/Berlin",
                "sheets": [sheet],
            }
        )
    )
    configs = shutil.copytree(CONFIGS, tmp_path / "configs")
    shutil.copy(BOOK, configs / "sites/demo/accounts.yaml")
    return [
        "book",
        str(readings),
        "--config",
        str(configs),
        "--contract",
        str(contract),
        "--by",
        "area,shift",
    ]


def test_a_site_gets_its_accounts_media_carbon_and_products(tmp_path: Path) -> None:
    asked = asked_of(tmp_path)
    made = said(*asked)
    electricity = [one for one in made["accounts"] if one["carrier"] == "electricity"]
    assert sum(float(one["amount"]) for one in electricity) == pytest.approx(4800)
    assert {tuple(one["key"]) for one in electricity if one["key"][0] == "production"} == {
        ("production", ""),
        ("production", "early"),
        ("production", "late"),
        ("production", "night"),
    }
    # no shift began on Sunday night, so the first six hours of Monday belong to none
    media = {one["id"]: one for one in made["media"]}
    cold = 20 * 0.2 / 60
    air = (30 * 0.2 + 10 * cold) / 250
    assert media["cooling"]["cost_per_unit"] == pytest.approx(cold)
    assert media["air"]["cost_per_unit"] == pytest.approx(air)
    assert media["air"]["cost"][UNMETERED] == pytest.approx(48 * 50 * air)
    assert float(made["coal_kg"]["electricity"]) == pytest.approx(4800 * 0.1229)
    carbon = {(row["scope"], row["carrier"]): float(row["kg"]) for row in made["carbon"]}
    assert carbon["2_location", "electricity"] == pytest.approx(4800 * 0.363)
    by_market = [float(row["kg"]) for row in made["carbon"] if row["scope"] == "2_market"]
    assert by_market == pytest.approx([0.0, 4800 * 0.6 * 0.363])
    assert carbon["1", "natural_gas"] == pytest.approx(2400 / 1.108 * 0.202, abs=1e-3)
    assert float(made["coal_kg"]["natural_gas"]) == pytest.approx(2400 / 1.108 * 3600 / 29307.6)
    parts = made["products"][0]
    each = (40 * 0.2 + 200 * air + 40 * cold) / 5
    assert float(parts["cost_per_unit"]) == pytest.approx(each, abs=1e-6)
    assert "standard coal" in shown(*asked)
    shared = {name: float(money) for name, money in said(*asked, "--invoice", "1000.01")["shared"].items()}
    due = {"air_station": 300.0, "cooling_plant": 200.0, "process": 400.0, UNMETERED: 100.0}
    assert shared == pytest.approx(due, abs=0.02)
    assert sum(shared.values()) == pytest.approx(1000.01)


def test_a_site_without_a_price_has_no_cost_instead_of_none_to_pay(tmp_path: Path) -> None:
    asked = asked_of(tmp_path)
    without = said(*asked[:4], *asked[6:])  # no contract, so nothing electric has a cost
    assert {one["cost"] for one in without["accounts"] if one["carrier"] == "electricity"} == {None}
    assert without["products"][0]["cost_per_unit"] is None
    assert {one["cost_per_unit"] for one in without["media"]} == {None}
    assert float(without["products"][0]["kg_per_unit"]) > 0
    with pytest.raises(ConfigError, match="give the contract it is from"):
        said(*asked[:4], *asked[6:], "--invoice", "10")


def test_what_the_hub_tells_of_counters_becomes_a_table(tmp_path: Path) -> None:
    rows: Rows = {}
    answer = {
        "edges_ms": [0, 900_000, 1_800_000, 2_500_000],
        "amount": [1.5, None, 3.0],
        "complete_pct": [100, 0, 100],
    }
    take(rows, "a", answer, 900_000)
    take(rows, "b", {**answer, "amount": [2.0, 4.0, 1.0], "complete_pct": [100, 95, 100]}, 900_000)
    path = tmp_path / "r.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        write(file, rows, ["a", "b"])
    found = read_table(path, ("a", "b"))
    assert [str(value) for value in (*found.column("a"), *found.column("b"))] == ["1.5", "nan", "2.0", "4.0"]


def test_the_factor_of_a_month_is_foreseen() -> None:
    made = said(
        "factor", "--kwh", "60000", "--kvarh", "40000", "--rest-kwh", "40000", "--rest-kvarh", "35000"
    )
    assert (made["factor"], made["percent"]) == ("0.80", "5")
    assert 25_000 < float(made["to_standard_kvarh"]) < 26_000  # 0.895: 49 840 kvarh are left of 75 000


@pytest.mark.parametrize(
    "command",
    [
        "",
        "check",
        "bill",
        "price",
        "advice",
        "book",
        "readings",
        "close",
        "restate",
        "closed",
        "chp",
        "factor",
    ],
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    assert "Example:" in shown(*command.split(), "--help")


def test_a_chp_is_split_by_each_method() -> None:
    made = said("chp", "--fuel-kwh", "1000", "--power-kwh", "380", "--heat-kwh", "450")
    assert set(made) == {"energy", "exergy", "alternative", "power_bonus"}


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ("", ["1: found nothing first"]),
        ("time,kwh\n", ["1: kwh: found, but nothing reads it", "1: import_kwh: it is missing"]),
        (
            """time,import_kwh
2026-01-01T00:00:00,1
2026-01-01T01:00:00Z,x
2026-01-01T00:30:00Z,1,2
2026-01-01T00:15:00Z,inf
""",
            [
                "2: time: found '2026-01-01T00:00:00'",
                "3: import_kwh: found 'x'",
                "4: found 3 cells",
                "5: time: found",
            ],
        ),
        ("time,import_kwh\n2026-01-01T00:00:00Z,1\n", ["1: time: found fewer than two rows"]),
        (
            "time,import_kwh\n2026-01-01T00:00:00Z,1\n2026-01-01T00:15:00Z,1\n2026-01-01T00:31:00Z,1\n",
            [" the row of 2026-01-01T00:31:00+00:00 stands between intervals of 900 s"],
        ),
    ],
)
def test_a_table_tells_all_its_faults_with_their_lines(tmp_path: Path, body: str, faults: list[str]) -> None:
    path = tmp_path / "r.csv"
    path.write_text(body, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        read_table(path, ("import_kwh",), ("import_kwh", "export_kwh", "kvarh"))
    lines = [line.removeprefix(f"{path}:") for line in str(told.value).splitlines()]
    assert len(lines) == len(faults)
    assert all(line.startswith(fault) for line, fault in zip(lines, faults, strict=True)), lines


def test_rows_that_are_not_there_are_missing_intervals(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("time,a\n2026-01-01T00:00:00Z,1\n2026-01-01T00:15:00Z,\n2026-01-01T01:00:00Z,2\n")
    found = read_table(path, ("a",))
    assert [str(value) for value in found.column("a")] == ["1.0", "nan", "nan", "nan", "2.0"]
    assert found.step_s == 900


def test_a_book_tells_all_its_faults_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(
        """\
meters:
  - {id: main}
  - {id: main, below: mian}
  - {id: a, below: b, area: moon}
  - {id: b, below: a}
  - {id: air, carrier: air, unit: m³, below: main, product: nuts}
media:
  - {id: air, label: {en: x, zh: 某}, made: main, inputs: [mian]}
""",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as told:
        load_book(path, Known(areas=["hall"], devices=[]))
    lines = [line.removeprefix(f"{path}:").split(": ")[0:2] for line in str(told.value).splitlines()]
    assert lines == [
        ["3", "meters.1.below"],
        ["3", "meters.1.id"],
        ["4", "meters.2.area"],
        ["4", "meters.2.below"],
        ["5", "meters.3.below"],
        ["6", "meters.4.below"],
        ["6", "meters.4.product"],
        ["8", "media.0.inputs.0"],
        ["8", "media.0.made"],
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bill", str(HUBEI), "none.csv", "--month", "2026-13"], "--month is '2026-13'|cannot be read"),
        (["price", str(HUBEI), "--day", "2026-02-30"], "--day is '2026-02-30'"),
        (["price", str(HUBEI), "--day", "2026-02-01"], "no prices for 2026-02-01"),
        (
            ["advice", str(CONFIGS / "contracts/es_30td.yaml"), "--day", "2024-01-31", "--peak-kw", "5"],
            "no basic",
        ),
        (["advice", str(HUBEI), "--day", "2026-01-31", "--peak-kw", "-5"], "no number from 0 on"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(arguments: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        shown(*arguments)
