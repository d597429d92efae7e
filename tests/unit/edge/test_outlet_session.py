"""The outlet at a real broker, which dies without warning; read by a plain client and by a Sparkplug host."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
import pytest

from edge_agent.drivers import surroundings
from edge_agent.outlet.newest import Newest
from edge_agent.outlet.session import Account, OutletSession, greet
from edge_agent.outlet.stage import made_teller
from edge_agent.poll import PollGroup
from protocols.access import Sparkplug
from protocols.config import Text
from protocols.device import Device, EdgeDevices, Mqtt
from protocols.drivers.mqtt.sparkplug_driver import SparkplugDriver
from protocols.errors import DeviceError
from protocols.frame import Catalogue, Frame
from protocols.outlet import Outlet
from protocols.profile import MqttAddress, PointSpec
from protocols.quality import Quality
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.nats_server import server_binary, wait_listening
from runtime.supervise import Backoff
from tests.unit.drivers.test_mqtt_driver import make_certificates

pytestmark = pytest.mark.net
NAMES = ("a_kw", "b_kw")
CATALOGUE = Catalogue("demo", "comp1", NAMES, ("kW", "kW"), ("measurement", "measurement"))
GROUP = PollGroup("comp1", "modbus", 1.0, NAMES, CATALOGUE, CATALOGUE.hash())
CLOCK = SystemClock()


class Broker:
    """nats-server's MQTT listener, which can be killed and frozen."""

    def __init__(self, folder: Path, users: str = "", tls: str = "") -> None:
        self.port = free_port()
        self._folder = folder
        (folder / "broker.conf").write_text(
            f'server_name: f\nlisten: "127.0.0.1:-1"\njetstream {{ store_dir: "{folder}/js" }}\n'
            f"mqtt {{ host: 127.0.0.1, port: {self.port} {tls} }}\n{users}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self._folder / "broker.conf"
        self._process = subprocess.Popen([server_binary(), "-c", config, "-l", self._folder / "log"])
        wait_listening("127.0.0.1", self.port, self._process)

    def send(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


@contextmanager
def broker(folder: Path, users: str = "", tls: str = "") -> Iterator[Broker]:
    one = Broker(folder, users, tls)
    one.start()
    try:
        yield one
    finally:
        one.kill()


def session_at(port: int, folder: Path, **more: object) -> OutletSession:
    outlet = Outlet.model_validate({"host": "127.0.0.1", "port": port, **more})
    at = Mqtt(host="127.0.0.1")
    device = Device(id="comp1", label=Text(en="x", zh="x"), profile="x", connection=at)
    edge = EdgeDevices(site="demo", edge="edge1", devices=(device,), outlet=outlet)
    newest = Newest(outlet, (GROUP,))
    account = Account("ems_demo_edge1", folder, Backoff(0.1, 0.4))
    return OutletSession(outlet, newest, made_teller(edge, outlet, newest, CLOCK), account)


def poll(*values: float) -> Frame:
    numbers = np.array(values)
    codes = np.where(np.isnan(numbers), Quality.BAD_UNREACHABLE, Quality.GOOD).astype(np.uint8)
    return Frame(GROUP.hash, CLOCK.now(), numbers, codes)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(session: OutletSession) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        try:
            yield
        finally:
            task.cancel()


@asynccontextmanager
async def reader(port: int, topic: str, name: str | None = None) -> AsyncIterator[list[tuple[str, Any]]]:
    """Everything that is heard below a topic; the broker keeps it meanwhile for a reader with a name."""
    heard: list[tuple[str, Any]] = []

    async def hear(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            text = bytes(message.payload).decode()
            heard.append((message.topic.value, json.loads(text) if text.startswith("{") else text))

    own = aiomqtt.Client("127.0.0.1", port, identifier=name, clean_session=name is None)
    async with own as client, asyncio.TaskGroup() as tasks:
        await client.subscribe(topic, qos=1)
        task = tasks.create_task(hear(client))
        try:
            yield heard
        finally:
            task.cancel()


async def test_samples_are_told_and_a_late_reader_finds_the_newest_and_whether_it_counts(
    tmp_path: Path,
) -> None:
    shape = {"kind": "point", "topic": "p/{device}/{point}", "qos": 1, "retain": True}
    with broker(tmp_path) as there:
        session = session_at(there.port, tmp_path, shape=shape, status_topic="p/status")
        async with running(session):
            session.offer(poll(1.5, np.nan))
            session.offer(poll(2.5, np.nan))
            await until(lambda: session.meter.sent >= 4)
            async with reader(there.port, "p/#") as heard:
                await until(lambda: len(heard) >= 3)
        found = dict(heard)
        assert found["p/status"] == "online"
        assert (found["p/comp1/a_kw"]["value"], found["p/comp1/a_kw"]["quality"]) == (2.5, "good")
        assert (found["p/comp1/b_kw"]["value"], found["p/comp1/b_kw"]["quality"]) == (None, "bad_unreachable")
        async with reader(there.port, "p/status") as heard:
            await until(lambda: bool(heard))
        assert heard == [("p/status", "offline")]


async def test_a_killed_broker_costs_the_oldest_only_and_the_newest_is_told_after_it_came_back(
    tmp_path: Path,
) -> None:
    with broker(tmp_path) as there:
        shape = {"kind": "device", "topic": "d/{device}", "qos": 1}
        session = session_at(there.port, tmp_path, shape=shape, queue=5, status_topic="d/status")
        async with running(session):
            session.offer(poll(0, 0))
            await until(lambda: session.meter.sent >= 2)
            async with reader(there.port, "d/comp1", "late"):
                pass
            there.kill()
            await until(lambda: not session.meter.connected)
            assert session.meter.why
            for value in range(1, 21):
                session.offer(poll(value, value))
            assert (session.meter.waiting, session.meter.dropped) == (5, 30)
            there.start()
            async with reader(there.port, "d/comp1", "late") as heard:
                await until(lambda: len(heard) >= 6)
            assert session.meter.sessions == 2
    told = [body["values"]["a_kw"] for _, body in heard]
    assert told == [16.0, 17.0, 18.0, 19.0, 20.0, 20.0]  # what waited, then the newest of all


async def test_a_sparkplug_host_sees_birth_data_and_death_across_a_killed_broker(tmp_path: Path) -> None:
    with broker(tmp_path) as there:
        shape = {"kind": "sparkplug", "group": "plant", "node": "n1"}
        session = session_at(there.port, tmp_path, shape=shape)
        below = Sparkplug(group="plant", node="n1", device="comp1")
        place = Mqtt(host="127.0.0.1", port=there.port, sparkplug=below)
        host = SparkplugDriver(place, below, "host", surroundings(tmp_path))
        try:
            await host.open()
            async with running(session):
                session.offer(poll(1.0, np.nan))
                await seen(host, [1.0, np.nan])
                session.offer(poll(2.0, 7.0))
                await seen(host, [2.0, 7.0])
                there.kill()
                session.offer(poll(3.0, 7.0))
                there.start()
                await seen(host, [3.0, 7.0])
                session.offer(poll(np.nan, np.nan))
                await dead(host)
                session.offer(poll(4.0, 4.0))
                await seen(host, [4.0, 4.0])
            await dead(host)  # an orderly end says so too
        finally:
            await host.close()
        assert session.meter.sessions == 2


def metric(name: str) -> PointSpec:
    where = MqttAddress(metric=name)
    return PointSpec(name=name, label=Text(en=name, zh=name), unit="kW", address=where)


async def seen(host: SparkplugDriver, values: list[float]) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                reading = await host.read([metric(name) for name in NAMES])
            except DeviceError:
                await asyncio.sleep(0.02)
                continue
            if np.array_equal(reading.values, values, equal_nan=True):
                assert (reading.qualities[np.isnan(values)] >= 128).all()
                return


async def dead(host: SparkplugDriver) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await host.read([metric("a_kw")])
            except DeviceError as error:
                if "is dead" in str(error):
                    return
            await asyncio.sleep(0.01)


async def test_nobody_can_command_it_and_a_rebirth_is_the_only_wish_that_is_heard(tmp_path: Path) -> None:
    with broker(tmp_path) as there:
        session = session_at(there.port, tmp_path, shape={"kind": "sparkplug", "group": "plant"})
        newest = session._newest
        async with running(session), aiomqtt.Client("127.0.0.1", there.port) as stranger:
            session.offer(poll(1.0, 2.0))
            await until(lambda: session.meter.sent > 0)
            before = session.meter.messages
            command = b"\x12\x11\x0a\x04a_kw\x20\x0a\x69" + bytes(8)
            for kind in ("DCMD/demo_edge1/comp1", "NCMD/demo_edge1", "NCMD/demo_edge1"):
                await stranger.publish(f"spBv1.0/plant/{kind}", command, qos=1)
            session.offer(poll(1.5, 2.0))
            await until(lambda: session.meter.messages == before + 1)
            rebirth = bytes.fromhex("121a") + b"\x0a\x14Node Control/Rebirth\x20\x0b\x70\x01"
            await stranger.publish("spBv1.0/plant/NCMD/demo_edge1", rebirth, qos=1)
            await until(lambda: session.meter.messages == before + 3)  # NBIRTH and DBIRTH
        assert newest.devices["comp1"].values.tolist() == [1.5, 2.0]


async def test_user_and_password_come_from_a_file_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    users = 'authorization { users = [ {user: ems, password: "right one"} ] }'
    with broker(tmp_path, users) as there:
        login = {"user": "ems", "password": {"file": "broker"}, "plain": True}
        session = session_at(there.port, tmp_path, login=login)
        assert str(tmp_path / "broker") in await greet(session._outlet, session._account)
        secret = tmp_path / "broker"
        secret.write_text("wrong one\n")
        secret.chmod(0o600)
        assert await greet(session._outlet, session._account) != ""
        secret.write_text("right one\n")
        assert await greet(session._outlet, session._account) == ""
        async with running(session):
            session.offer(poll(1.0, 2.0))
            await until(lambda: session.meter.sent >= 2)


async def test_a_frozen_broker_holds_up_nobody_and_hears_the_newest_once_it_goes_on(tmp_path: Path) -> None:
    with broker(tmp_path) as there:
        shape = {"kind": "point", "topic": "p/{device}/{point}", "qos": 1}
        session = session_at(there.port, tmp_path, shape=shape, queue=5)
        async with running(session), reader(there.port, "p/#") as heard:
            session.offer(poll(0, 0))
            await until(lambda: session.meter.sent >= 2)
            there.send(signal.SIGSTOP)
            begun_s = CLOCK.mono_s()
            for value in range(1, 501):
                session.offer(poll(value, value))
                await asyncio.sleep(0)  # as the poller does between two polls
            assert CLOCK.mono_s() - begun_s < 2.0
            assert (session.meter.waiting, session.meter.dropped) >= (4, 2 * 490)
            there.send(signal.SIGCONT)
            await until(lambda: ("p/comp1/b_kw", 500.0) in [(topic, body["value"]) for topic, body in heard])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as in test_mqtt_driver.py
async def test_tls_asks_for_the_authority_of_the_broker_and_for_our_certificate(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    tls = f'cert_file: "{tmp_path}/broker.crt", key_file: "{tmp_path}/broker.key"'
    with broker(tmp_path, tls=f', tls {{ {tls}, ca_file: "{tmp_path}/ca.crt", verify: true }}') as there:
        client = {"certificate": "client.crt", "key": "client.key"}
        good = session_at(there.port, tmp_path, tls={"ca_file": "ca.crt", "client": client})
        stranger = session_at(there.port, tmp_path, tls={"client": client})
        missing = session_at(there.port, tmp_path, tls={"ca_file": "nowhere.crt"})
        assert await greet(good._outlet, good._account) == ""
        assert "CERTIFICATE" in await greet(stranger._outlet, stranger._account)
        assert await greet(missing._outlet, missing._account) != ""
        async with running(good):
            good.offer(poll(1.0, 2.0))
            await until(lambda: good.meter.sent >= 2)


def test_taking_a_poll_costs_the_poller_microseconds(tmp_path: Path) -> None:
    async def offer() -> float:
        session = session_at(1, tmp_path, queue=100)
        one = poll(1.0, 2.0)
        begun_s = CLOCK.mono_s()
        for _ in range(2000):
            session.offer(one)
        assert (session.meter.waiting, session.meter.dropped) == (100, 2 * 1900)
        return (CLOCK.mono_s() - begun_s) / 2000

    assert asyncio.run(offer()) < 0.001
