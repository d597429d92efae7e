"""`ems edge doctor` and `ems edge export` on a real box in small: agent, bus, devices, journal."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.edge_rig import farm, rig, until, write_site
from edge_agent.box import read_box
from edge_agent.box_health import check_clock, check_flash, check_port, check_serial, check_state
from edge_agent.doctor import check_checksums, examine
from edge_agent.export import export_journal, time_ns
from edge_agent.settings import Place
from protocols.errors import ConfigError
from runtime.clock import VirtualClock
from runtime.database import open_sqlite

NOW_NS = 1_790_000_000_000_000_000


@pytest.mark.parametrize(
    ("wall_ns", "synced", "verdict", "words"),
    [(0, True, "bad", "set the time"), (NOW_NS, False, "look", "set-ntp"), (NOW_NS, True, "ok", "")],
)
def test_a_clock_that_cannot_be_right_is_told_with_what_to_do(
    wall_ns: int, synced: object, verdict: str, words: str
) -> None:
    finding = check_clock(VirtualClock(wall_ns), synced=bool(synced))
    assert (finding.verdict, words in finding.do) == (verdict, True)


def test_a_worn_chip_is_told_before_it_dies(tmp_path: Path) -> None:
    for name, life in (("mmcblk0", "0x02 0x09"), ("mmcblk1", "0x01 0x01")):
        (tmp_path / name / "device").mkdir(parents=True)
        (tmp_path / name / "device" / "life_time").write_text(f"{life}\n")
        (tmp_path / name / "device" / "type").write_text("MMC\n")
    assert [(f.verdict, f.found.split(":")[0]) for f in check_flash(tmp_path)] == [
        ("look", "mmcblk0"),
        ("ok", "mmcblk1"),
    ]


def test_a_card_that_keeps_its_wear_to_itself_is_worth_a_look_and_no_card_is_said(tmp_path: Path) -> None:
    (none,) = check_flash(tmp_path)
    (tmp_path / "mmcblk0" / "device").mkdir(parents=True)
    (tmp_path / "mmcblk0" / "device" / "type").write_text("SD\n")
    (card,) = check_flash(tmp_path)
    assert (none.verdict, card.verdict) == ("ok", "look")
    assert "this SD does not tell" in card.found


def test_a_taken_port_is_told_before_the_agent_is_started() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (found,) = check_port(port, running=False)
        assert (found.verdict, list(check_port(port, running=True))) == ("bad", [])
    (found,) = check_port(port, running=False)
    assert found.verdict == "ok"


def test_a_box_is_looked_at_by_the_settings_of_its_unit(tmp_path: Path) -> None:
    settings = tmp_path / "edge.env"
    assert read_box(settings) is None
    settings.write_text(
        "# note\nEMS_SITE=plant7\nEMS_EDGE=edge2\nEMS_BUS=nats://h:1\nEMS_OPTIONS=--metrics-port 9270\n"
    )
    box = read_box(settings)
    assert box is not None
    assert (box.place.site, box.place.edge, box.place.bus, box.metrics_port) == (
        "plant7",
        "edge2",
        "nats://h:1",
        9270,
    )
    assert box.place.keys.parent == box.place.state


async def test_a_faulty_device_list_is_one_finding_among_those_of_the_box(tmp_path: Path) -> None:
    place = Place(tmp_path, "demo", "edge1", tmp_path / "edge", tmp_path / "keys", "nats://127.0.0.1:1")
    whats = {finding.what: finding for finding in await examine(place)}
    assert {"clock", "disk", "flash wear", "configuration"} <= set(whats)
    assert whats["configuration"].verdict == "bad"


def test_a_box_without_faults_of_its_own_is_ok(tmp_path: Path) -> None:
    assert [finding.verdict for finding in check_state(tmp_path / "new")] == ["ok"]
    assert list(check_serial(())) == []


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no zone"):
        time_ns("2026-05-01T06:00")


@pytest.mark.net
async def test_each_fault_is_found_and_the_waiting_samples_are_exported(tmp_path: Path) -> None:
    with farm(2, 5) as port:
        write_site(tmp_path / "config", port, devices=2, floats=5, every_s=0.2)
        async with rig(tmp_path) as bench:
            bench.bus.kill()
            bench.start_agent()
            place = Place(
                tmp_path / "config", "demo", "edge1", tmp_path / "edge", tmp_path / "keys",
                f"nats://127.0.0.1:{bench.config.port}",
            )  # fmt: skip
            await until((tmp_path / "edge" / "metrics.port").exists, 15, "the agent")
            await bench.journals(4)
            running = {f.what: f for f in await examine(place)}
            await bench.end_agent(signal.SIGKILL)
            bench.bus.start()
            stopped = {f.what: f for f in await examine(place)}
    assert (running["device meter1"].verdict, running["bus"].verdict) == ("ok", "bad")
    assert "firewall" in running["bus"].do
    assert (stopped["device meter2"].verdict, stopped["bus"].verdict) == ("ok", "ok")
    dead = {f.what: f for f in await examine(place)}
    assert dead["device meter2"].verdict == "bad"
    assert "ems edge read meter2" in dead["device meter2"].do
    await asyncio.to_thread(_exported, tmp_path, bench.journalled()[1])


def _exported(folder: Path, samples: int) -> None:
    journal, out = folder / "edge" / "journal.db", folder / "all.parquet"
    told = export_journal(journal, (0, 2**62), out)
    table = pq.read_table(out)
    assert (told.samples, told.unknown, table.num_rows) == (samples, 0, samples)
    assert set(table["device"].to_pylist()) == {"meter1", "meter2"}
    assert set(table["unit"].to_pylist()) == {"kW"}
    assert table["value"].null_count == 0
    with pytest.raises(ConfigError, match="is there already"):
        export_journal(journal, (0, 2**62), out)
    with pytest.raises(ConfigError, match="not after --from"):
        export_journal(journal, (2, 1), folder / "none.parquet")
    with pytest.raises(ConfigError, match="is no folder"):
        export_journal(journal, (0, 2**62), folder / "nowhere" / "all.parquet")
    with closing(open_sqlite(journal)) as db:
        db.execute("DROP TABLE catalogue")  # as a journal of before names were kept in it
    some = export_journal(journal, (0, 2**62), folder / "none.parquet")
    assert (some.samples, some.unknown) == (0, samples)


def test_a_noisy_line_is_worth_a_look_and_a_quiet_one_is_not() -> None:
    calls = [({"device": "a", "bus": "/dev/x"}, 500.0), ({"device": "b", "bus": "/dev/x"}, 500.0)]
    spoiled = [({"bus": "/dev/x"}, 1.0), ({"bus": "/dev/y"}, 1.0)]
    quiet, noisy = check_checksums({"calls_total": calls, "crc_errors_total": spoiled})
    assert (quiet.what, quiet.verdict, noisy.verdict) == ("line /dev/x", "ok", "look")
    assert "1 answers without a right checksum in 1,000 reads" in quiet.found
    assert "parity" in noisy.do
