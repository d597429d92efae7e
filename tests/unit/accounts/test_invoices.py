"""Invoices by published tariffs, line by line: engine, frozen lines of the case, and a judge of its own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from accounts.invoice import Beside, Courses, Invoice, bill
from accounts.pricing import per_kwh
from accounts.readings import Readings
from accounts.used import Period
from benchmarks.invoice_cases import Load, load_of
from benchmarks.judge_invoice import Judge
from hub.accounts.contracts import load_contract
from hub.accounts.phrases import account_text

TREE = Path(__file__).parents[3]
CASES = sorted((TREE / "tests/cases/invoices").glob("*.yaml"))


def readings_of(load: Load) -> Readings:
    exports = np.array(load.export_kwh) if any(load.export_kwh) else np.empty(0)
    return Readings(load.start_s * 10**9, load.step_s, np.array(load.kwh), exports, np.array(load.kvarh))


def billed(case: dict[str, Any]) -> tuple[Invoice, Load]:
    contract = load_contract(TREE / f"configs/contracts/{case['contract']}.yaml")
    load = load_of(case, contract.time_zone)
    course = Courses(load.start_s * 10**9, load.step_s, np.array(load.prices))
    period = Period(case["first"], case["after"])
    return bill(contract, readings_of(load), period, Beside({"day_ahead": course})), load


@pytest.mark.parametrize(
    ("name", "published"),
    [
        (
            "cn_hubei_10kv",
            {"sharp": "1.049999", "peak": "0.848961", "flat": "0.651886", "valley": "0.432924"},
        ),
        (
            "cn_beijing_10kv",
            {"sharp": "1.057777", "peak": "0.926841", "flat": "0.681335", "valley": "0.435829"},
        ),
        (
            "cn_shanghai_10kv",
            {"sharp": "1.410412", "peak": "1.144372", "flat": "0.671413", "valley": "0.316694"},
        ),
        (
            "cn_zhejiang_35kv",
            {"sharp": "1.093883", "peak": "0.998747", "flat": "0.594419", "valley": "0.309011"},
        ),
    ],
)
def test_the_parts_add_up_to_the_end_prices_of_the_published_table(
    name: str, published: dict[str, str]
) -> None:
    contract = load_contract(TREE / f"configs/contracts/{name}.yaml")
    parts = contract.sheets[0].parts
    assert {band: str(per_kwh(parts, band)) for band in published} == published


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_invoice_by_a_published_tariff_comes_out_line_by_line(path: Path) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    invoice, load = billed(case)
    plain = yaml.safe_load((TREE / f"configs/contracts/{case['contract']}.yaml").read_text(encoding="utf-8"))
    judged = Judge(plain, load, case["first"], case["after"]).work()
    lines = [(line.part, line.band, Fraction(line.quantity), Fraction(line.amount)) for line in invoice.lines]
    assert lines == [row[:4] for row in judged]
    written = [(line.part, line.band, str(line.quantity), str(line.amount)) for line in invoice.lines]
    assert written == [tuple(map(str, row)) for row in case["lines"]]
    assert str(invoice.total) == case["total"]


def test_power_above_the_contract_that_has_no_price_is_told_on_its_line() -> None:
    case = yaml.safe_load((TREE / "tests/cases/invoices/es_2024_03.yaml").read_text(encoding="utf-8"))
    plain, _ = billed(case)
    assert {line.note for line in plain.lines if line.part == "power"} == {""}
    more, load = billed(case | {"workday_kw": [2 * kw for kw in case["workday_kw"]], "jitter": 0})
    told = {line.band: line.note for line in more.lines if line.part == "power" and line.note}
    assert told.keys() == {"p2", "p3"}
    assert f"up to {max(load.kwh) * 4:.3f} kW" in told["p2"]
    assert account_text(told["p2"]).zh.startswith(f"最高用到 {max(load.kwh) * 4:.3f} kW")
    assert [line.amount for line in more.lines if line.part == "power"] == [
        line.amount for line in plain.lines if line.part == "power"
    ]
