"""B6: the telemetry stream is full; the bus refuses, the edge keeps its rows, and later every one arrives."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from edge_agent import uplink_way
from protocols.frame import decode_bundle
from protocols.trouble import TroubleCode
from runtime.bus import connect
from runtime.nats_server import running_bus
from tests.unit.edge.test_uplink import add, edge_on, hub_on

pytestmark = [pytest.mark.net, pytest.mark.timeout(60)]
ROWS = 60
ROOM_BYTES = 4_000
"""Some ten rows."""


async def _taken(js: JetStreamContext, pull: JetStreamContext.PullSubscription) -> list[int]:
    """What stands in the stream, taken and acknowledged as ingest does."""
    try:
        messages = await pull.fetch(100, timeout=0.3)
    except TimeoutError:
        return []
    for message in messages:
        await message.ack_sync()
    assert (await js.stream_info("TEL")).config.max_bytes == ROOM_BYTES
    return [decode_bundle(message.data).seq for message in messages]


async def test_what_the_bus_refuses_stays_in_the_journal_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplink_way, "RESEND_S", 0.3)
    with running_bus(tmp_path) as bus:
        async with hub_on(bus) as hub:
            client = await connect(bus.login("hub"), None)
            js = client.jetstream()
            narrow = (await js.stream_info("TEL")).config
            narrow.max_bytes = ROOM_BYTES
            await js.update_stream(narrow)
            pull = await js.pull_subscribe("", durable="TAKE", stream="TEL")
            async with edge_on(bus, tmp_path) as (journal, uplink):
                await add(journal, ROWS)
                async with asyncio.timeout(10):
                    while (await js.stream_info("TEL")).state.messages < 5:
                        await asyncio.sleep(0.02)
                async with asyncio.timeout(10):
                    while not uplink.troubles:
                        await asyncio.sleep(0.02)
                assert [one.code for one in uplink.troubles] == [TroubleCode.BUS_REFUSES]
                assert "maximum bytes exceeded" in uplink.troubles[0].detail
                stood = (await js.stream_info("TEL")).state
                assert stood.messages < ROWS
                assert stood.bytes <= ROOM_BYTES
                assert len(await journal.waiting(0)) == ROWS
                seen: set[int] = set()
                async with asyncio.timeout(40):
                    while seen != set(range(1, ROWS + 1)):
                        seen.update(await _taken(js, pull))
                await hub.cover(journal.name, (1, ROWS))
                assert await uplink.drained(journal, 10.0)
            await client.close()
