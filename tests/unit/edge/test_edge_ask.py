"""Questions on `ask.<edge>`: answered for the hub, reading only, over a real bus and real devices."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from protocols import subjects
from protocols.ask import Answer, Question, decode_answer, decode_question
from protocols.errors import ContractError
from runtime.bus import BusLogin, connect
from runtime.nats_server import seed_file

pytestmark = pytest.mark.net


async def ask(client: Client, kind: str, **body: object) -> Answer:
    message = await client.request(subjects.ask("edge1"), Question(kind, body).encode(), timeout=5)
    return decode_answer(message.data)


def test_a_question_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ContractError, match="kind"):
        decode_question(Question("write", {}).encode())


async def test_the_hub_browses_reads_and_sees_raw_bytes(tmp_path: Path) -> None:
    with farm(2, 10) as port:
        write_site(tmp_path / "config", port, devices=2, floats=10, every_s=0.5)
        async with rig(tmp_path) as bench:
            bench.start_agent()
            await until(lambda: len(bench.hub.samples) >= 1, 15, "first rows")
            client = await bench.connect()
            await _answers(client)
            await _nobody_else_may_ask(bench)
            await client.close()


async def _answers(client: Client) -> None:
    devices = (await ask(client, "devices")).body
    assert [(row["id"], row["protocol"], row["link"]) for row in devices] == [
        ("meter1", "modbus", "up"),
        ("meter2", "modbus", "up"),
    ]
    points = (await ask(client, "points", device="meter2")).body
    assert (len(points), points[0]["name"], points[0]["unit"], points[0]["writable"]) == (
        10, "p0_kw", "kW", False,
    )  # fmt: skip
    read = (await ask(client, "read", device="meter2", points=["p1_kw"])).body
    raw = (await ask(client, "raw", device="meter2", table="holding", start=2, count=2)).body
    assert read["qualities"] == [0]
    assert struct.unpack(">f", raw)[0] == pytest.approx(read["values"][0], abs=1.0)
    refused = await ask(client, "raw", device="meter2", table="holding", start=500, count=2)
    assert (refused.body, "exception" in refused.error.lower() or "refused" in refused.error.lower()) == (
        None,
        True,
    )
    assert "there is no device 'pump'" in (await ask(client, "points", device="pump")).error
    assert "it has" in (await ask(client, "read", device="meter1", points=["nope"])).error
    assert (
        "1 to 125" in (await ask(client, "raw", device="meter1", table="holding", start=0, count=9999)).error
    )


async def _nobody_else_may_ask(bench: Rig) -> None:
    login = BusLogin(f"nats://127.0.0.1:{bench.config.port}", "edge1", seed_file(bench.config.keys, "edge1"))
    other = await connect(login)
    with pytest.raises((NatsError, TimeoutError)):
        async with asyncio.timeout(2):
            await other.request(subjects.ask("edge1"), Question("devices").encode(), timeout=0.5)
    await other.close()
