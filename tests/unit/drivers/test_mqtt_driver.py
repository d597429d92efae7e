"""The MQTT driver against a real broker (the MQTT listener of nats-server) and a publishing client."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from protocols.config import Text
from protocols.device import Mqtt
from protocols.driver import Surroundings
from protocols.drivers.mqtt.codec import decode_number, encode_setpoint, time_ns
from protocols.drivers.mqtt.driver import MqttDriver
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError
from protocols.profile import MqttAddress, PointSpec
from protocols.quality import Quality
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.nats_server import server_binary, wait_listening
from runtime.passwords import read_secret

pytestmark = pytest.mark.net


def point(
    name: str,
    topic: str,
    path: str = "",
    write_topic: str | None = None,
    *,
    time_path: str = "",
    qos: int = 0,
    **more: object,
) -> PointSpec:
    where = MqttAddress(topic=topic, path=path, write_topic=write_topic, time_path=time_path, qos=qos)
    return PointSpec.model_validate(
        {"name": name, "label": Text(en=name, zh=name), "unit": "kW", "address": where, **more}
    )


POWER = point("power_kw", "ac", "power_w", scale=0.001)
SET = point("set_kw", "limit", "value", "limit/set")
OTHER = point("other_kw", "other")
STAMPED = point("stamped_kw", "stamped", "v.0", time_path="at")
SURE = point("sure_kw", "sure", qos=1)
POINTS = (POWER, SET, OTHER, STAMPED, SURE)


def now_ns() -> int:
    return SystemClock().now().wall_ns


@contextmanager
def broker(folder: Path, port: int, more: str = "", users: str = "") -> Iterator[None]:
    config = folder / "broker.conf"
    config.write_text(
        f'server_name: f\nlisten: "127.0.0.1:-1"\njetstream {{ store_dir: "{folder}/js" }}\n'
        f"mqtt {{ host: 127.0.0.1, port: {port}, {more} }}\n{users}\n"
    )
    process = subprocess.Popen([server_binary(), "-c", config, "-l", folder / "log"])
    try:
        wait_listening("127.0.0.1", port, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def driver_at(
    port: int, stale_after_s: float = 5.0, state: Path = Path("no_such_folder"), **more: object
) -> AsyncIterator[MqttDriver]:
    said = {"host": "127.0.0.1", "port": port, "prefix": "demo/pv1", "stale_after_s": stale_after_s, **more}
    driver = MqttDriver(
        Mqtt.model_validate(said),
        "ems_pv1",
        POINTS,
        Surroundings(state, now_ns, partial(read_secret, state)),
    )
    try:
        yield driver
    finally:
        await driver.close()


async def until_told(driver: MqttDriver, point: PointSpec) -> float:
    async with asyncio.timeout(10):
        while True:
            with suppress(DeviceUnreachableError):
                return float((await driver.read([point])).values[0])


async def test_the_last_message_of_each_topic_is_read(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port) as driver:
            await driver.open()
            await device.publish("demo/pv1/ac", b'{"power_w": 1}', qos=1)
            await device.publish("demo/pv1/ac", b'{"power_w": 2500}', qos=1)
            await device.publish("demo/pv1/limit", b"this is no JSON", qos=1)
            reading = await driver.read(POINTS)
            while reading.qualities[1] == Quality.BAD_UNREACHABLE:
                reading = await driver.read(POINTS)
    assert np.array_equal(reading.values[:3], [2.5, np.nan, np.nan], equal_nan=True)
    assert reading.qualities[:3].tolist() == [0, Quality.BAD_ANSWER, Quality.BAD_UNREACHABLE]


async def test_a_message_that_grew_old_is_bad(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port, stale_after_s=0.05) as driver:
            await driver.open()
            await device.publish("demo/pv1/ac", b'{"power_w": 1}', qos=1)
            assert (await driver.read([POWER])).qualities.tolist() == [0]
            await asyncio.sleep(0.05)
            with pytest.raises(DeviceUnreachableError, match="publishes nothing"):
                await driver.read([POWER])


async def test_a_write_is_read_back_from_a_message_newer_than_itself(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port) as driver:
            await driver.open()
            await device.subscribe("demo/pv1/limit/set", qos=1)
            await driver.write(SET, 0.5)
            asked = await anext(device.messages)
            await device.publish("demo/pv1/limit", b'{"value": 1.0}', qos=1)  # was under way
            await device.publish("demo/pv1/limit", asked.payload, qos=1)
            assert await driver.read_back(SET) == 0.5
            await device.publish("demo/pv1/limit", b'{"value": 1.0}', qos=1)
            while await driver.read_back(SET) != 1.0:
                pass


async def test_a_device_that_keeps_its_own_value_is_seen(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port) as driver:
            await driver.write(SET, 0.5)
            for _ in range(2):
                await device.publish("demo/pv1/limit", b'{"value": 1.0}', qos=1)
            assert await driver.read_back(SET) == 1.0


async def test_bytes_of_the_wire_are_counted_over_sessions(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with driver_at(port) as driver:
            assert (driver.traffic().sent_bytes, driver.traffic().heard_bytes) == (0, 0)
            await driver.open()
            first = (driver.traffic().sent_bytes, driver.traffic().heard_bytes)
            await driver.close()
            await driver.open()
            again = (driver.traffic().sent_bytes, driver.traffic().heard_bytes)
    assert min(first) > 0
    assert again > (first[0] * 1.5, first[1] * 1.5)


async def test_a_broker_that_was_restarted_is_used_again(tmp_path: Path) -> None:
    port = free_port()
    async with driver_at(port) as driver:
        with pytest.raises(DeviceUnreachableError):
            await driver.open()
        with broker(tmp_path, port):
            await driver.open()
        with pytest.raises(DeviceUnreachableError):
            await driver.read([POWER])
        with broker(tmp_path, port):
            await driver.open()
            async with aiomqtt.Client("127.0.0.1", port) as device:
                await device.publish("demo/pv1/ac", b'{"power_w": 1000}', qos=1)
                assert (await driver.read([POWER])).values.tolist() == [1.0]


async def test_what_cannot_be_written_is_refused() -> None:
    async with driver_at(free_port()) as driver:
        with pytest.raises(DeviceRefusedError, match="null"):
            await driver.write(SET, None)
        with pytest.raises(DeviceRefusedError, match="write topic"):
            await driver.write(POWER, 1.0)
        with pytest.raises(DeviceRefusedError):
            await driver.write(SET, float("nan"))


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["", "value", "a.b.c"]))
def test_every_set_point_survives_the_wire(value: float, path: str) -> None:
    assert decode_number(encode_setpoint(point("a_kw", "t", path), value), path) == value


@given(st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5,
).map(lambda body: json.dumps(body).encode())))  # fmt: skip
def test_any_body_is_a_number_nothing_or_a_bad_answer(body: bytes) -> None:
    try:
        found = decode_number(body, "a")
    except BadAnswerError:
        return
    assert found is None or isinstance(found, float)


async def test_a_retained_value_is_as_old_as_its_stamp_says_or_uncertain(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        fresh = json.dumps({"v": [7.5], "at": now_ns() // 1_000_000}).encode()
        async with aiomqtt.Client("127.0.0.1", port) as device:
            await device.publish("demo/pv1/ac", b'{"power_w": 1000}', qos=1, retain=True)
            await device.publish("demo/pv1/stamped", fresh, qos=1, retain=True)
            async with driver_at(port) as driver:
                reading = await driver.read([POWER, STAMPED])
                assert reading.values.tolist() == [1.0, 7.5]
                assert reading.qualities.tolist() == [Quality.UNCERTAIN_STALE, 0]
                assert reading.source_ns is not None
                assert reading.source_ns.tolist() == [0, json.loads(fresh)["at"] * 1_000_000]
                await device.publish("demo/pv1/ac", b'{"power_w": 2000}', qos=1)
                while (reading := await driver.read([POWER, STAMPED])).values[0] != 2.0:
                    pass
                assert reading.qualities.tolist() == [0, 0]
            old = json.dumps({"v": [7.5], "at": "2026-01-01T00:00:00Z"}).encode()
            await device.publish("demo/pv1/stamped", old, qos=1, retain=True)
            async with driver_at(port) as driver:
                reading = await driver.read([POWER, STAMPED])
                assert reading.qualities.tolist() == [Quality.UNCERTAIN_STALE, Quality.BAD_UNREACHABLE]


def cut(client: aiomqtt.Client) -> None:
    """End the connection without a word, as a power cut would."""
    wire = client._client.socket()
    assert isinstance(wire, socket.socket)
    wire.shutdown(socket.SHUT_RDWR)


async def test_the_last_will_of_the_device_makes_every_point_bad(tmp_path: Path) -> None:
    port = free_port()
    will = aiomqtt.Will("demo/pv1/status", b"offline", qos=1, retain=True)
    with broker(tmp_path, port):
        async with (
            driver_at(port, availability={"topic": "status"}) as driver,
            aiomqtt.Client("127.0.0.1", port, will=will) as device,
        ):
            await driver.open()
            await device.publish("demo/pv1/status", b"online", qos=1, retain=True)
            await device.publish("demo/pv1/ac", b'{"power_w": 1000}', qos=1)
            assert (await driver.read([POWER])).values.tolist() == [1.0]
            cut(device)
            with pytest.raises(DeviceUnreachableError, match="last will"):
                async with asyncio.timeout(5):
                    while True:
                        await driver.read([POWER])
                        await asyncio.sleep(0.01)
        async with (
            driver_at(port, availability={"topic": "status"}) as driver,
            aiomqtt.Client("127.0.0.1", port) as device,
        ):
            with pytest.raises(DeviceUnreachableError, match="last will"):
                await driver.read([POWER])
            await device.publish("demo/pv1/status", b"online", qos=1, retain=True)
            await device.publish("demo/pv1/ac", b'{"power_w": 2000}', qos=1)
            async with asyncio.timeout(5):
                while True:
                    try:
                        assert (await driver.read([POWER])).values.tolist() == [2.0]
                        break
                    except DeviceUnreachableError:
                        continue


async def test_a_resumed_session_gets_what_was_told_while_it_was_away(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port, 'ack_wait: "500ms"'):  # what the ended session got comes again
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port, resume=True) as driver:
            await driver.open()
            await driver.close()
            await device.publish("demo/pv1/sure", b"7", qos=1)
            assert (await until_told(driver, SURE)) == 7.0


async def test_a_topic_that_is_not_allowed_is_refused_alone(tmp_path: Path) -> None:
    port = free_port()
    users = (
        'authorization { users = [ { user: "ems", permissions: { publish: ">", '
        'subscribe: { deny: ["demo.pv1.other"] } }, password: "x" } ] }'
    )
    (tmp_path / "password").write_text("x")
    (tmp_path / "password").chmod(0o600)
    login = {"user": "ems", "password": {"file": "password"}, "plain": True}
    with broker(tmp_path, port, users=users):
        async with (
            aiomqtt.Client("127.0.0.1", port, username="ems", password="x") as device,  # noqa: S106  of this test's broker
            driver_at(port, state=tmp_path, login=login) as driver,
        ):
            await driver.open()
            await device.publish("demo/pv1/ac", b'{"power_w": 1000}', qos=1)
            reading = await driver.read([POWER, OTHER])
    assert reading.qualities.tolist() == [0, Quality.BAD_REFUSED]


async def test_however_many_messages_came_the_newest_of_each_topic_is_read(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        async with aiomqtt.Client("127.0.0.1", port) as device, driver_at(port) as driver:
            await driver.open()
            await device.publish("demo/pv1/other", b"42", qos=1)
            for power_w in range(1500):
                await device.publish("demo/pv1/ac", json.dumps({"power_w": power_w}).encode())
            await device.publish("demo/pv1/ac", b'{"power_w": 9000}', qos=1)
            async with asyncio.timeout(5):
                while (await driver.read([POWER, OTHER])).values.tolist() != [9.0, 42.0]:
                    pass


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho drops the socket of a failed handshake
async def test_a_broker_with_tls_asks_for_password_and_certificate(tmp_path: Path) -> None:
    port = free_port()
    make_certificates(tmp_path)
    (tmp_path / "password").write_text("right\n")
    (tmp_path / "password").chmod(0o600)
    tls = (
        f'tls {{ cert_file: "{tmp_path}/broker.crt", key_file: "{tmp_path}/broker.key", '
        f'ca_file: "{tmp_path}/ca.crt", verify: true }}'
    )
    users = 'authorization { users = [ { user: "ems", password: "right" } ] }'
    good: dict[str, Any] = {
        "login": {"user": "ems", "password": {"file": "password"}},
        "tls": {"ca_file": "ca.crt", "client": {"certificate": "client.crt", "key": "client.key"}},
    }
    with broker(tmp_path, port, tls, users):
        async with driver_at(port, state=tmp_path, **good) as driver:
            await driver.open()
        monkey = {**good, "login": {"user": "other", "password": {"file": "password"}}}
        stranger = {**good, "tls": {"client": {"certificate": "client.crt", "key": "client.key"}}}
        missing = {**good, "login": {"user": "ems", "password": {"file": "nowhere"}}}
        for wrong, match in ((monkey, "[Nn]ot authori"), (stranger, "CERTIFICATE"), (missing, "nowhere")):
            async with driver_at(port, state=tmp_path, **wrong) as driver:
                with pytest.raises(DeviceUnreachableError, match=match):
                    await driver.open()


def make_certificates(folder: Path) -> None:
    """An authority, and what it signed for broker and client."""
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    authority = ec.generate_private_key(ec.SECP256R1())
    for name in ("ca", "broker", "client"):
        key = authority if name == "ca" else ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin.replace(year=2060))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(authority, hashes.SHA256())
        )
        (folder / f"{name}.crt").write_bytes(made.public_bytes(Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )


def test_a_time_stamp_is_read_in_each_common_form() -> None:
    at_ns = 1_772_366_400_250_000_000
    right: list[object] = [1_772_366_400.25, 1_772_366_400_250, 1_772_366_400_250_000, at_ns]
    for told in [*right, "2026-03-01T12:00:00.250Z", "1772366400250"]:
        assert time_ns({"t": told}, "t") == at_ns
    wrong: list[object] = ["2026-03-01T12:00:00", "soon", None, -1, {}, 10**400]
    for told in wrong:
        assert time_ns({"t": told}, "t") == 0
    assert time_ns({}, "t") == 0


def test_numbers_in_quotes_and_in_lists_are_found() -> None:
    assert decode_number(b'{"a": ["x", {"b": " -1.5e2 "}]}', "a.1.b") == -150.0
    for body in (b'{"a": "nan"}', b'{"a": "1_0"}', b'{"a": ""}', b'{"a": [1]}'):
        with pytest.raises(BadAnswerError):
            decode_number(body, "a")
