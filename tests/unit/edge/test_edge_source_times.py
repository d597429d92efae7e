"""From a real OPC UA server to journal, local page, `ems edge read` and Parquet: told times arrive."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds

from edge_agent.commission import read_cli
from edge_agent.commission.reading import read_points
from edge_agent.drivers import make_drivers
from edge_agent.exception import ByException
from edge_agent.export import export_journal
from edge_agent.image import Image
from edge_agent.journal import Journal, JournalPlace
from edge_agent.journal_rows import Entry
from edge_agent.lines import Lines
from edge_agent.local_page import values_json
from edge_agent.poll import Poller, poll_groups
from protocols.device import EdgeDevices
from protocols.frame import Frame, decode_bundle
from protocols.profile import Profile
from protocols.quality import Quality
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.site import SiteDevices
from runtime.yaml_config import as_config

pytestmark = pytest.mark.net

NAMES = ("power_kw", "standing_kw", "ahead_kw")
TEXT = {"en": "x", "zh": "x"}
POLLS = 3
HOUR = dt.timedelta(hours=1)


def site_of(port: int, *, silence_s: float | None = None) -> SiteDevices:
    points = [
        {"name": name, "label": TEXT, "unit": "kW", "address": {"kind": "opcua", "node": f"ns=2;s={name}"}}
        for name in NAMES
    ]
    profile = {"id": "x", "label": TEXT, "protocol": "opcua", "equipment": "meter", "points": points}
    device = {
        "id": "m", "label": TEXT, "profile": "x",
        "report": None if silence_s is None else {"max_silence_s": silence_s},
        "connection": {"kind": "opcua", "url": f"opc.tcp://127.0.0.1:{port}/test", "timeout_s": 1},
    }  # fmt: skip
    edge = as_config("edge", {"site": "demo", "edge": "edge1", "devices": [device]}, EdgeDevices)
    return SiteDevices(edge, {"x": as_config("profile", profile, Profile)})


class Plc:
    """A server whose values carry the times it is told to tell."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def tell(self, name: str, value: float, at: dt.datetime) -> None:
        told = ua.DataValue(ua.Variant(value, ua.VariantType.Double), SourceTimestamp=at)  # type: ignore[arg-type]  # the library takes a plain datetime
        node = ua.NodeId.from_string(f"ns=2;s={name}")
        await self._server.iserver.aspace.write_attribute_value(node, AttributeIds.Value, told)


@asynccontextmanager
async def plc(port: int) -> AsyncIterator[Plc]:
    made = Server()
    await made.init()
    made.set_endpoint(f"opc.tcp://127.0.0.1:{port}/test")
    made.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await made.register_namespace("urn:test")
    for name in NAMES:
        node = ua.NodeId.from_string(f"ns=2;s={name}")
        await made.nodes.objects.add_variable(node, name, 1.0, ua.VariantType.Double)
    async with made:
        yield Plc(made)


def now() -> dt.datetime:
    at_ms = SystemClock().now().wall_ns // 1_000_000
    return dt.datetime.fromtimestamp(at_ms // 1000, tz=dt.UTC) + dt.timedelta(milliseconds=at_ms % 1000)


async def run_polls(site: SiteDevices, server: Plc, path: Path) -> tuple[list[Entry], list[dt.datetime], str]:
    """Poll a few times, the power told anew before each; gives rows, told times and the local page."""
    entries: list[Entry] = []
    told: list[dt.datetime] = []
    image, clock = Image(), SystemClock()
    old = now().replace(microsecond=0) - 5 * HOUR
    await server.tell("standing_kw", 4.0, old)
    (group,) = poll_groups(site)
    async with (
        Lines(site, make_drivers(site), clock) as lines,
        Journal(JournalPlace(path, "edge1"), clock, entries.append) as journal,
    ):
        await journal.name_rows([group.catalogue])
        on = ByException(site, (group,)).thinned(journal.put)
        poller = Poller((group,), lines, image, on, clock)
        for number in range(POLLS):
            await asyncio.sleep(0.005)  # times are told in milliseconds, and must lie between two polls
            told.append(now())
            await server.tell("power_kw", float(number), told[-1])
            await server.tell("ahead_kw", 7.0, told[-1] + HOUR)
            await asyncio.sleep(0.005)
            await poller.poll_once(group, clock.now())
        page = values_json(site, image, clock)
        await journal.flush()
    return entries, [old, *told], page


async def test_told_times_reach_journal_page_parquet_and_a_read_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    site, quiet = site_of(port), site_of(port, silence_s=60.0)
    async with plc(port) as server:
        entries, told, page = await run_polls(site, server, tmp_path / "j.db")
        thinned, _, _ = await run_polls(quiet, server, tmp_path / "quiet.db")
        await read_cli._read_device(site, "m", ["standing_kw"], tmp_path)
        points = await read_points(site, "m", site.profile_of("m").points, tmp_path)
    _journalled(frames_of(entries), told)
    _shown(json.loads(page)["devices"][0]["points"], told)
    await asyncio.to_thread(_exported, tmp_path, told, frames_of(entries)[-1].at.wall_ns)
    assert [frame.values.tolist() for frame in frames_of(thinned)[1:]] == [
        [1.0],
        [2.0],
    ]  # told again: not new
    assert "device clock " in capsys.readouterr().out
    assert [read_cli._row(point)["source_time"] is None for point in points] == [False] * 3


def frames_of(entries: list[Entry]) -> list[Frame]:
    return [frame for entry in entries for frame in decode_bundle(entry.body).frames]


def _journalled(frames: list[Frame], times: list[dt.datetime]) -> None:
    old, *told = times
    assert len(frames) == POLLS
    for frame, at in zip(frames[1:], told[1:], strict=True):
        assert frame.sources is not None
        assert frame.sources.told_ns.tolist() == [ns(at), ns(old), ns(at + HOUR)]
        assert frame.times_ns().tolist() == [ns(at), frame.at.wall_ns, frame.at.wall_ns]
        assert frame.qualities.tolist() == [0, 0, Quality.UNCERTAIN_TIME]


def _shown(points: list[dict[str, object]], times: list[dt.datetime]) -> None:
    assert [point["source_time"] for point in points] == [
        iso(times[-1]),
        iso(times[0]),
        iso(times[-1] + HOUR),
    ]


def _exported(folder: Path, times: list[dt.datetime], last_ns: int) -> None:
    export_journal(folder / "j.db", (0, 2**62), folder / "j.parquet")
    table = pq.read_table(folder / "j.parquet").slice(3 * (POLLS - 1))
    times_ns, told_ns = (table[name].cast("int64").to_pylist() for name in ("time", "source_time"))
    assert times_ns == [ns(times[-1]), last_ns, last_ns]
    assert told_ns == [ns(times[-1]), ns(times[0]), ns(times[-1] + HOUR)]


def ns(at: dt.datetime) -> int:
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) * 1000


def iso(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
