"""Desired beside reported: signed, sent until answered, decided once by what the edge says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg
from typer.testing import CliRunner
from typing_extensions import override

from hub.cli import app
from hub.database import create_engine, embedded_url, sessions_of
from hub.registry import desired
from hub.registry.check import checked_files
from hub.registry.delivery import MOST_BYTE_S, Delivery
from hub.registry.edge_files import accepted_files
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received, SeriesStore
from protocols import subjects
from protocols.clock import Instant
from protocols.configuration import (
    MOST_BYTES,
    PURPOSE_CONFIGURATION,
    ConfigurationReport,
    Outcome,
    Why,
    decode_configuration,
)
from protocols.heartbeat import Heartbeat
from protocols.saved_box import SavedBox
from protocols.signing import key_id, open_envelope, verify
from runtime.bus import connect
from runtime.clock import SystemClock
from runtime.keys import load_public_key
from runtime.nats_server import RunningBus, running_bus

pytestmark = pytest.mark.net
AT = Instant("b", 1, 2)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RunningBus]:
    with running_bus(tmp_path) as running:
        yield running


def ems(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def hub(tmp_path: Path, configs: Path) -> Path:
    """A hub with its databases made."""
    ems("init", f"--config={configs}", f"--state={tmp_path / 'hub'}", f"--keys={tmp_path / 'keys'}")
    return tmp_path / "hub"


def send(hub: Path, configs: Path, note: str = "") -> str:
    return ems(
        "configuration", "send", "--actor=A. Smith", f"--note={note}", f"--config={configs}",
        f"--state={hub}", f"--keys={hub.parent / 'keys'}",
    )  # fmt: skip


def listed(hub: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(ems("configuration", "list", f"--state={hub}", "--json"))
    return read


def beat(version: int, seen: int, edited: list[str]) -> Heartbeat:
    base = Heartbeat("edge1", "demo", 9, "b", 1, 2, 0)
    return replace(base, config_version=version, config_seen=seen, config_edited=edited)


class Edge:
    """What comes out of an edge, put into the store as ingest does."""

    def __init__(self, store: SeriesStore) -> None:
        self.store = store
        self.seq = 0

    def says(self, version: int, outcome: Outcome, why: Why = Why.NONE, detail: str = "") -> None:
        self.seq += 1
        body = ConfigurationReport("edge1", version, outcome, why, detail, "00", AT).encode()
        self.store.append([Received("edge1", "j", self.seq, configured=body)])


def test_commands_make_the_key_count_versions_and_supersede_what_was_not_sent(
    hub: Path, configs: Path
) -> None:
    assert "config_sign.pub" in send(hub, configs)
    assert "version 2 is wanted" in send(hub, configs, "more")
    rows = listed(hub)["wanted"]
    assert [(row["version"], row["state"]) for row in rows] == [(2, "wanted"), (1, "superseded")]
    assert "never heard" in ems("configuration", "list", f"--state={hub}")


async def test_a_version_is_sent_until_the_edge_answers_and_decided_once(
    hub: Path, configs: Path, bus: RunningBus
) -> None:
    await asyncio.to_thread(send, hub, configs)
    store, engine = open_store(StorePlace(hub / "series.db"), SystemClock()), create_engine(embedded_url(hub))
    client, edge_side = await connect(bus.login("hub")), await connect(bus.login("edge1"))
    got: list[bytes] = []

    async def on(message: Msg) -> None:
        got.append(message.data)

    await edge_side.subscribe(subjects.configuration("edge1"), cb=on)
    await edge_side.flush()
    delivery = Delivery(client, sessions_of(engine), store, "demo", SystemClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(delivery.run())
        async with asyncio.timeout(10):
            while not got:
                await asyncio.sleep(0.02)
        running.cancel()
    _signed_and_whole(got[0], hub.parent / "keys" / "config_sign.pub")
    edge = Edge(store)
    edge.says(1, Outcome.TRYING)
    edge.says(1, Outcome.ROLLED_BACK, Why.WORSE, "meter")
    edge.says(1, Outcome.ACCEPTED)
    await delivery.take_in()
    await delivery.take_in()
    rows = await desired.versions(sessions_of(engine), "demo", "edge1")
    assert [(row.state, row.why, row.detail) for row in rows] == [("rolled_back", "worse", "meter")]
    assert await desired.wanted(sessions_of(engine), "demo") == []
    for each in (client, edge_side):
        await each.close()
    await engine.dispose()
    store.close()


class Quick(SystemClock):
    """Looks as often as it can; its time goes on when it is told to."""

    looks = 0
    at_s = 1_000.0

    @override
    def mono_s(self) -> float:
        return self.at_s

    @override
    async def ticks(self, period_s: float, *, phase_s: float = 0.0) -> AsyncIterator[Instant]:
        while True:
            self.looks += 1
            yield self.now()
            await asyncio.sleep(0.005)


async def test_copies_of_a_version_leave_a_slow_link_room_and_a_new_run_of_the_agent_gets_one_at_once(
    hub: Path, configs: Path, bus: RunningBus
) -> None:
    await asyncio.to_thread(send, hub, configs)
    store, engine = open_store(StorePlace(hub / "series.db"), SystemClock()), create_engine(embedded_url(hub))
    client, edge_side = await connect(bus.login("hub")), await connect(bus.login("edge1"))
    got, clock = list[int](), Quick()

    async def on(message: Msg) -> None:
        got.append(len(message.data))

    async def more(copies: int) -> None:
        async with asyncio.timeout(10):
            while len(got) < copies:
                await asyncio.sleep(0.01)
            looks = clock.looks
            while clock.looks < looks + 5:
                await asyncio.sleep(0.01)
        await client.flush()
        assert len(got) == copies

    await edge_side.subscribe(subjects.configuration("edge1"), cb=on)
    await edge_side.flush()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(Delivery(client, sessions_of(engine), store, "demo", clock).run())
        await more(1)
        clock.at_s += got[0] / MOST_BYTE_S - 0.1
        await more(1)
        clock.at_s += 0.2
        await more(2)
        store.keep_heartbeats({"edge1": (5, beat(0, 0, []).encode())})
        await more(3)
        running.cancel()
    for each in (client, edge_side):
        await each.close()
    await engine.dispose()
    store.close()


def _signed_and_whole(envelope: bytes, file: Path) -> None:
    body, signature = open_envelope(envelope, MOST_BYTES)
    key = load_public_key(file)
    verify(PURPOSE_CONFIGURATION, body, signature, {key_id(key): key}, key_id(key))
    assert "sites/demo/edge1.yaml" in decode_configuration(body).files


async def test_the_hub_goes_on_counting_from_what_the_edge_has_seen_and_saves_its_box(
    hub: Path, configs: Path, bus: RunningBus
) -> None:
    store, engine = open_store(StorePlace(hub / "series.db"), SystemClock()), create_engine(embedded_url(hub))
    client = await connect(bus.login("hub"))
    delivery = Delivery(client, sessions_of(engine), store, "demo", SystemClock())
    store.keep_heartbeats({"edge1": (5, beat(0, 41, []).encode())})
    await delivery.take_in()
    assert "version 42 is wanted" in await asyncio.to_thread(send, hub, configs)
    Edge(store).says(0, Outcome.REFUSED, Why.SIGNATURE)
    await delivery.take_in()
    assert (await asyncio.to_thread(listed, hub))["wanted"][0]["text"]["zh"]
    edited = ["devices/x.yaml"]
    store.keep_heartbeats({"edge1": (6, beat(42, 42, edited).encode())})
    await delivery.take_in()
    assert (await asyncio.to_thread(listed, hub))["reported"]["edited"] == edited
    file = hub.parent / "box.json"
    await asyncio.to_thread(ems, "configuration", "save", str(file), f"--state={hub}")
    saved = SavedBox.model_validate_json(file.read_bytes())
    assert (saved.accepted, saved.agent_epoch, saved.write) == (42, 9, {})
    await client.close()
    await engine.dispose()
    store.close()


async def test_without_a_folder_an_edge_gets_the_accepted_configuration_and_drift_is_told(
    hub: Path, configs: Path
) -> None:
    said = await asyncio.to_thread(
        ems, "configuration", "send", "--actor=A. Smith", f"--state={hub}", f"--keys={hub.parent / 'keys'}"
    )
    assert "version 1 is wanted" in said
    rows = (await asyncio.to_thread(listed, hub))["wanted"]
    assert rows[0]["note"] == "configuration 1."
    engine = create_engine(embedded_url(hub))
    files = await accepted_files(sessions_of(engine), "demo", "edge1")
    assert files.files == checked_files(configs, "demo", "edge1")
    for digest, same in ((files.digest, True), ("00", False)):
        told = replace(beat(1, 1, []), config_digest=digest)
        await desired.note_reported(sessions_of(engine), "demo", [(1, told)])
        accepted = (await asyncio.to_thread(listed, hub))["accepted"]
        assert accepted == {"version": 1, "digest": files.digest, "same": same}
    await engine.dispose()
