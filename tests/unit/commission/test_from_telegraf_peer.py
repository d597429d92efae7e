"""A real Telegraf and the profiles made of its configuration read the same values of the same server."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice
from typer.testing import CliRunner

from benchmarks.peer_tools import FOLDER, find_tool
from edge_agent.cli import app
from runtime.children import free_port
from tests.needs import missing

pytestmark = pytest.mark.net

ORDERS = {
    1: ("AB", "BA"),
    2: ("ABCD", "DCBA", "BADC", "CDAB"),
    4: ("ABCDEFGH", "HGFEDCBA", "BADCFEHG", "GHEFCDAB"),
}
REGISTER_TYPES = {
    "INT16": (1,), "UINT16": (1,), "UINT8L": (1,), "UINT8H": (1,), "INT32": (2,), "UINT32": (2,),
    "INT64": (4,), "UINT64": (4,), "FIXED": (1, 2, 4), "UFIXED": (1, 2, 4),
    "FLOAT32-IEEE": (2,), "FLOAT64-IEEE": (4,),
}  # fmt: skip
WIRE_TYPES = ("INT16", "UINT16", "INT32", "UINT32", "FLOAT32", "INT64", "UINT64", "FLOAT64")
WIRE_ORDERS = ("ABCD", "DCBA", "BADC", "CDAB")
WORDS = (0x41A3, 0xC348, 0x4012, 0xBF99)
"""Registers of each unit, over and over: usual floats in every order, and bytes that all differ."""

CELLS = 300


def by_register() -> Iterator[str]:
    at = 0
    for kind, widths in REGISTER_TYPES.items():
        scale = 0.5 if kind in {"FIXED", "UFIXED"} else 1.0
        for width in widths:
            for order in ORDERS[width]:
                name = f"{kind.lower().replace('-', '_')}_{order.lower()}"
                cells = list(range(at, at + width))
                said = f'name="{name}", byte_order="{order}", data_type="{kind}", scale={scale}'
                yield f"{{{said}, address={cells}}},"
                at += width


def wire_fields(order: str, *, register: bool) -> Iterator[str]:
    at = 100 * WIRE_ORDERS.index(order) // 2
    which = 'register="holding", ' if register else ""
    for kind in WIRE_TYPES:
        yield f'{{{which}address={at}, name="{kind.lower()}_{order.lower()}", type="{kind}", scale=0.1}},'
        at += {"16": 1, "32": 2, "64": 4}[kind[-2:]]
    for kind in ("UINT8L", "UINT8H") if order in {"ABCD", "DCBA"} else ():
        yield f'{{{which}address={at}, name="{kind.lower()}_{order.lower()}", type="{kind}"}},'
        at += 1
    for bit in (0, 6, 15):
        yield f'{{{which}address={at + bit}, name="bit{bit}_{order.lower()}", type="BIT", bit={bit}}},'


def configuration(port: int) -> str:
    head = f'controller = "tcp://127.0.0.1:{port}"\ntimeout = "2s"\n'
    text = f'[[inputs.modbus]]\nname = "first"\nslave_id = 1\n{head}holding_registers = [\n'
    text += "\n".join(by_register()) + "\n]\n"
    for style, unit in (("request", 2), ("metric", 3)):
        text += f'[[inputs.modbus]]\nname = "{style}"\n{head}configuration_type = "{style}"\n'
        for order in WIRE_ORDERS:
            text += f'[[inputs.modbus.{style}]]\nslave_id = {unit}\nbyte_order = "{order}"\n'
            text += 'register = "holding"\n' if style == "request" else ""
            fields = "\n".join(wire_fields(order, register=style == "metric"))
            text += f"fields = [\n{fields}\n]\n"
    return text


@asynccontextmanager
async def server() -> AsyncIterator[int]:
    port, words = free_port(), [WORDS[at % 4] for at in range(CELLS)]
    units = [
        SimDevice(id=unit, simdata=[SimData(0, values=list(words), datatype=SimType.REGISTERS)])
        for unit in (1, 2, 3)
    ]
    made = ModbusTcpServer(units, address=("127.0.0.1", port))
    await made.serve_forever(background=True)
    try:
        yield port
    finally:
        await made.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


async def said(*command: str | Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()


def fields_of(text: str) -> dict[str, dict[str, float]]:
    """Fields by unit, of the lines that `telegraf --test` prints."""
    found: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        unit = re.search(r"slave_id=(\d+)", line)
        if unit is not None:
            fields = re.findall(r"(\w+)=(-?[0-9.]+(?:e[+-]?\d+)?)[iu]?(?=[, ])", line.split(" ", 2)[2])
            found.setdefault(unit[1], {}).update({name: float(value) for name, value in fields})
    return found


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_a_real_telegraf_reads_what_we_read(tmp_path: Path) -> None:
    tool = find_tool("telegraf")
    if tool is None:
        why = f"telegraf is neither in PATH nor in the folder that {FOLDER} names"
        missing("telegraf", why)
    file, entries = tmp_path / "telegraf.conf", tmp_path / "entries.yaml"
    async with server() as port:
        file.write_text(configuration(port))
        options = ["--id", "taken", "--out", str(tmp_path / "devices"), "--entries", str(entries)]
        made = CliRunner().invoke(
            app, ["profile", "from-telegraf", str(file), "--unit", "*=kW", "--strict", *options]
        )
        assert made.exit_code == 0, made.exception
        site = tmp_path / "sites" / "demo" / "edge1.yaml"
        site.parent.mkdir(parents=True)
        site.write_text("site: demo\nedge: edge1\n" + entries.read_text())
        theirs = fields_of(await said(tool, "--config", file, "--test", "--quiet"))
        for device, unit in (("first", "1"), ("request", "2"), ("metric", "3")):
            read = ("-m", "ems.main", "edge", "read", device, "--config", str(tmp_path), "--json")
            rows = json.loads(await said(sys.executable, *read))
            ours = {row["point"].removesuffix("_kw"): row["value"] for row in rows}
            assert len(ours) == len(theirs[unit]) >= 35
            assert ours == pytest.approx(theirs[unit], rel=1e-6)
