"""How the hub is: what is ill and what it means, liveness apart from readiness, figures for Prometheus."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from hub.health.book import FORGOTTEN_S, SILENT_S, RoleBook
from hub.health.figures import put_intake
from hub.health.meter import Meter, exposition, joined
from hub.health.report import Report, Reporter, decode_report, failures_now, open_token
from hub.health.words import ILLNESSES, illness
from protocols.errors import ContractError, StoreError
from protocols.subjects import event
from runtime.bus import connect
from runtime.clock import SystemClock, VirtualClock
from runtime.nats_server import running_bus
from runtime.supervise import Backoff, failing, supervise

LINE = re.compile(r'ems_hub_[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+-]+')


def report(role: str, failures: dict[str, str] | None = None, free: float = 9e9) -> bytes:
    meter = Meter()
    meter.add("rows_total", "Rows.", 3, edge="edge1")
    meter.put("disk_free_bytes", "Room.", free)
    meter.put("disk_bytes", "Size.", 10e9)
    return Report(role, "box:1", failures or {}, tuple(meter.families())).encode()


def test_a_report_travels_and_a_stranger_s_bytes_are_refused() -> None:
    found = decode_report(report("ingest", {"ingest:commit": "full"}))
    assert (found.role, found.failures) == ("ingest", {"ingest:commit": "full"})
    for data in (b"", b"\x01", b"\x95\x02\xa1a\xa1b\x80\x90", b"\x95\x01\xa1a\xa1b\x80\x91\x01"):
        with pytest.raises(ContractError):
            decode_report(data)


def test_a_role_that_is_silent_or_was_never_heard_is_ill_after_a_while() -> None:
    clock = VirtualClock()
    book = RoleBook(clock)
    assert book.ill() == []
    clock.advance(60.0)
    assert [one.code for one in book.ill()] == ["ingest", "dispatch", "alarms", "jobs"]
    assert {illness(one.code).text.en for one in book.ill()} >= {"Reports are not made and not mailed."}
    for role in ("ingest", "dispatch", "alarms", "jobs"):
        book.hear(report(role))
    assert book.ill() == []
    clock.advance(SILENT_S + 1)
    for role in ("dispatch", "alarms", "jobs"):
        book.hear(report(role))
    assert [(one.code, one.detail) for one in book.ill()] == [("ingest", "ingest: silent for 21 s")]
    assert {
        labels for family in book.families() for _, labels in family.rows if ("role", "ingest") in labels
    } == set()
    clock.advance(FORGOTTEN_S)
    for role in ("dispatch", "alarms", "jobs"):
        book.hear(report(role))
    assert [one.detail for one in book.ill()] == ["ingest: never heard"]


def test_work_that_fails_and_a_full_disk_are_told_with_what_they_mean_in_both_languages() -> None:
    book = RoleBook(VirtualClock(), ())
    book.hear(report("ingest", {"ingest:commit": "database or disk is full", "ingest:part7": "x"}, free=1e8))
    codes = [one.code for one in book.ill()]
    assert codes == ["ingest:commit", "ingest:part7", "disk"]
    words = illness("ingest:commit")
    assert "takes no data" in words.text.en
    assert "Set-points in force are renewed" in words.effect.en
    assert illness("ingest:part7") is ILLNESSES["ingest:part"]
    assert illness("unknown") is ILLNESSES["other"]
    for one in ILLNESSES.values():
        assert all(re.search(r"[\u4e00-\u9fff]", text.zh) for text in one)
        assert all(text.en.isascii() for text in one)


def test_figures_of_two_processes_are_one_family_each_and_every_line_is_of_the_format() -> None:
    meters = Meter(), Meter()
    for meter in meters:
        meter.add("rows_total", "Rows.", 2, edge='a"b\\c')
        meter.took("store_seconds", "Time.", 0.03)
        meter.took("store_seconds", "Time.", 60.0)
    text = exposition(joined([({"instance": str(at)}, one.families()) for at, one in enumerate(meters)]))
    assert text.count("# TYPE ems_hub_rows_total counter") == 1
    assert 'ems_hub_rows_total{edge="a\\"b\\\\c",instance="0"} 2' in text
    for line in text.splitlines():
        assert line.startswith("# ") or LINE.fullmatch(line.replace('\\"', "").replace("\\\\", "")), line
    buckets = dict(re.findall(r'store_seconds_bucket\{instance="0",le="([^"]+)"\} (\d+)', text))
    assert (buckets["0.02"], buckets["0.05"], buckets["10"], buckets["+Inf"]) == ("0", "1", "1", "2")
    assert 'store_seconds_sum{instance="0"} 60.03' in text


async def test_work_that_fails_again_and_again_is_known_by_its_name() -> None:
    async def work() -> None:
        raise StoreError("the disk is full")

    name = "test:health"
    async with asyncio.TaskGroup() as group:
        task = group.create_task(supervise(name, work, Backoff(0.001, 0.002)))
        async with asyncio.timeout(5):
            while name not in failures_now():
                await asyncio.sleep(0.005)
        task.cancel()
    assert failures_now()[name] == "the disk is full"
    del failing[name]


@pytest.mark.net
async def test_a_role_reports_over_the_bus_with_its_queues_and_the_sizes_of_its_store(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "series.db").write_bytes(b"12345")
    with running_bus(tmp_path / "bus") as bus:
        client = await connect(bus.login("hub"))
        heard = await client.subscribe(event("demo", "role"))

        async def collect(meter: Meter) -> None:
            await put_intake(meter, client, tmp_path / "hub")

        async with asyncio.TaskGroup() as group, asyncio.timeout(10):
            task = group.create_task(
                Reporter("ingest", (client, "demo"), SystemClock(), Meter(), collect).run()
            )
            found = decode_report((await heard.next_msg(10)).data)
            task.cancel()
        await client.close()
    text = exposition(found.families)
    assert 'ems_hub_store_bytes{part="series.db"} 5' in text
    assert "ems_hub_resident_bytes " in text


def test_the_token_of_the_figures_is_made_once_and_is_nobody_else_s(tmp_path: Path) -> None:
    token = open_token(tmp_path)
    assert len(token) > 40
    assert open_token(tmp_path) == token
    assert (tmp_path / "metrics_token").stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("role", ["api", "ingest", "dispatch"])
def test_a_role_that_cannot_use_a_version_says_so_in_the_words_of_the_configuration(role: str) -> None:
    assert illness(f"{role}:configuration") == ILLNESSES["configuration"]
