"""Routes of reports: asking, looking, files, schedules; refusals say in both languages what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from hub.auth.tables import UserRow
from hub.reports import book
from hub.reports.tables import ReportFileRow, ReportRow
from tests.unit.hub.api_running import NOW_S, PASSWORD, STORED, Running, S, running_api

REPORTS = "/sites/demo/reports"
SCHEDULES = "/sites/demo/report-schedules"
MAILED = {"sender": "mail", "to": ["manager@plant.example"]}


@pytest.fixture
async def hub(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


async def ask(
    hub: Running, path: str, body: Mapping[str, object], user: str = "admin"
) -> tuple[int, dict[str, object]]:
    who = {"username": user, "password": "right-horse"}
    token = (await hub.client.post("/api/v1/auth/login", json=who)).json()["access_token"]
    answer = await hub.client.post(f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()


async def test_a_report_is_taken_at_once_and_shown_as_waiting(hub: Running) -> None:
    status, made = await ask(
        hub, REPORTS, {"kind": "carbon", "period": "2025-05", "language": "zh", **MAILED}
    )
    assert status == 202
    assert made["title"] == {"en": "Monthly carbon report", "zh": "碳排放月报"}
    progress = made["progress"]
    assert isinstance(progress, dict)
    assert (progress["state"], progress["stalled"]) == ("waiting", False)
    assert made["mail"] == {"state": "held", "recipients": 1, "tries": 0, "error": ""}
    [listed] = (await hub.get(REPORTS)).json()
    assert listed == made
    entries = (await hub.get("/sites/demo/audit")).json()
    assert ("report", "order", made["id"]) in [
        (row["category"], row["type"], row["target"]) for row in entries
    ]


async def test_a_report_nobody_begins_is_told_as_stalled(hub: Running) -> None:
    _, made = await ask(hub, REPORTS, {"kind": "energy", "period": "2025-05"})
    hub.clock.advance(121.0)
    assert (await hub.get(f"{REPORTS}/{made['id']}")).json()["progress"]["stalled"] is True


@pytest.mark.parametrize(
    ("change", "code", "en", "zh"),
    [
        ({"period": "2025-01-01..2026-12-31"}, "period", "400 days", "最长 400 天"),
        ({"period": "yesterday"}, "period", "is no period", "不是有效的时间范围"),
        ({"period": "2025-05-10..2025-05-01"}, "period", "400 days", "最长 400 天"),
        ({"period": "2030-01"}, "period", "has not begun", "尚未开始"),
        ({"to": ["a@b.example"]}, "sender", "by which sender", "发件方"),
    ],
)
async def test_what_cannot_be_made_is_refused_in_both_languages(
    hub: Running, change: dict[str, object], code: str, en: str, zh: str
) -> None:
    got, problem = await ask(hub, REPORTS, {"kind": "energy", "period": "2025-05"} | change)
    assert (got, problem["code"]) == (422, code)
    text = problem["text"]
    assert isinstance(text, dict)
    assert en in text["en"]
    assert zh in text["zh"]
    assert (await hub.get(REPORTS)).json() == []


@pytest.mark.parametrize("to", ["nobody", "a@b\r\nBcc: x@y", "a b@c.example", "x" * 300 + "@c.example"])
async def test_an_address_that_is_none_is_refused(hub: Running, to: str) -> None:
    status, _ = await ask(hub, REPORTS, {"kind": "energy", "period": "2025-05", "sender": "mail", "to": [to]})
    assert status == 422


async def test_a_report_of_an_unknown_site_is_refused(hub: Running) -> None:
    status, _ = await ask(hub, "/sites/nowhere/reports", {"kind": "energy", "period": "2025-05"})
    assert status == 404


async def test_too_many_waiting_reports_are_refused(hub: Running) -> None:
    async with hub.deps.sessions.begin() as session:
        for _ in range(20):
            book.put(session, book.Wish("demo", "energy", "2025-05", "en", ("pdf",)), "anna", NOW_S * S)
    status, problem = await ask(hub, REPORTS, {"kind": "energy", "period": "2025-05"})
    assert (status, problem["code"]) == (429, "busy")


async def test_files_come_with_their_name_and_kind_and_only_of_their_site(hub: Running) -> None:
    async with hub.deps.sessions.begin() as session:
        row = book.put(session, book.Wish("demo", "energy", "2025-05", "en", ("pdf",)), "anna", NOW_S * S)
        other = book.put(session, book.Wish("other", "energy", "2025-05", "en", ("pdf",)), "anna", NOW_S * S)
        for one in (row, other):
            session.add(ReportFileRow(report=one.id, form="pdf", name="e.pdf", size=5, body=b"%PDF-"))
    got = await hub.get(f"{REPORTS}/{row.id}/files/pdf")
    assert (got.content, got.headers["content-type"]) == (b"%PDF-", "application/pdf")
    assert got.headers["content-disposition"] == 'attachment; filename="e.pdf"'
    missing = [f"{row.id}/files/xlsx", f"{other.id}/files/pdf", other.id, "nothing"]
    assert [(await hub.get(f"{REPORTS}/{one}")).status_code for one in missing] == [404] * 4
    [listed] = (await hub.get(REPORTS)).json()
    assert listed["files"] == [{"form": "pdf", "name": "e.pdf", "size_bytes": 5}]


async def test_the_list_goes_on_where_the_page_before_ended(hub: Running) -> None:
    async with hub.deps.sessions.begin() as session:
        for at in range(5):
            book.put(
                session, book.Wish("demo", "energy", f"2025-0{at + 1}", "en", ("pdf",)), "anna", NOW_S * S
            )
    first = (await hub.get(REPORTS, limit=3)).json()
    rest = (await hub.get(REPORTS, limit=3, before=first[-1]["id"])).json()
    assert sorted(one["period"] for one in first + rest) == [f"2025-0{at + 1}" for at in range(5)]
    assert (await hub.get(REPORTS, before="nothing")).status_code == 404


async def test_a_schedule_is_kept_shown_and_ended_by_a_manager(hub: Running) -> None:
    async with hub.deps.sessions.begin() as session:
        for name in ("manager", "operator"):
            session.add(UserRow(name=name, role=name, password=STORED, changed_ns=NOW_S * S))
    body = {"kind": "carbon", "every": "month", "at": "06:30", "language": "zh", **MAILED}
    assert (await ask(hub, SCHEDULES, body, "operator"))[0] == 403
    refused = [one for one in (await hub.get("/sites/demo/audit")).json() if one["result"] == "refused: role"]
    assert [(one["category"], one["type"]) for one in refused] == [("report", "schedule")]
    status, made = await ask(hub, SCHEDULES, body, "manager")
    assert status == 201
    assert (made["at"], made["made_by"], made["to"]) == ("06:30", "manager", MAILED["to"])
    assert made["next"] == "2025-07-01T04:30:00Z"  # 06:30 in Berlin
    assert (await hub.get(SCHEDULES)).json() == [made]
    token = await hub.token()
    gone = await hub.client.delete(
        f"/api/v1{SCHEDULES}/{made['id']}", headers={"Authorization": f"Bearer {token}"}
    )
    assert gone.status_code == 204
    again = await hub.client.delete(
        f"/api/v1{SCHEDULES}/{made['id']}", headers={"Authorization": f"Bearer {token}"}
    )
    assert (again.status_code, again.json()["code"]) == (404, "schedule")
    assert (await hub.get(SCHEDULES)).json() == []


async def test_one_report_is_claimed_by_one_of_two_hubs(hub: Running) -> None:
    async with hub.deps.sessions.begin() as session:
        row = book.put(session, book.Wish("demo", "energy", "2025-05", "en", ("pdf",)), "anna", NOW_S * S)
    async with asyncio.TaskGroup() as group:
        tries = [
            group.create_task(book.claim(hub.deps.sessions, "demo", name, NOW_S * S)) for name in ("a", "b")
        ]
    taken = [one.result() for one in tries if one.result() is not None]
    assert [one.id for one in taken if one is not None] == [row.id]
    assert await book.claim(hub.deps.sessions, "demo", "c", NOW_S * S + 1) is None
    late = await book.claim(hub.deps.sessions, "demo", "c", NOW_S * S + book.HELD_NS + 1)
    assert late is not None
    assert not await book.prolong(hub.deps.sessions, row.id, taken[0].holder if taken[0] else "", NOW_S * S)


async def test_old_reports_go_with_their_files(hub: Running) -> None:
    async with hub.deps.sessions.begin() as session:
        rows = [
            book.put(session, book.Wish("demo", "energy", "2025-05", "en", ("pdf",)), "anna", NOW_S * S)
            for _ in range(60)
        ]
        for at, row in enumerate(rows):
            row.state, row.done_ns = "done", NOW_S * S + at
            session.add(ReportFileRow(report=row.id, form="pdf", name="x.pdf", size=1, body=b"x"))
    assert await book.trim(hub.deps.sessions, "demo", NOW_S * S + 59) == 59
    async with hub.deps.sessions() as session:
        assert await session.get(ReportRow, rows[-1].id) is not None
        assert await session.get(ReportFileRow, (rows[0].id, "pdf")) is None
        assert await session.get(ReportFileRow, (rows[-1].id, "pdf")) is not None


async def test_the_audit_names_the_token_of_a_program_that_asks(hub: Running) -> None:
    headers = {"Authorization": f"Bearer {await hub.token()}"}
    wanted = {"label": "script", "scope": "manager", "days": 1, "password": PASSWORD}
    made = (await hub.client.post("/api/v1/me/tokens", json=wanted, headers=headers)).json()
    program = {"Authorization": f"Bearer {made['secret']}"}
    body = {"kind": "energy", "period": "2025-05"}
    answer = await hub.client.post(f"/api/v1{REPORTS}", json=body, headers=program)
    assert answer.status_code == 202, answer.text
    rows = (await hub.get("/sites/demo/audit")).json()
    [entry] = [one for one in rows if one["category"] == "report"]
    assert entry["token"].startswith("manager ")
