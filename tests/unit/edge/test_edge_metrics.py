"""Metrics of a running agent, as Prometheus and `ems edge top` read them; the watchdog's sign of life."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import numpy as np
import pytest
from rich.console import Console

from benchmarks.edge_rig import farm, rig, until, write_site
from edge_agent.meters import Meters
from edge_agent.poll import PollGroup
from edge_agent.top import one, parse, read_metrics, view
from edge_agent.watchdog import Watchdog, notify
from protocols.clock import Instant
from protocols.errors import ConfigError
from protocols.frame import Catalogue, Frame
from runtime.clock import NS, SystemClock, VirtualClock

CATALOGUE = Catalogue("demo", "meter", ("a_kw",), ("kW",), ("measurement",))
GROUP = PollGroup("meter", "modbus", 1.0, ("a_kw",), CATALOGUE, CATALOGUE.hash())


def frame(at_s: float, value: float = 1.0) -> Frame:
    return Frame(
        CATALOGUE.hash(), Instant("b", round(at_s * NS), 2), np.array([value]), np.zeros(1, np.uint8)
    )


def test_polls_are_counted_against_their_grid() -> None:
    clock = VirtualClock()
    meters = Meters([GROUP], clock)
    clock.advance(1.0)
    meters.on_frame(frame(1.0))
    clock.advance(3.0)
    meters.on_frame(frame(4.0, np.nan))
    clock.advance(3.5)
    meters.on_frame(frame(5.0))
    meter = meters.groups[CATALOGUE.hash()]
    assert (meter.polls, meter.failed, meter.missed, meter.late) == (3, 1, 2, 1)
    assert meter.cycle_s == 1.0


def test_labels_with_quotes_come_through_the_text_format() -> None:
    assert parse('ems_edge_device_up{device="a\\"b"} 1\n# HELP x y\nother 2') == {
        "device_up": [({"device": 'a"b'}, 1.0)]
    }


def test_top_says_what_to_do_where_no_agent_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ems edge run"):
        read_metrics(tmp_path)


@pytest.mark.net
async def test_a_running_agent_tells_devices_polls_and_lanes(tmp_path: Path) -> None:
    with farm(2, 10) as port:
        write_site(tmp_path / "config", port, devices=2, floats=10, every_s=0.2)
        async with rig(tmp_path) as bench:
            bench.start_agent()
            await until(lambda: len(bench.hub.samples) >= 3, 15, "first rows")
            figures = await asyncio.to_thread(read_metrics, tmp_path / "edge")
            await asyncio.to_thread(_local_pages, int((tmp_path / "edge" / "metrics.port").read_text()))
    assert {labels["device"] for labels, _ in figures["device_up"]} == {"meter1", "meter2"}
    assert one(figures, "device_up", device="meter1") == 1.0
    assert one(figures, "poll_target_seconds", device="meter2") == 0.2
    assert one(figures, "polls_total", device="meter2") >= 2
    assert 0 < one(figures, "round_trip_seconds", device="meter1", quantile="0.5") < 1
    assert one(figures, "lane_rows_total", lane="live") >= 2
    assert one(figures, "samples_total") >= 30
    (bus,) = {labels["bus"] for labels, _ in figures["device_up"]}  # both units behind one gateway
    assert one(figures, "bus_sent_bytes_total", bus=bus) >= 4 * 12
    assert one(figures, "bus_heard_bytes_total", bus=bus) >= 4 * (9 + 40)
    assert 0 < one(figures, "bus_round_trip_seconds", bus=bus, quantile="0.99") < 1
    assert one(figures, "poll_delay_seconds", device="meter1", quantile="0.99") > 0
    assert [one(figures, name, device="meter1") for name in ("retries_total", "breaker_state")] == [0, 0]
    console = Console(record=True, width=140, file=None, quiet=True)
    console.print(view(figures))


def _local_pages(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        found = client.get("/values").json()
        assert [device["id"] for device in found["devices"]] == ["meter1", "meter2"]
        point = found["devices"][1]["points"][0]
        assert (point["name"], point["unit"], point["quality"]) == ("p0_kw", "kW", "good")
        assert isinstance(point["value"], float)
        assert 0 <= point["age_s"] < 5
        page = client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        refused = [
            client.post("/values").status_code,
            client.get("/write").status_code,
            client.get("/values", headers={"Host": "evil.example"}).status_code,
        ]
        assert refused == [405, 404, 421]


async def test_systemd_hears_of_life_only_while_the_control_tick_lives(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(0)
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "80000"}
        clock = SystemClock()
        ticked_s = [clock.mono_s()]
        async with asyncio.TaskGroup() as tasks:
            dog = tasks.create_task(Watchdog(lambda: ticked_s[0], clock, environment).run())
            loop = asyncio.get_running_loop()
            heard = [await asyncio.wait_for(loop.sock_recv(ear, 100), 2) for _ in range(3)]
            ticked_s[0] = clock.mono_s() - 60.0
            while await _said(ear):
                pass
            dog.cancel()
    assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    assert notify("READY=1", {}) is False


async def _said(ear: socket.socket) -> bool:
    """Whether anything is said within a few periods; what was on its way counts."""
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ear, 100), 0.2)
    except TimeoutError:
        return False
    return True
