"""Energy, cost and carbon over the API: figures, refusals in both languages, closed periods."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import delete, update

from accounts.closing import close
from hub.accounts.closed_periods import ClosedPeriodRow
from hub.accounts.figure_words import FigureName
from hub.api.account_money_views import closed_answer
from hub.api.deps import require_caller
from hub.auth.tokens import Caller
from hub.database import embedded_url, upgrade
from hub.ledger import audit
from hub.registry.view import load_view
from protocols.config import Text
from tests.unit.accounts.site_series import accounts_with
from tests.unit.hub.series_asking import START, Asker, S, asker_of

QUARTER_S = 900
BOOK = """\
meters:
  - {id: main, point: meter_main/import_kwh}
  - {id: air_station, point: meter_air/import_kwh, below: main, area: compressor_room}
  - {id: process, point: meter_process/import_kwh, below: main, area: production}
  - {id: air_made, carrier: air, unit: m³, point: comp1/flow_m3_min}
media:
  - {id: air, label: {en: Air, zh: 空气}, made: air_made, inputs: [air_station]}
factors:
  - {id: grid, carrier: electricity, kg_per_unit: 0.5, year: 2025, source: made up}
goals:
  - {id: use, label: {en: Use, zh: 用量}, figure: main, first: 2026-10-25, last: 2026-10-26, at_most: 5000}
"""
CONTRACT = """\
id: made
label: {en: Made, zh: 自制}
currency: CNY
time_zone: Europe/Berlin
sheets:
  - first: 2026-01-01
    last: 2026-12-31
    source: made up
    parts:
      - {id: energy, kind: energy, group: energy, label: {en: Energy, zh: 电量}, per_kwh: 0.25}
      - {id: basic, kind: basic, group: basic, label: {en: Basic, zh: 基本电费}, mode: measured,
         capacity_kva: 400, per_kva: 20, per_kw: 40}
"""


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asker]:
    upgrade(embedded_url(tmp_path))
    async with asker_of(tmp_path) as made:
        made.deps.accounts = accounts_with(tmp_path, BOOK, CONTRACT)
        made.deps.places = load_view(tmp_path / "configs", "demo").places
        yield made


def fill(ask: Asker, hours: int = 25) -> None:
    """A day of 25 hours: 100 kWh an hour at the main meter, 40 for air, 30 for the process."""
    steps = np.arange(hours * 4 + 1, dtype=np.float64)
    for device, kwh in (("meter_main", 25.0), ("meter_air", 10.0), ("meter_process", 7.5)):
        ask.put(device, {"import_kwh": (1000.0 + kwh * steps).tolist()}, every_s=QUARTER_S)
    ask.put("comp1", {"flow_m3_min": [8.0] * len(steps)}, every_s=QUARTER_S)


def as_manager(ask: Asker, role: str = "manager") -> None:
    ask.app.dependency_overrides[require_caller] = lambda: Caller("mia", "s", 0, role)


async def post(ask: Asker, path: str, **body: Any) -> httpx.Response:  # noqa: ANN401  JSON
    return await ask.client.post(f"/api/v1/sites/demo/accounts/{path}", json=body)


async def test_a_day_is_told_with_words_units_and_how_much_is_known(ask: Asker) -> None:
    fill(ask)
    found = await ask.get("accounts/statement", period="2026-10-25", by=["area"])
    rows = {one["key"][0]: one for one in found["accounts"] if one["carrier"] == "electricity"}
    assert rows["production"]["amount"] == 750.0
    assert rows["production"]["labels"][0]["zh"] == "生产车间"
    assert rows["production"]["cost"] == 187.5
    assert rows["production"]["co2_kg"] == 375.0
    assert rows[""]["amount"] == 750.0
    assert {one["complete_pct"] for one in found["accounts"]} == {100.0}
    assert (found["currency"], found["period"]["over"]) == ("CNY", True)
    assert [(one["scope"], one["co2_kg"], one["factor_year"]) for one in found["emissions"]] == [
        ("2_location", 1250.0, 2025),
        ("2_market", 1250.0, 2025),
    ]
    (air,) = found["media"]
    assert air["made"] == pytest.approx(8 * 60 * 25)
    assert air["cost_per_unit"] == pytest.approx(1000 * 0.25 / (8 * 60 * 25))
    assert found["coal"][0]["tce"] == pytest.approx(2.5 * 0.1229)


async def test_what_is_missing_is_told_beside_each_figure(ask: Asker) -> None:
    fill(ask, hours=12)
    found = await ask.get("accounts/statement", period="2026-10-25")
    main = next(one for one in found["meters"] if one["meter"] == "main")
    assert main["amount"] == 1200.0
    assert main["complete_pct"] == pytest.approx(100 * 49 / 100)
    assert found["emissions"][0]["complete_pct"] == pytest.approx(49.0)


async def test_a_running_month_is_reckoned_to_now_and_its_invoice_is_provisional(ask: Asker) -> None:
    fill(ask)
    found = await ask.get("accounts/invoice", period="2026-10")
    lines = {line["part"]: line for line in found["lines"]}
    assert (lines["energy"]["quantity"], lines["energy"]["amount"]) == (2500.0, 625.0)
    assert (lines["basic"]["quantity"], lines["basic"]["amount"], found["peak_kw"]) == (100.0, 4000.0, 100.0)
    assert (found["total"], found["currency"], found["provisional"]) == (4625.0, "CNY", True)
    assert found["period"]["until"] == "2026-10-26T00:00:00Z"  # now is one o'clock in Berlin
    assert found["complete_pct"] == pytest.approx(100 * 101 / (25 * 24 * 4 + 4 * 1), abs=0.2)
    assert sum(one["cost"] for one in found["sharing"]["rows"]) == pytest.approx(4625.0)


async def test_a_site_without_a_book_says_what_to_do(ask: Asker) -> None:
    ask.deps.accounts = None
    assert not (await ask.get("accounts"))["book"]
    answer = await ask.client.get("/api/v1/sites/demo/accounts/statement", params={"period": "2026-10"})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_book")
    assert "账簿" in answer.json()["text"]["zh"]


@pytest.mark.parametrize(
    ("period", "status", "words"),
    [
        ("2026-13", 422, "is no period"),
        ("2027-01", 409, "has not begun"),
        ("1970-01-01..2026-01-01", 422, "a period has"),
    ],
)
async def test_what_cannot_be_told_is_refused_in_both_languages(
    ask: Asker, period: str, status: int, words: str
) -> None:
    answer = await ask.client.get("/api/v1/sites/demo/accounts/statement", params={"period": period})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert answer.json()["text"]["zh"]


async def test_goals_and_what_is_ahead_say_why_where_they_cannot(ask: Asker) -> None:
    fill(ask)
    (goal,) = await ask.get("accounts/goals")
    assert (goal["so_far"], goal["unit"], goal["state"], goal["elapsed_pct"]) == (2500.0, "kWh", "met", 50.0)
    found = await ask.get("accounts/outlook")
    assert found["factor"] is None
    assert "kvarh_point" in found["no_factor"]["en"]
    assert found["no_factor"]["zh"].startswith("功率因数需要无功电量")
    charge = found["charge"]
    assert (charge["month"], charge["in_use"], charge["expected_kw"]) == ("2026-11", "measured", 100.0)
    assert charge["ways"][0]["mode"] == "measured"


async def test_the_figures_of_the_page_are_those_of_the_file(ask: Asker) -> None:
    fill(ask)
    answer = await ask.client.get(
        "/api/v1/sites/demo/accounts/download",
        params={"period": "2026-10-25", "by": "area", "language": "zh"},
    )
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert ["账目", "生产车间", "电力", "750.0", "kWh", "187.5", "375.0", "100.0", ""] in rows


async def test_an_answer_that_is_known_is_not_sent_again(ask: Asker) -> None:
    fill(ask)
    where = "/api/v1/sites/demo/accounts/statement"
    first = await ask.client.get(where, params={"period": "2026-10-25"})
    again = await ask.client.get(
        where, params={"period": "2026-10-25"}, headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304


async def test_a_day_is_closed_stays_and_is_restated_with_old_new_and_difference(ask: Asker) -> None:
    fill(ask)
    as_manager(ask)
    made = await post(ask, "closed", period="2026-10-25", without_invoice=True)
    assert made.status_code == 201, made.text
    figures = {one["figure"]: one["value"] for one in made.json()["figures"]}
    assert figures["electricity.electricity.kWh"] == "2500.000000"
    assert figures["scope_2_location.co2_kg"] == "1250.000"
    again = await post(ask, "closed", period="2026-10-25", without_invoice=True)
    assert (again.status_code, "is closed since version 1" in again.json()["detail"]) == (409, True)
    again_it = {"period": "2026-10-25", "without_invoice": True}
    nothing = await post(ask, "restatements", **again_it, reason="looked again")
    assert "nothing to restate" in nothing.json()["detail"]
    more = np.arange(25 * 4 + 1) * 30.0
    ask.store.append([])
    ask.put("meter_main", {"import_kwh": (1000.0 + more).tolist()}, every_s=QUARTER_S, start=START + S)
    restated = await post(ask, "restatements", **again_it, reason="another meter was read")
    assert restated.status_code == 201, restated.text
    said = "another meter was read; without an invoice (不含账单): a charge by the month needs"
    assert restated.json()["reason"].startswith(said)
    change = next(one for one in restated.json()["changes"] if one["figure"] == "electricity.electricity.kWh")
    assert (change["old"], change["label"]["zh"]) == ("2500.000000", "电力·用量")
    assert float(change["difference"]) == float(change["new"]) - 2500.0
    listed = await ask.get("accounts/closed")
    assert [(one["period"], one["version"], one["by"]) for one in listed] == [
        ("2026-10-25", 2, "mia"),
        ("2026-10-25", 1, "mia"),
    ]
    entries = [one.entry async for one in audit.every(ask.deps.sessions, "demo")]
    assert [(one.category, one.type, one.target) for one in entries] == [
        ("accounts", "close", "2026-10-25"),
        ("accounts", "restate", "2026-10-25"),
    ]


async def test_closed_figures_are_called_by_words_with_their_unit(ask: Asker) -> None:
    fill(ask)
    as_manager(ask)
    made = await post(ask, "closed", period="2026-10-25", without_invoice=True)
    figures = {one["figure"]: one for one in made.json()["figures"]}
    amount, carbon = figures["electricity.electricity.kWh"], figures["scope_2_location.co2_kg"]
    assert (amount["label"], amount["unit"]) == ({"en": "Electricity, amount", "zh": "电力·用量"}, "kWh")
    assert (carbon["label"]["zh"], carbon["unit"]) == ("二氧化碳排放·范围二·基于位置", "kg")
    assert not any(code in one["label"].values() for code, one in figures.items())


async def test_a_period_with_gaps_or_one_that_goes_on_is_not_closed_by_accident(ask: Asker) -> None:
    fill(ask, hours=12)
    as_manager(ask)
    gaps = await post(ask, "closed", period="2026-10-25")
    assert (gaps.status_code, "has gaps" in gaps.json()["detail"]) == (409, True)
    assert "无法结账" in gaps.json()["text"]["zh"]
    despite = {"despite_gaps": True, "without_invoice": True}
    assert (await post(ask, "closed", period="2026-10-25", **despite)).status_code == 201
    assert "is not over" in (await post(ask, "closed", period="2026-10")).json()["detail"]


async def test_a_period_is_closed_without_its_invoice_only_when_that_is_said_and_it_stands_in_its_record(
    ask: Asker,
) -> None:
    fill(ask)
    as_manager(ask)
    silent = await post(ask, "closed", period="2026-10-25")
    assert silent.status_code == 409, silent.text
    assert "no invoice can be made of 2026-10-25: a charge by the month needs" in silent.json()["detail"]
    assert "无法结账" in silent.json()["text"]["zh"]
    assert await ask.get("accounts/closed") == []
    made = await post(ask, "closed", period="2026-10-25", without_invoice=True)
    assert made.status_code == 201, made.text
    assert made.json()["reason"].startswith("without an invoice (不含账单): a charge by the month needs")
    assert not [one for one in made.json()["figures"] if one["figure"].startswith("invoice")]
    [entry] = [one.entry async for one in audit.every(ask.deps.sessions, "demo")]
    assert entry.reason == made.json()["reason"]
    long = await post(ask, "restatements", period="2026-10-25", reason="x" * 490, without_invoice=True)
    assert long.status_code == 409


async def test_a_site_without_a_contract_closes_its_figures_as_they_are(ask: Asker) -> None:
    assert ask.deps.accounts is not None
    ask.deps.accounts = replace(ask.deps.accounts, contract=None)
    fill(ask)
    as_manager(ask)
    made = await post(ask, "closed", period="2026-10-25")
    assert (made.status_code, made.json()["reason"]) == (201, "")


def test_of_two_that_close_at_once_each_is_told_of_its_own() -> None:
    mine = close([], "2026-10-25", {"main.kWh": Decimal(1)}, "mia", 1)
    theirs = close([mine], "2026-10-24", {"main.kWh": Decimal(2)}, "tom", 2)
    told = closed_answer([mine, theirs], mine, lambda code: FigureName(Text(en=code, zh=code), ""))
    assert (told.period, told.version, told.by, told.hash) == ("2026-10-25", 1, "mia", mine.hash)


async def test_only_who_manages_closes(ask: Asker) -> None:
    fill(ask)
    for role in ("viewer", "operator", "engineer"):
        as_manager(ask, role)
        assert (await post(ask, "closed", period="2026-10-25")).status_code == 403
    as_manager(ask, "viewer")
    assert await ask.get("accounts/closed") == []


async def test_a_row_that_was_changed_in_the_database_is_found(ask: Asker) -> None:
    fill(ask)
    as_manager(ask)
    await post(ask, "closed", period="2026-10-25", without_invoice=True)
    async with ask.deps.sessions.begin() as session:
        await session.execute(update(ClosedPeriodRow).values(figures=[["electricity.electricity.kWh", "1"]]))
    answer = await ask.client.get("/api/v1/sites/demo/accounts/closed")
    assert (answer.status_code, answer.json()["code"]) == (409, "closed_tampered")
    assert "不符" in answer.json()["text"]["zh"]


@pytest.mark.parametrize("gone", [1, 2])
async def test_rows_taken_from_the_end_of_the_closed_periods_are_missed_in_the_audit(
    ask: Asker, gone: int
) -> None:
    fill(ask)
    as_manager(ask)
    await post(ask, "closed", period="2026-10-25", without_invoice=True)
    more = (1000.0 + np.arange(25 * 4 + 1) * 30.0).tolist()
    ask.put("meter_main", {"import_kwh": more}, every_s=QUARTER_S, start=START + S)
    again = {"period": "2026-10-25", "reason": "another meter was read", "without_invoice": True}
    assert (await post(ask, "restatements", **again)).status_code == 201
    async with ask.deps.sessions.begin() as session:
        await session.execute(delete(ClosedPeriodRow).where(ClosedPeriodRow.number > 2 - gone))
    answer = await ask.client.get("/api/v1/sites/demo/accounts/closed")
    assert (answer.status_code, answer.json()["code"]) == (409, "closed_tampered")
    assert f"version {3 - gone}" in answer.json()["detail"]
    once_more = await post(ask, "closed", period="2026-10-25", without_invoice=True)
    assert (once_more.status_code, once_more.json()["code"]) == (409, "closed_tampered")
