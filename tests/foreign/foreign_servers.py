"""Servers of other makers as processes: what they are fed, and the reason when one is missing here.

`EMS_FOREIGN` names a folder made by

    npm install --prefix DIR modbus-serial node-opcua-server node-bacnet aedes mqtt
    python -m venv DIR/venv && DIR/venv/bin/pip install o6 rusty-bacnet

libmodbus needs its headers and a C compiler, mosquitto its program (on the path, or `EMS_MOSQUITTO`).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from protocols.profile import BacnetAddress, MqttAddress, OpcuaAddress
from simulator.profile_device import ProfileDevice
from simulator.profile_image import ProfileImage
from tests.needs import missing

HERE: Final = Path(__file__).parent
_OBJECT_TYPES: Final = {
    "analog-input": 0, "analog-output": 1, "analog-value": 2, "binary-input": 3, "binary-output": 4,
    "binary-value": 5, "multi-state-input": 13, "multi-state-output": 14, "multi-state-value": 19,
}  # fmt: skip


@contextmanager
def running(command: Sequence[str | Path], fed: str, folder: Path) -> Iterator[str]:
    """Run a server that says `ready NAME VERSION` once it listens; gives name and version."""
    modules = Path(os.environ.get("EMS_FOREIGN", "")) / "node_modules"
    environment = {**os.environ, "NODE_PATH": str(modules), "HOME": str(folder)}
    with (folder / "errors.txt").open("w") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(fed)
        process.stdin.close()
        line = next((said for said in process.stdout if said.startswith("ready ")), None)
        assert line is not None, (folder / "errors.txt").read_text()
        yield line.removeprefix("ready ").strip()
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def node(script: str, *words: object) -> list[str | Path]:
    """Command of a server on Node; skips the test where the package is missing."""
    program = shutil.which("node")
    package = {"node_bacnet_server.js": "node-bacnet", "node_opcua_server.js": "node-opcua-server",
               "modbus_serial_server.js": "modbus-serial", "aedes_broker.js": "aedes",
               "mqtt_device.js": "mqtt"}[script]  # fmt: skip
    folder = os.environ.get("EMS_FOREIGN")
    if program is None or folder is None or not (Path(folder) / "node_modules" / package).exists():
        _missing(f"{package} is not here; see foreign_servers.py for EMS_FOREIGN")
    return [str(program), HERE / script, *map(str, words)]


def python(script: str, *words: object) -> list[str | Path]:
    """Command of a server on a Python package of its own; skips the test where it is missing."""
    package = {"open62541_server.py": "o6", "rusty_bacnet_server.py": "rusty_bacnet"}[script]
    folder = Path(os.environ.get("EMS_FOREIGN", "/nothing")) / "venv"
    if not any(folder.glob(f"lib/python3*/site-packages/{package}")):
        _missing(f"{package} is not here; see foreign_servers.py for EMS_FOREIGN")
    return [folder / "bin" / "python", HERE / script, *map(str, words)]


def libmodbus(folder: Path, *words: object) -> list[str | Path]:
    """Command of the server on libmodbus, compiled first; skips the test where that cannot be done."""
    compiler = shutil.which("cc")
    if compiler is None or not any(Path("/usr/include").glob("**/modbus.h")):
        _missing("libmodbus or a C compiler is not here")
    program = folder / "libmodbus_server"
    source = HERE / "libmodbus_server.c"
    command = [str(compiler), str(source), "-o", str(program), "-I/usr/include/modbus", "-lmodbus"]
    subprocess.run(command, check=True, capture_output=True)
    return [program, *map(str, words)]


@contextmanager
def broker(folder: Path, name: str, port: int) -> Iterator[str]:
    """Run an MQTT broker, mosquitto or aedes; gives name and version."""
    if name == "aedes":
        with running(node("aedes_broker.js", port), "", folder) as version:
            yield version
        return
    with _mosquitto(folder, port) as version:
        yield version


@contextmanager
def _mosquitto(folder: Path, port: int) -> Iterator[str]:
    found = os.environ.get("EMS_MOSQUITTO") or shutil.which(
        "mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"
    )
    if found is None:
        _missing("mosquitto is not here")
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    told = subprocess.run([found, "-h"], capture_output=True, text=True, check=False).stdout
    process = subprocess.Popen([found, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        deadline_s = time.monotonic() + 5.0
        while not _listens(port):
            assert time.monotonic() < deadline_s, "mosquitto does not listen"
            time.sleep(0.02)
        yield told.splitlines()[0].replace(" version", "")
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def registers(device: ProfileDevice) -> dict[str, dict[int, int]]:
    """Cells of all tables of a Modbus device."""
    image = ProfileImage(device.profile)
    tables = ("coil", "discrete", "input", "holding")
    return {table: image.laid_out(table, lambda name: device.value(name) or 0.0) for table in tables}


def as_lines(cells: Mapping[str, Mapping[int, int]]) -> str:
    """The same, a line a cell."""
    return "".join(f"{table} {at} {value}\n" for table, row in cells.items() for at, value in row.items())


def variables(device: ProfileDevice) -> str:
    """Variables of an OPC UA device."""
    rows = []
    for spec in device.profile.points:
        at = spec.address
        assert isinstance(at, OpcuaAddress)
        writable = spec.kind == "setpoint"
        rows.append({"node": at.node, "type": at.type, "value": device.raw(spec), "writable": writable})
    return json.dumps(rows)


def objects(device: ProfileDevice) -> str:
    """Objects of a BACnet device."""
    rows = []
    for spec in device.profile.points:
        at = spec.address
        assert isinstance(at, BacnetAddress)
        raw = device.raw(spec)
        value = raw if at.object.startswith("analog") else round(raw)
        row = {"object": at.object, "type": _OBJECT_TYPES[at.object], "instance": at.instance, "value": value}
        rows.append(row | {"writable": at.commandable})
    return json.dumps(rows)


def messages(device: ProfileDevice, prefix: str) -> str:
    """Topics of an MQTT device with their bodies, and the topics it is set by."""
    topics: dict[str, Any] = {}
    sets = {}
    for spec in device.profile.points:
        at = spec.address
        assert isinstance(at, MqttAddress)
        body = topics.setdefault(f"{prefix}/{at.topic}", {})
        *way, last = at.path.split(".")
        for part in way:
            body = body.setdefault(part, {})
        body[last] = device.raw(spec)
        if at.write_topic:
            sets[f"{prefix}/{at.write_topic}"] = f"{prefix}/{at.topic}"
    return json.dumps({"topics": {topic: json.dumps(body) for topic, body in topics.items()}, "sets": sets})


def _missing(why: str) -> NoReturn:
    missing("foreign", why)
