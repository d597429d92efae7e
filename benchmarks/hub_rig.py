"""Real roles of the hub beside a rig: ingest, dispatch and the API, processes on one state folder.

The site is a grid, a load and the set-points of `benchmarks/edge_orders.py`, so nothing but people's orders
asks for anything. Orders are placed as the API places them: a row, then a nudge.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from nats.aio.client import Client
from nats.aio.msg import Msg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.edge_orders import point, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import SetPointServer, set_points
from hub.auth.tables import UserRow
from hub.command.election import Claim, decode_claim
from hub.database import create_engine, sessions_of
from hub.ledger import book, orders
from hub.ledger.moves import VERIFIED
from hub.ledger.orders import Order, Origin
from hub.ledger.tables import CommandRow
from hub.preparing import prepare
from hub.roles.options import RoleOptions
from protocols.command import CommandKind
from protocols.errors import BusError, ContractError
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.subjects import event
from runtime.bus_seat import Bucket, Seat
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.logs import setup_logging

SITE: Final = "demo"
FIRST_C: Final = 20.0
HOLD_S: Final = 600.0
_READY_S: Final = 30.0
_SITE_FILE: Final = {
    "id": SITE, "label": {"en": "x", "zh": "x"}, "time_zone": "Europe/Berlin", "currency": "EUR",
    "latitude": 48.0, "longitude": 11.0, "mode": "advice", "edges": ["edge1"],
}  # fmt: skip
_FLOWSHEET: Final = {
    "nodes": {"bus": {"carrier": "electricity"}},
    "units": {"grid1": {"kind": "grid", "node": "bus", "import_max_kw": 100.0},
              "process": {"kind": "load", "node": "bus"},
              "main": {"kind": "meter", "electricity_node": "bus", "of": ["grid1"],
                       "bindings": {"power_kw": "meter1/p0_kw"}}},
}  # fmt: skip
_SHARED: Final = Path(__file__).resolve().parents[1] / "configs"

Role = Literal["ingest", "dispatch", "api"]


@dataclass(slots=True)
class HubRig:
    """The hub of a rig.

    Attributes:
        edge: Bus, edge and folder.
        options: Command line of the roles.
        sessions: The business database.
        bus: A connection of the hub.
        device: What the set-points are written to.
        roles: Running roles.
        beats: Heartbeats heard, with when. [s, boot clock]
        password: Of the person `admin`.
    """

    edge: Rig
    options: RoleOptions
    sessions: book.Sessions
    bus: Client
    device: SetPointServer
    password: str = ""
    roles: list[subprocess.Popen[bytes]] = field(default_factory=list)
    beats: list[tuple[float, Heartbeat]] = field(default_factory=list)
    clock: SystemClock = field(default_factory=SystemClock)

    def start(self, role: Role) -> subprocess.Popen[bytes]:
        """Start a role; its log is beside the others."""
        path = self.edge.folder / f"{role}.{len(self.roles)}.log"
        with path.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-m", "hub.cli", "role", role, *self.options.arguments()],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.roles.append(process)
        return process

    async def end(self, process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
        """End a role and wait for its end; a stopped one as well."""
        if process in self.roles:
            self.roles.remove(process)
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(process.wait, 30)

    async def claim(self) -> Claim | None:
        """What the record on the bus says of who leads."""
        record = await Seat(self.bus, SITE, 5.0, Bucket()).read()
        return None if record is None else decode_claim(record.body)

    async def leader(self, epoch: int = 0, most_s: float = _READY_S) -> Claim:
        """The claim of the leader, waited for until its epoch is above.

        Raises:
            BusError: Nobody leads within `most_s`.
        """
        try:
            async with asyncio.timeout(most_s):
                while True:
                    claim = await self.claim()
                    if claim is not None and claim.ballot and claim.epoch > epoch:
                        return claim
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise BusError(f"nobody leads with an epoch above {epoch} after {most_s:g} s") from error

    async def place(self, number: int, value: float, *, for_s: float = HOLD_S) -> Order:
        """Ask for a value as a person, the way the API does."""
        now_ns = self.clock.now().wall_ns
        wanted = Order(
            SITE, CommandKind.SET, point(number), value, "°C", None, "bench", "admin",
            until_ns=now_ns + round(for_s * 1e9),
        )  # fmt: skip
        placed = await orders.place(self.sessions, wanted, Origin("admin", "bench"), now_ns)
        await self.bus.publish(event(SITE, "order"), b"")
        return placed

    async def commands(self, order: Order) -> list[CommandRow]:
        """Commands that carry an order out."""
        async with self.sessions() as session:
            found = await session.execute(select(CommandRow).where(CommandRow.order_id == order.id))
            return list(found.scalars())

    async def verified(self, order: Order, most_s: float = 15.0) -> CommandRow:
        """Wait until the ledger says that an order was read back.

        Raises:
            ContractError: It was refused or failed.
            BusError: It was not within `most_s`.
        """
        until_s = self.clock.mono_s() + most_s
        while self.clock.mono_s() < until_s:
            for row in await self.commands(order):
                if row.verdict == VERIFIED:
                    return row
                if row.verdict is not None:
                    raise ContractError(f"{row.point} ended {row.verdict}: {row.code}")
            await asyncio.sleep(0.02)
        said = await orders.find(self.sessions, SITE, order.id)
        raise BusError(
            f"{order.target} is not verified after {most_s:g} s: {said and (said.state, said.code)}"
        )

    async def on_beat(self, message: Msg) -> None:
        """Note a heartbeat."""
        self.beats.append((self.clock.mono_s(), decode_heartbeat(message.data)))


@asynccontextmanager
async def hub_rig(
    folder: Path, points: int, *, lease_s: float = 10.0, dwell_s: float = 0.0, meters: int = 5
) -> AsyncIterator[HubRig]:
    """A proven edge at work and its hub with ingest; `dispatch` and `api` are started by the caller.

    Meters with 20 points each are polled every second meanwhile.

    Args:
        folder: Empty; everything is below.
        points: Set-points of the one device.
        lease_s: How long a silent hub that leads stays undisputed. [s]
        dwell_s: Shortest time between two changes of the last set-point. [s]
        meters: How many meters.

    Raises:
        BusError: Something does not start.
    """
    setup_logging("bench", "WARNING")
    with set_points(points, FIRST_C) as device, farm(meters, 20) as port:
        write_site(folder / "config", port, devices=meters, floats=20)
        write_set_points(folder / "config", device.port, points, dwell_s=dwell_s)
        _write_hub_files(folder / "config")
        async with rig(folder, counting=False) as made:
            await prove(made, FIRST_C)
            async with _hub_of(made, device, lease_s) as hub:
                made.start_agent()
                hub.start("ingest")
                await until(lambda: _ready(hub), _READY_S, "a heartbeat with proven set-points")
                yield hub


@asynccontextmanager
async def _hub_of(made: Rig, device: SetPointServer, lease_s: float) -> AsyncIterator[HubRig]:
    options = RoleOptions(
        made.folder / "config", SITE, made.folder / "hub", f"nats://127.0.0.1:{made.config.port}",
        made.folder / "keys", free_port(), leader_lease_s=lease_s,
    )  # fmt: skip
    said: list[str] = []
    await asyncio.to_thread(prepare, options, said.append)
    engine = create_engine(options.business_url)
    client = await made.connect()
    hub = HubRig(made, options, sessions_of(engine), client, device, said[0].rpartition(" ")[2])
    try:
        await client.subscribe("hb.edge1", cb=hub.on_beat)
        yield hub
    finally:
        for role in list(hub.roles):
            await hub.end(role)
        await client.close()
        await engine.dispose()


async def add_person(session: AsyncSession, name: str) -> None:
    """A second person who may command; without a password nobody signs in as them."""
    session.add(UserRow(name=name, role="operator", password=secrets.token_hex(16), changed_ns=0))


def _ready(hub: HubRig) -> bool:
    return bool(hub.beats) and "setter" in hub.beats[-1][1].cap_hashes


def _write_hub_files(config: Path) -> None:
    folder = config / "sites" / SITE
    (folder / "site.yaml").write_text(json.dumps(_SITE_FILE), encoding="utf-8")
    (folder / "flowsheet.yaml").write_text(json.dumps(_FLOWSHEET), encoding="utf-8")
    for kind in ("tariffs", "emissions"):
        (config / kind).mkdir()
        (config / kind / f"{SITE}.yaml").symlink_to(_SHARED / kind / f"{SITE}.yaml")
