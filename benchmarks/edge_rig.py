"""A real edge on a bench: farm, configuration, bus, agent process, and a hub that counts every row.

The hub of the rig takes rows from the stream as ingest does, keeps each number once, remembers the order of
each lane, and reports what it has. Used by `edge_*` benchmarks and by the tests of the edge's fault rows.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError

from edge_agent.lane import LANE_HEADER
from protocols import subjects
from protocols.coverage import Coverage, RangeSet
from protocols.errors import BusError
from protocols.frame import decode_bundle
from protocols.heartbeat import Heartbeat, decode_heartbeat
from runtime.bus import BusLogin, connect, ensure_streams
from runtime.children import free_port
from runtime.keys import create_signing_key
from runtime.nats_server import BusConfig, NatsServer, seed_file, write_config
from runtime.supervise import heeding

_TEXT: Final = {"en": "x", "zh": "x"}
_LOOK_S: Final = 0.02


@dataclass(slots=True)
class CountingHub:
    """What arrived, by number.

    Attributes:
        samples: Samples of each (journal, seq) of telemetry.
        again: Rows that came although they were there: what the database refuses by its ranges.
        order: Seqs of each (lane, journal) in order of first arrival.
        newest_ns: Highest wall clock of a sample that came by the live lane. [ns]
        beats: Heartbeats.
        receipts: Bodies of receipts and events.
    """

    samples: dict[tuple[str, int], int] = field(default_factory=dict)
    again: int = 0
    order: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    newest_ns: int = 0
    beats: list[Heartbeat] = field(default_factory=list)
    receipts: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _ranges: dict[str, RangeSet] = field(default_factory=lambda: defaultdict(RangeSet))

    async def run(self, client: Client, edge: str = "edge1") -> None:
        """Take rows until cancelled."""

        async def beat(message: Msg) -> None:
            heard = decode_heartbeat(message.data)
            self.beats.append(heard)
            if heard.pending and heard.journal:  # as ingest does: an edge that waits is told again
                await self._tell(client, edge, heard.journal)

        js = client.jetstream()
        await client.subscribe("hb.*", cb=beat)
        config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=5.0, max_ack_pending=4096)
        pull = await js.pull_subscribe("", durable="bench", stream=subjects.STREAM_TELEMETRY, config=config)
        while True:
            try:
                messages = await heeding(pull.fetch(256, timeout=0.2))
            except TimeoutError:
                continue
            touched = {self.take(message) for message in messages}
            for message in messages:
                await message.ack()
            for journal in touched:
                await self._tell(client, edge, journal)

    async def _tell(self, client: Client, edge: str, journal: str) -> None:
        covered = Coverage(edge, journal, tuple(self._ranges[journal].ranges))
        await client.publish(subjects.coverage(edge), covered.encode())

    def take(self, message: Msg) -> str:
        """Count one row; returns its journal."""
        headers = message.headers or {}
        journal, _, digits = headers["Nats-Msg-Id"].rpartition(":")
        seq = int(digits)
        key = (journal, seq)
        if seq in self._ranges[journal]:
            self.again += 1
            return journal
        self._ranges[journal].add(seq)
        lane = headers.get(LANE_HEADER, "")
        self.order[lane, journal].append(seq)
        if subjects.as_sent(message.subject).startswith("rcpt."):
            self.receipts[key] = message.data
            return journal
        bundle = decode_bundle(message.data)
        self.samples[key] = bundle.samples
        if lane == "live":
            self.newest_ns = max(self.newest_ns, *(frame.at.wall_ns for frame in bundle.frames))
        return journal

    @property
    def out_of_order(self) -> int:
        """Rows behind a higher seq of their lane."""
        return sum(
            sum(seq < max(seqs[:at], default=0) for at, seq in enumerate(seqs))
            for seqs in self.order.values()
        )


def write_site(folder: Path, port: int, *, devices: int, floats: int, every_s: float = 1.0) -> None:
    """A site file and a profile for units 1 … `devices` of a farm at `port`."""
    points = [
        {
            "name": f"p{at}_kw", "label": _TEXT, "unit": "kW", "every_s": every_s,
            "address": {"kind": "modbus", "address": 2 * at, "type": "f32"},
        }
        for at in range(floats)
    ]  # fmt: skip
    profile = {"id": "farm", "label": _TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    listed = [
        {
            "id": f"meter{unit}", "label": _TEXT, "profile": "farm",
            "connection": {"kind": "modbus", "host": "127.0.0.1", "port": port, "unit": unit},
        }
        for unit in range(1, devices + 1)
    ]  # fmt: skip
    (folder / "devices").mkdir(parents=True)
    (folder / "sites" / "demo").mkdir(parents=True)
    (folder / "devices" / "farm.yaml").write_text(json.dumps(profile))
    (folder / "sites" / "demo" / "edge1.yaml").write_text(
        json.dumps({"site": "demo", "edge": "edge1", "devices": listed})
    )


@contextmanager
def farm(devices: int, floats: int) -> Iterator[int]:
    """A farm while the block runs; gives its port."""
    process = subprocess.Popen(  # noqa: S603  our own module
        [sys.executable, "-m", "benchmarks.edge_farm", str(devices), str(floats)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with process:
            if process.stdout is None:
                raise BusError("the farm has no output")
            yield int(process.stdout.readline())
            process.kill()
    finally:
        process.kill()


@dataclass(slots=True)
class Rig:
    """Everything but the farm; `folder` holds state, keys and configuration."""

    folder: Path
    bus: NatsServer
    config: BusConfig
    hub: CountingHub
    options: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    bus_port: int | None = None
    bus_url: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    agent: subprocess.Popen[bytes] | None = None

    def start_agent(self) -> int:
        """Start the agent; returns its pid."""
        with (self.folder / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(  # noqa: S603  our own command
                [
                    *self.prefix, sys.executable, "-m", "ems.main", "edge", "run",
                    f"--config={self.folder / 'config'}",
                    f"--state={self.folder / 'edge'}", f"--keys={self.folder / 'keys'}",
                    f"--bus={self.url}", *self.options,
                ],
                stdout=log, stderr=log, env={**os.environ, **self.env},
            )  # fmt: skip
        return self.agent.pid

    async def end_agent(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the agent and wait for its end; the hub goes on meanwhile."""
        if self.agent is not None:
            self.agent.send_signal(how)
            await asyncio.to_thread(self.agent.wait, 30)
            self.agent = None

    def journalled(self) -> tuple[int, int]:
        """Rows ever numbered, and samples ever journalled, by the journal's own count."""
        with sqlite3.connect(f"file:{self.folder / 'edge' / 'journal.db'}?mode=ro", uri=True) as db:
            (rows,) = db.execute("SELECT coalesce(max(last_seq), 0) FROM run").fetchone()
            (samples,) = db.execute("SELECT coalesce(sum(samples), 0) FROM run").fetchone()
        db.close()
        return int(rows), int(samples)

    async def journals(self, more: int, most_s: float = 15.0) -> None:
        """Wait until the journal numbered so many rows more.

        Raises:
            BusError: It did not within `most_s`.
        """
        begun, _ = self.journalled()
        await until(lambda: self.journalled()[0] >= begun + more, most_s, f"{more} rows more in the journal")

    @property
    def url(self) -> str:
        """Where the agent finds the bus."""
        return self.bus_url or f"nats://127.0.0.1:{self.bus_port or self.config.port}"

    async def connect(self) -> Client:
        """A connection of the hub."""
        url = self.bus_url or f"nats://127.0.0.1:{self.config.port}"
        return await connect(BusLogin(url, "hub", seed_file(self.config.keys, "hub")), None)


@asynccontextmanager
async def rig(folder: Path, *, counting: bool = True) -> AsyncIterator[Rig]:
    """Keys, bus with streams, and a hub that counts unless not wanted; the agent is started by the caller."""
    for name in ("commissioning", "hub_sign"):
        create_signing_key(folder / "keys" / f"{name}.key")
    config = BusConfig(folder / "bus", folder / "keys", free_port(), ("edge1",))
    write_config(config)
    server = NatsServer(config)
    server.start()
    made = Rig(folder, server, config, CountingHub())
    client = await made.connect()
    try:
        await ensure_streams(client.jetstream())
        async with asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(_counting(made.hub, client)) if counting else None
            try:
                yield made
            finally:
                while taking is not None and not taking.done():
                    taking.cancel()  # more than once: a fetch that ends at that very moment swallows it
                    await asyncio.wait({taking}, timeout=1.0)
    finally:
        await made.end_agent(signal.SIGKILL)
        with suppress(OSError):  # it may be in the middle of coming back to a bus that was away
            await client.close()
        server.stop()


async def _counting(hub: CountingHub, client: Client) -> None:
    while True:
        try:
            await hub.run(client)
        except (NatsError, APIError, TimeoutError):
            await asyncio.sleep(0.2)


async def until(done: Callable[[], bool], most_s: float, what: str) -> None:
    """Wait for a condition.

    Raises:
        BusError: It did not come true within `most_s`; the sentence names it.
    """
    try:
        async with asyncio.timeout(most_s):
            while not done():  # noqa: ASYNC110  what is waited for happens in other processes
                await asyncio.sleep(_LOOK_S)
    except TimeoutError as error:
        raise BusError(f"{what}: not after {most_s:g} s") from error
