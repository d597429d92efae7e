"""The client over a real hub: typed answers, pages to their end, files, retries, refusals in words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from typing_extensions import override

from ems_client import HubClient, Retries
from ems_client import models as answers
from ems_client import room_models as room_answers
from ems_client.wire import Person, Wire
from hub.api.app import openapi_document
from protocols.errors import ConfigError, HubAwayError, HubRefusedError, NotSignedInError
from tests.hub_running import ROOT, HubProcess, running_hub
from tests.unit.client.filled_hub import DONE, FLOW, LINES, PDF, POWER, SAMPLES, START, fill

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(150)]

NOBODYS = "nobodys"
BEGIN = datetime.fromtimestamp(START, UTC)
END = BEGIN + timedelta(seconds=SAMPLES)
MONTH = f"{BEGIN:%Y-%m}"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with running_hub(tmp_path_factory.mktemp("hub"), prepare=fill) as made:
        yield made


@pytest.fixture(scope="module")
def client(hub: HubProcess) -> Iterator[HubClient]:
    with HubClient(hub.address, username="admin", password=hub.password) as made:
        yield made


def test_what_there_is_comes_typed(client: HubClient) -> None:
    (site,) = client.sites()
    assert (site.id, site.label.zh != "") == ("demo", True)
    assert {"comp1", "meter_main"} <= {one.id for one in client.devices("demo")}
    assert {one.id: one.unit for one in client.points("demo")}[POWER] == "kW"
    newest = {one.point: one for one in client.values("demo")}
    assert (newest[POWER].value, newest[POWER].time) == (SAMPLES - 1.0, END - timedelta(seconds=1))


def test_windows_over_more_than_one_answer_are_one_table(client: HubClient) -> None:
    table = client.series("demo", [POWER, FLOW], BEGIN, END, window_s=1)
    assert len(table) == SAMPLES
    assert table.edges[0] == BEGIN
    assert np.all(np.diff([edge.timestamp() for edge in table.edges]) == 1.0)
    np.testing.assert_allclose(table[POWER].mean, np.arange(SAMPLES, dtype=float))
    assert np.isnan(table[FLOW].mean[5])
    energy = table[POWER].energy_kwh
    assert energy is not None
    assert energy.sum() == pytest.approx(sum(range(SAMPLES)) / 3600)
    assert table[FLOW].energy_kwh is None
    days = client.series("demo", [POWER], BEGIN, END, calendar="day")
    assert days[POWER].complete_pct.max() > 0


def test_what_has_not_come_yet_is_no_window(client: HubClient) -> None:
    ahead = datetime(2200, 1, 1, tzinfo=UTC)
    table = client.series("demo", [POWER], ahead, ahead + timedelta(hours=1), window_s=60)
    assert (len(table), table[POWER].mean.shape if table.columns else (0,)) == (0, (0,))


def test_samples_and_the_journal_are_read_page_by_page_to_the_end(client: HubClient) -> None:
    found = list(client.samples("demo", FLOW, BEGIN, END))
    assert len(found) == SAMPLES
    assert len({one.time for one in found}) == SAMPLES
    assert [found[4].value, found[5].value, found[5].quality] == [3.0, None, 129]
    lines = list(client.alarm_journal("demo"))
    assert len({line.number for line in lines}) == LINES
    assert list(client.alarm_journal("demo", "air_leak")) == []


def test_alarms_plan_commands_and_orders(client: HubClient) -> None:
    (alarm,) = [one for one in client.alarms("demo") if one.id == "air_pressure_low"]
    assert (alarm.state, alarm.about.priority, alarm.occurrence) == ("unack", 1, LINES)
    assert len(client.alarms("demo", every=True)) > len(client.alarms("demo"))
    plan = client.plan("demo")
    assert (plan.cost, plan.series[0].values) == (1.0, [12.0])
    (command,) = client.commands("demo")
    assert (command.state, command.readback, command.reason.en) == ("verified", 1.0, "plan")
    order = client.place_order("demo", kind="stop", target="all", reason="a proof")
    assert client.order("demo", order.id).actor == "admin"
    assert [one.id for one in client.orders("demo")] == [order.id]


def test_a_file_is_whole_or_not_there(client: HubClient, tmp_path: Path) -> None:
    path = tmp_path / "power.parquet"
    written = client.download("demo", [POWER], (BEGIN, END), path, format="parquet")
    assert written == path.stat().st_size
    assert pq.read_table(path).num_rows == SAMPLES
    with pytest.raises(HubRefusedError, match="no point"):
        client.download("demo", ["demo/comp1/nope"], (BEGIN, END), tmp_path / "no.csv")
    assert [one.name for one in tmp_path.iterdir()] == ["power.parquet"]


def test_a_no_is_an_error_with_the_words_of_the_hub(client: HubClient, hub: HubProcess) -> None:
    with pytest.raises(HubRefusedError, match="there is no site 'nowhere' here") as refused:
        client.values("nowhere")
    assert refused.value.context["status"] == 404
    with pytest.raises(HubRefusedError) as order:
        client.place_order("demo", kind="set", target=POWER, value=1.0, unit="kW", for_s=60, reason="x")
    assert order.value.context["code"]
    with HubClient(hub.address, token=NOBODYS) as stranger, pytest.raises(NotSignedInError):
        stranger.sites()
    wrong = HubClient(hub.address, username="admin", password=NOBODYS)
    with wrong, pytest.raises(NotSignedInError):
        wrong.sites()
    for more in ({}, {"token": "x", "username": "y"}):
        with pytest.raises(ConfigError):
            HubClient(hub.address, **more)  # type: ignore[arg-type]  # words of the sign-in
    with pytest.raises(ConfigError, match="no address"):
        HubClient("plant.example", token=NOBODYS)
    with pytest.raises(ConfigError, match="has no zone"):
        client.series("demo", [POWER], datetime(2026, 1, 1), END, window_s=60)  # noqa: DTZ001  that is the slip


def test_accounts_of_a_month_come_typed_and_what_cannot_be_made_is_refused_in_both_languages(
    client: HubClient, tmp_path: Path
) -> None:
    made = client.accounts.statement("demo", MONTH, by=["area"])
    assert (made.period.name, made.period.over, made.currency) == (MONTH, True, client.sites()[0].currency)
    assert {row.carrier for row in made.accounts} >= {"electricity"}
    assert all(0.0 <= row.complete_pct <= 100.0 for row in made.accounts)
    size = client.accounts.download("demo", MONTH, tmp_path / "month.csv", language="zh")
    assert size == (tmp_path / "month.csv").stat().st_size > 0
    with pytest.raises(HubRefusedError) as refused:
        client.accounts.statement("demo", "2026-13")
    assert (refused.value.context["status"], refused.value.context["code"]) == (422, "period")
    assert "不是有效的周期" in str(refused.value.context["zh"])
    assert "zh" not in str(refused.value)


def test_a_period_is_closed_once_and_stands_with_its_hash(client: HubClient) -> None:
    day = f"{BEGIN:%Y-%m-%d}"
    closed = client.accounts.close("demo", day, despite_gaps=True, without_invoice=True)
    assert (closed.period, closed.version, closed.by) == (day, 1, "admin")
    assert [one.hash for one in client.accounts.closed("demo")] == [closed.hash]
    with pytest.raises(HubRefusedError, match="is closed since version 1"):
        client.accounts.close("demo", day, despite_gaps=True, without_invoice=True)
    with pytest.raises(HubRefusedError, match="nothing to restate"):
        client.accounts.restate("demo", day, "a look", despite_gaps=True, without_invoice=True)


def test_reports_are_ordered_waited_for_and_saved(client: HubClient, tmp_path: Path) -> None:
    ordered = client.reports.order("demo", "carbon", MONTH, language="zh", formats=["pdf"])
    assert (ordered.period, ordered.progress.state, ordered.files) == (MONTH, "waiting", [])
    assert client.reports.one("demo", ordered.id) == ordered
    listed = [one.id for one in client.reports.every("demo")]
    assert (listed[0], listed[-1]) == (ordered.id, DONE)
    with pytest.raises(HubAwayError, match="waiting after 0 s"):
        client.reports.wait("demo", ordered.id, most_s=0.0)
    done = client.reports.wait("demo", DONE)
    assert (done.progress.state, done.files[0].size_bytes) == ("done", len(PDF))
    assert client.reports.save("demo", DONE, "pdf", tmp_path / "year.pdf") == len(PDF)
    assert (tmp_path / "year.pdf").read_bytes() == PDF
    with pytest.raises(HubRefusedError, match="no such report"):
        client.reports.save("demo", ordered.id, "pdf", tmp_path / "none.pdf")
    assert [one.name for one in tmp_path.iterdir()] == ["year.pdf"]


def test_the_audit_is_read_to_its_first_entry_and_verifies(client: HubClient) -> None:
    entries = list(client.audit.entries("demo"))
    assert [one.number for one in entries] == list(range(len(entries), 0, -1))
    assert ("sign_in", "login", "admin") in {(one.category, one.type, one.actor) for one in entries}
    check = client.audit.check("demo")
    assert (check.whole, check.broken_at, check.entries >= len(entries)) == (True, None, True)


def test_a_sign_in_that_ended_is_made_anew(client: HubClient) -> None:
    client._wire._token = NOBODYS
    assert client.sites()


def test_fields_of_the_client_are_those_of_the_api() -> None:
    schemas = openapi_document()["components"]["schemas"]
    for name in (
        "Site",
        "Device",
        "Point",
        "Value",
        "Plan",
        "PlanSeries",
        "Command",
        "Order",
        "Alarm",
        "AlarmLine",
        "About",
    ):
        known = set(getattr(answers, name).model_fields)
        assert known <= set(schemas[name]["properties"]), name
    for name, model in vars(room_answers).items():
        if isinstance(model, type) and issubclass(model, answers.Answer) and model is not answers.Answer:
            assert set(model.model_fields) <= set(schemas[name]["properties"]), name


@contextmanager
def _moody(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """A server that answers with these statuses, one after the other, then with an empty list."""
    left, asked = list(statuses), list[str]()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Idempotency-Key", ""))
            status = left.pop(0) if left else 200
            body = b"[]" if status == 200 else json.dumps({"detail": "later"}).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def _wire(url: str, waits: list[float], who: str | Person = "t", **more: float) -> Iterator[Wire]:
    with httpx.Client(base_url=url) as http:
        yield Wire(http, who, Retries(**more), waits.append)  # type: ignore[arg-type]  # numbers


NOWHERE = "http://127.0.0.1:9"


def test_a_question_is_tried_again_as_patiently_as_the_hub_asks() -> None:
    waits: list[float] = []
    with _moody(503, 429, 502) as (url, asked), _wire(url, waits) as wire:
        assert wire.get("/sites") == []
        assert len(asked) == 4
        assert 3.5 <= waits[1] <= 7.0
        assert waits[0] <= 0.5
    with _moody(*[503] * 9) as (url, asked), _wire(url, waits, most=2) as wire:
        with pytest.raises(HubAwayError, match="later"):
            wire.get("/sites")
        assert len(asked) == 3
    with _wire(NOWHERE, waits, most=1) as wire, pytest.raises(HubAwayError, match="does not answer"):
        wire.get("/sites")


def test_what_changes_something_is_sent_again_with_the_key_by_which_the_hub_does_it_once() -> None:
    waits: list[float] = []
    with _moody(503, 504) as (url, asked), _wire(url, waits) as wire:
        assert wire.post("/sites/demo/orders", {}) == []
        assert len(asked) == 3
        assert len(set(asked)) == 1
        assert wire.post("/sites/demo/orders", {}) == []
        assert len(set(asked)) == 2, "another question has a key of its own"
    with _wire(NOWHERE, waits, most=1) as wire, pytest.raises(HubAwayError, match="does not answer"):
        wire.post("/sites/demo/orders", {})


def test_who_is_no_hub_is_told_so() -> None:
    with _moody(418) as (url, _), _wire(url, []) as wire, pytest.raises(HubRefusedError, match="later"):
        wire.get("/sites")
    with _wire(NOWHERE, [], Person("a", "b"), most=0) as wire, pytest.raises(HubAwayError):
        wire.get("/sites")


def test_the_cells_of_the_notebook_run_against_a_hub(hub: HubProcess, tmp_path: Path) -> None:
    book = json.loads((ROOT / "ems_client/example.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 5
    known: dict[str, object] = {
        "URL": hub.address, "USER": "admin", "PASSWORD": hub.password, "FOLDER": tmp_path, "UNTIL": END,
    }  # fmt: skip
    for cell in cells[1:]:  # the first one says where the hub is
        exec(compile(cell, "example.ipynb", "exec"), known)  # noqa: S102  our own notebook
    assert (tmp_path / "day.parquet").exists()
    assert all(cell.get("outputs", []) == [] for cell in book["cells"])
