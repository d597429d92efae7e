"""Alarms over the API: what is so, what people do, the journal by pages, figures and the yearly review."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from hub.alarms.book import AlarmBook
from hub.alarms.links import Links
from hub.alarms.office import Office
from hub.alarms.phrases import IN_MIN
from hub.alarms.standing import own_alarms
from hub.alarms.states import State
from hub.alarms.watch import Site, Watch
from hub.api.alarm_views import alarm_of
from hub.auth.tables import UserRow
from hub.ledger.order_tables import AuditRow
from hub.store.port import LastValue, StoreReader
from tests.unit.hub.api_running import PASSWORD, STORED, Running, running_api
from tests.unit.hub_alarms.alarm_hub import site_of

SITE = "/sites/demo/alarms"


class Watched(Running):
    """The API, and a watch over the same databases."""

    site: Site
    watch: Watch

    async def turns(self, seconds: int, value: float) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.watch.hear([("demo/comp1/pressure_bar_g", LastValue(value, 0, self.clock.now().wall_ns))])
            await self.watch.turn()

    async def act(self, token: str | None = None, **body: object) -> tuple[int, object]:
        headers = {"Authorization": f"Bearer {token or await self.token()}"}
        known: dict[str, object] = {"kind": "ack", "alarms": [{"id": "low"}]} | body
        got = await self.client.post(f"/api/v1{SITE}/acts", headers=headers, json=known)
        return got.status_code, got.json()


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Watched]:
    async with running_api(clean_business_url, tmp_path) as running:
        site = site_of()
        running.deps.alarms = site.alarms
        book = AlarmBook(running.deps.sessions, "demo")
        links = Links(running.deps.registry, running.clock)
        links.bus_is("up")
        made = Watched(running.client, running.deps, running.clock, running.key)
        made.site = site
        hands = (book, Office(book, running.clock), cast("StoreReader", running.deps.series))
        made.watch = Watch(site, hands, links, running.clock)
        yield made


async def test_nobody_watching_is_said_and_never_an_empty_list_alone(api: Watched) -> None:
    got = (await api.get(SITE)).json()
    assert got == {"watched": None, "up": False, "alarms": []}
    await api.turns(3, 6.5)
    got = (await api.get(SITE)).json()
    assert [got["up"], got["alarms"]] == [True, []]
    api.clock.advance(16.0)
    assert not (await api.get(SITE)).json()["up"]


async def test_an_alarm_is_shown_acknowledged_shelved_and_all_of_it_is_in_the_audit(api: Watched) -> None:
    await api.turns(10, 5.0)
    [one] = (await api.get(SITE)).json()["alarms"]
    assert [one["state"], one["finding"]["value"], one["about"]["priority"]] == ["unack", 5.0, 1]
    status, acts = await api.act(alarms=[{"id": "low", "occurrence": one["occurrence"]}])
    assert status == 202
    assert isinstance(acts, list)
    await api.turns(1, 5.0)
    assert (await api.get(f"{SITE}/acts/{acts[0]['id']}")).json()["state"] == "done"
    [one] = (await api.get(SITE)).json()["alarms"]
    assert [one["state"], one["acked_by"]] == ["ack", "admin"]
    assert (await api.act(kind="shelve", reason="works", for_s=60))[0] == 202
    await api.turns(1, 5.0)
    [one] = (await api.get(SITE)).json()["alarms"]
    assert [one["state"], one["hold"]["by"], one["hold"]["reason"]] == ["shelved", "admin", "works"]
    async with api.deps.sessions() as session:
        rows = (await session.execute(select(AuditRow).order_by(AuditRow.number))).scalars().all()
    assert [(row.category, row.target) for row in rows if row.category == "alarm"] == [("alarm", "low")] * 2


async def test_what_was_not_done_says_why_in_both_languages(api: Watched) -> None:
    await api.turns(1, 6.5)
    _, acts = await api.act(None, kind="unshelve")
    assert isinstance(acts, list)
    await api.turns(1, 6.5)
    found = (await api.get(f"{SITE}/acts/{acts[0]['id']}")).json()
    assert (found["state"], found["why"]) == ("refused", "it is not shelved")
    assert found["text"] == {"en": "it is not shelved", "zh": "该报警未被搁置"}


async def test_what_can_never_be_done_is_refused_at_once_in_both_languages(api: Watched) -> None:
    await api.turns(1, 6.5)
    for body, status, code in (
        ({"alarms": [{"id": "nope"}]}, 404, "alarm"),
        ({"kind": "shelve", "for_s": 60}, 422, "reason"),
        ({"kind": "shelve", "reason": "r"}, 422, "for_s"),
        ({"kind": "ack", "for_s": 5}, 422, "for_s"),
        ({"kind": "out", "reason": "  "}, 422, "reason"),
    ):
        got, problem = await api.act(None, **body)
        assert isinstance(problem, dict)
        assert (got, problem["code"]) == (status, code)
        assert problem["text"]["zh"] != problem["text"]["en"]
    bodies: list[dict[str, object]] = [
        {"alarms": []}, {"kind": "magic"}, {"for_s": 1e9}, {"alarms": [{"id": "low"}] * 201},
    ]  # fmt: skip
    for bad in bodies:
        api.clock.advance(20.0)
        assert (await api.act(None, **bad))[0] == 422


async def test_a_storm_of_acts_is_braked_and_a_viewer_acts_on_nothing(api: Watched) -> None:
    await api.turns(1, 6.5)
    async with api.deps.sessions.begin() as session:
        session.add(UserRow(name="vera", role="viewer", password=STORED, changed_ns=0))
    body = {"username": "vera", "password": PASSWORD}
    token = (await api.client.post("/api/v1/auth/login", json=body)).json()["access_token"]
    assert (await api.act(token))[0] == 403
    assert (await api.get(SITE, token)).status_code == 200
    admin = await api.token()
    assert [(await api.act(admin))[0] for _ in range(12)].count(429) == 2


async def test_an_early_warning_says_when_and_a_silent_edge_what_is_away_with_it(api: Watched) -> None:
    own, registry = own_alarms(api.deps.registry), api.deps.registry
    soon = State(active=True, raised_ns=api.clock.now().wall_ns, words=IN_MIN.say(minutes="12"))
    told = alarm_of(api.deps, api.site.alarms.definitions["low"], soon)
    assert told.raised is not None
    assert told.finding.due == told.raised + timedelta(minutes=12)
    assert [told.about.away, alarm_of(api.deps, own["edge:edge1"], State()).finding.due] == [[], None]
    assert alarm_of(api.deps, own["edge:edge1"], State()).about.away == list(registry.devices)
    assert alarm_of(api.deps, own["device:comp1"], State()).about.away == ["comp1"]


async def test_the_journal_is_read_by_pages_and_the_figures_count_what_was_told(api: Watched) -> None:
    for value in (5.0, 6.5, 5.0):
        await api.turns(13, value)
    first = (await api.get(f"{SITE}/journal", limit=2)).json()
    rest = (await api.get(f"{SITE}/journal", before=first[-1]["number"])).json()
    assert [line["kind"] for line in [*first, *rest]] == ["raised", "cleared", "raised"]
    assert (await api.get(f"{SITE}/journal", alarm="other")).json() == []
    found = (await api.get(f"{SITE}/figures", days=1)).json()
    assert [found["raised"], found["per_10min_max"], found["chattering"]] == [2, 2, 0]
    assert found["top"][0]["count"] == 2
    assert found["priorities"] == {"1": 2}


async def test_the_yearly_review_has_a_row_for_each_alarm_also_for_those_that_never_came(
    api: Watched,
) -> None:
    never = replace(api.site.alarms.definitions["low"], id="never")
    api.deps.alarms = replace(
        api.site.alarms, definitions=dict(api.site.alarms.definitions) | {"never": never}
    )
    await api.turns(10, 5.0)
    got = await api.get(f"{SITE}/review", language="zh")
    rows = list(csv.reader(io.StringIO(got.text.removeprefix("\ufeff"))))
    assert rows[0][:4] == ["报警", "名称", "优先级", "触发次数"]
    assert [(row[0], row[3]) for row in rows[1:]] == [("low", "1"), ("never", "0")]
    assert (await api.get(f"{SITE}/review", year=2100)).text.count("\n") == 3


async def test_a_review_says_what_the_journal_no_longer_has(api: Watched) -> None:
    now_s = api.clock.now().wall_ns // 10**9
    year = datetime.fromtimestamp(now_s, UTC).year
    whole = await api.get(f"{SITE}/review", year=year)
    assert whole.headers["content-disposition"].endswith(f'alarms-demo-{year}.csv"')
    part = await api.get(f"{SITE}/review", year=year - 3)
    assert f"alarms-demo-{year - 3}-from-" in part.headers["content-disposition"]
    gone = await api.get(f"{SITE}/review", year=1971)
    assert (gone.status_code, gone.json()["detail"]) == (
        404, "the journal is kept for 1100 days; 1971 is not in it",
    )  # fmt: skip
