"""Browsing a real OPC UA server and making a profile of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.server.server import Server
from typer.testing import CliRunner

from edge_agent.commission.opcua import known_unit, profile_text
from edge_agent.commission.opcua_cli import app, browse_device
from edge_agent.drivers import surroundings
from protocols.config import Text
from protocols.device import Device, OpcUa
from protocols.driver import Driver
from protocols.drivers.opcua.browse import Variable, browse
from protocols.drivers.opcua.driver import OpcuaDriver
from protocols.errors import ConfigError, DeviceRefusedError
from protocols.profile import Profile
from runtime.children import free_port
from runtime.yaml_config import load_config

pytestmark = pytest.mark.net


@asynccontextmanager
async def server(port: int) -> AsyncIterator[None]:
    """Two machines with the same names below, one of them with units and ranges."""
    made = Server()
    await made.init()
    made.set_endpoint(f"opc.tcp://127.0.0.1:{port}/test")
    made.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await made.register_namespace("urn:maker:plc")
    for number in (1, 2):
        machine = await made.nodes.objects.add_object(index, f"Machine {number}")
        power = await machine.add_variable(index, "Power", 12.5)
        unit = ua.EUInformation(DisplayName=ua.LocalizedText("kW"))
        await power.add_property(0, "EngineeringUnits", unit)
        await power.add_property(0, "EURange", ua.Range(Low=0.0, High=250.0))
        state = await machine.add_variable(index, "State", ua.Variant(3, ua.VariantType.Int32))
        await state.set_writable()
        await machine.add_variable(index, "Name", "Compressor")
        await machine.add_variable(index, "Trend", [1.0, 2.0])
    async with made:
        yield


async def found_at(port: int, state: Path, **more: object) -> tuple[Variable, ...]:
    return await browse(OpcUa(url=f"opc.tcp://127.0.0.1:{port}/test"), surroundings(state), **more)  # type: ignore[arg-type]  # start or most


async def test_every_variable_is_found_with_its_type_unit_and_range(tmp_path: Path) -> None:
    port = free_port()
    async with server(port):
        found = await found_at(port, tmp_path)
        power = next(one for one in found if one.path == "Machine 1/Power")
        assert (power.type, power.unit, power.low, power.high) == ("double", "kW", 0.0, 250.0)
        assert power.node.startswith("nsu=urn:maker:plc;")
        assert power.value == "12.5"
        by_path = {one.path: one for one in found}
        assert by_path["Machine 2/State"].writable
        assert not by_path["Machine 2/Power"].writable
        assert {by_path[f"Machine 1/{name}"].type for name in ("Name", "Trend")} == {""}
        assert not any(path.startswith("Server/") for path in by_path)
        with pytest.raises(DeviceRefusedError, match="start at a deeper node"):
            await found_at(port, tmp_path, most=3)
        with pytest.raises(DeviceRefusedError, match="no node ns=2;s=Nope"):
            await found_at(port, tmp_path, start="ns=2;s=Nope")
        below = await found_at(port, tmp_path, start=power.node)
        assert [one.node for one in below] == []


async def test_the_rows_of_a_device_name_its_points() -> None:
    port = free_port()
    text = Text(en="x", zh="x")
    power = {"name": "p_kw", "label": text, "unit": "kW", "address": {"kind": "opcua", "node": "ns=2;i=2"}}
    profile = Profile.model_validate(
        {"id": "plc", "label": text, "protocol": "opcua", "equipment": "meter", "points": [power]}
    )
    device = Device(
        id="plc", label=text, profile="plc", connection=OpcUa(url=f"opc.tcp://127.0.0.1:{port}/test")
    )
    async with server(port):
        rows = await browse_device(device, profile)
    assert [row["path"] for row in rows if row["point"] == "p_kw"] == ["Machine 1/Power"]


async def test_the_profile_of_a_subtree_is_read_back_from_the_same_server(tmp_path: Path) -> None:
    port = free_port()
    async with server(port):
        text = profile_text(await found_at(port, tmp_path), "maker_plc", "PLC", "compressor_fixed", "test")
        (tmp_path / "maker_plc.yaml").write_text(text)
        profile = load_config(tmp_path / "maker_plc.yaml", Profile)
        assert [spec.name for spec in profile.points] == ["power_kw", "machine_2_power_kw"]
        assert "# Machine 1/State: now 3" in text
        place = OpcUa(url=f"opc.tcp://127.0.0.1:{port}/test")
        driver: Driver = OpcuaDriver(place, surroundings(tmp_path))
        assert (await driver.read(profile.points)).values.tolist() == [12.5, 12.5]
        await driver.close()


@pytest.fixture
def serving() -> Iterator[int]:
    """The server in a thread of its own, since a command runs its own loop."""
    port, ready = free_port(), threading.Event()
    loop, end = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with server(port):
            ready.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(15)
    yield port
    loop.call_soon_threadsafe(end.set)
    thread.join(15)
    loop.close()


def test_the_command_lists_variables_and_refuses_a_wrong_address(serving: int, tmp_path: Path) -> None:
    run, url = CliRunner(), f"opc.tcp://127.0.0.1:{serving}/test"
    told = run.invoke(app, ["browse", url, "--state", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert "r  double   Machine 1/Power  12.5 kW  GOOD  nsu=urn:maker:plc;" in told.output
    assert "9 variables, 4 of them numbers" in told.output
    for wrong in (
        ["http://x"],
        [url, "--user", "ems", "--password-env", "X"],
        [url, "--security", "Basic128"],
    ):
        failed = run.invoke(app, ["browse", *wrong])
        assert isinstance(failed.exception, ConfigError)


def test_a_unit_that_is_not_certain_is_no_unit() -> None:
    assert [known_unit(text) for text in ("bar", "mW", "", "m³/min", "widgets")] == [None] * 5
    with pytest.raises(ConfigError, match="none of the 1 numbers"):
        profile_text([Variable("a/b", "ns=2;i=1", type="double")], "a", "a", "meter", "x")


def test_names_are_unique_and_end_in_their_unit(tmp_path: Path) -> None:
    paths = ["Plant/1.Motor/Leistung [kW]", "Plant/2.Motor/Leistung [kW]", "温度/功率", "温度/功率", "x" * 80]
    some = [Variable(path, f"ns=2;i={number}", type="float", unit="kW") for number, path in enumerate(paths)]
    (tmp_path / "maker_plc.yaml").write_text(profile_text(some, "maker_plc", "PLC", "meter", "test"))
    names = [spec.name for spec in load_config(tmp_path / "maker_plc.yaml", Profile).points]
    assert len(set(names)) == 5
    assert names[0] == "leistung_kw"
