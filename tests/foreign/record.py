"""Record exchanges with foreign servers into tests/captures: `python -m tests.foreign.record`."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from edge_agent.drivers import surroundings
from protocols.config import Text
from protocols.device import Device, ModbusSerial, ModbusTcp, Mqtt, OpcUa
from protocols.drivers.modbus.make import make_drivers
from protocols.drivers.mqtt.driver import MqttDriver
from protocols.drivers.opcua.driver import OpcuaDriver
from protocols.profile import OpcuaAddress, PointSpec, Profile
from runtime.children import free_port
from runtime.yaml_config import load_config
from simulator.profile_device import ProfileDevice
from tests.captures.scenes import CELLS, MODBUS, ask_modbus, ask_mqtt
from tests.foreign import foreign_servers as foreign

FOLDER: Final = Path(__file__).parents[1] / "captures"
DEVICES: Final = Path(__file__).parents[2] / "configs" / "devices"


class Log:
    """Bytes of both directions; what follows in the same direction is one line."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, bytearray]] = []

    def add(self, sign: str, data: bytes) -> None:
        """`>` from us, `<` to us."""
        if self.rows and self.rows[-1][0] == sign:
            self.rows[-1][1].extend(data)
        else:
            self.rows.append((sign, bytearray(data)))

    def write(self, file: Path, head: str) -> None:
        """One line a turn."""
        lines = [f"# {head}; > sent, < received", *(f"{sign} {data.hex()}" for sign, data in self.rows)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@asynccontextmanager
async def tcp_tap(port: int, log: Log) -> AsyncIterator[int]:
    """A port that hands everything on to `port` and back, and writes it down."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, sign: str) -> None:
            with suppress(ConnectionError):
                while data := await source.read(65536):
                    log.add(sign, data)
                    target.write(data)
                target.close()

        async with asyncio.TaskGroup() as both:
            both.create_task(pump(reader, far_writer, ">"))
            both.create_task(pump(far_reader, writer, "<"))

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.sleep(0.05)


@asynccontextmanager
async def pty_tap(log: Log) -> AsyncIterator[tuple[str, str]]:
    """Two pseudo-terminals joined by a cable that writes down; the server's end and ours."""
    ends = [os.openpty(), os.openpty()]
    for near, far in ends:
        tty.setraw(far)
        os.set_blocking(near, False)
    loop = asyncio.get_running_loop()

    def passing(source: int, target: int, sign: str) -> Callable[[], None]:
        def go() -> None:
            data = os.read(source, 4096)
            log.add(sign, data)
            os.write(target, data)

        return go

    (server, _), (driver, _) = ends
    loop.add_reader(server, passing(server, driver, "<"))
    loop.add_reader(driver, passing(driver, server, ">"))
    yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    for near, far in ends:
        loop.remove_reader(near)
        os.close(near)
        os.close(far)


def _named(version: str) -> str:
    """A name and version as the name of a file."""
    return version.replace("-", "_").replace(".", "_").replace(" ", "_")


async def modbus(at: ModbusTcp | ModbusSerial) -> None:
    """The scene of Modbus."""
    device = Device(id="dev", label=MODBUS.label, profile=MODBUS.id, connection=at)
    driver = make_drivers({"dev": (device, MODBUS)})["dev"]
    await ask_modbus(driver)
    await driver.close()


async def record_modbus(folder: Path) -> None:
    """libmodbus over TCP and RTU, modbus-serial over TCP."""
    port = free_port()
    for command, fed, unit in (
        (foreign.libmodbus(folder, "tcp", port), foreign.as_lines(CELLS), 1),
        (foreign.node("modbus_serial_server.js", port, 3), json.dumps(CELLS), 3),
    ):
        log = Log()
        with foreign.running(command, fed, folder) as version:
            async with tcp_tap(port, log) as tapped:
                await modbus(ModbusTcp(host="127.0.0.1", port=tapped, unit=unit))
        log.write(FOLDER / "modbus" / f"{_named(version)}_tcp.txt", f"{version}, Modbus TCP, unit {unit}")
    log = Log()
    async with pty_tap(log) as (theirs, ours):
        command = foreign.libmodbus(folder, "rtu", theirs, 19200, "N", 7)
        with foreign.running(command, foreign.as_lines(CELLS), folder) as version:
            await modbus(ModbusSerial(port=ours, baud=19200, unit=7))
    log.write(
        FOLDER / "modbus" / f"{_named(version)}_rtu.txt", f"{version}, RTU at a pseudo-terminal, unit 7"
    )


async def record_mqtt(folder: Path) -> None:
    """A device on mqtt.js behind mosquitto and behind aedes."""
    profile = load_config(DEVICES / "solara_pv500.yaml", Profile)
    device = ProfileDevice(profile, Mqtt(host="127.0.0.1"), lambda: 0.0, still=True)
    fed = json.loads(foreign.messages(device, "plant/dev"))
    fed["topics"]["plant/dev/ac"] = json.dumps({"power_w": -8400, "energy_kwh": 48210.5})
    for broker in ("mosquitto", "aedes"):
        port, log = free_port(), Log()
        with foreign.broker(folder, broker, port) as version:
            command = foreign.node("mqtt_device.js", port)
            with foreign.running(command, json.dumps(fed), folder) as publisher:
                async with tcp_tap(port, log) as tapped:
                    place = Mqtt(host="127.0.0.1", port=tapped, prefix="plant/dev")
                    driver = MqttDriver(place, "edge1_dev", profile.points, surroundings(folder))
                    await driver.open()
                    await ask_mqtt(driver, profile)
                    await driver.close()
        log.write(
            FOLDER / "mqtt" / f"{_named(version)}.txt", f"{version}, publisher {publisher}, solara_pv500"
        )


async def record_open62541(folder: Path) -> None:
    """open62541, read once."""
    names = [*(f"A{number}" for number in range(5)), "Set", "Nope"]
    values = [38.0, 38.1, 38.2, 38.3, 38.4, 1.5]
    rows = [{"node": f"ns=2;s={name}", "type": "double", "value": value, "writable": name == "Set"}
            for name, value in zip(names, values, strict=False)]  # fmt: skip
    port, log = free_port(), Log()
    label = Text(en="x", zh="x")
    points = [PointSpec(name=f"{name.lower()}_kw", label=label, unit="kW",
                        address=OpcuaAddress(node=f"ns=2;s={name}")) for name in names]  # fmt: skip
    with foreign.running(foreign.python("open62541_server.py", port), json.dumps(rows), folder) as version:
        async with tcp_tap(port, log) as tapped:
            driver = OpcuaDriver(OpcUa(url=f"opc.tcp://127.0.0.1:{tapped}/x"), surroundings(folder))
            reading = await driver.read(points)
            heard = len(log.rows)
            await driver.close()
    assert reading.source_ns is not None
    received = [data.hex() for sign, data in log.rows[:heard] if sign == "<"]
    told = {
        "from": f"open62541 through {version}, no security: what it sent while {', '.join(names)} were read",
        "names": names, "space": 2, "values": [*reading.values.tolist()[:-1], None],
        "qualities": reading.qualities.tolist(), "source_ns": reading.source_ns.tolist(),
        "messages": received,
    }  # fmt: skip
    (FOLDER / "opcua" / f"open62541_{_named(version)}.json").write_text(
        json.dumps(told) + "\n", encoding="utf-8"
    )


async def main() -> None:
    """All of them."""
    with tempfile.TemporaryDirectory() as folder:
        for record in (record_modbus, record_mqtt, record_open62541):
            await record(Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
