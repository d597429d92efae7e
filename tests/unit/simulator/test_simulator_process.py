"""`ems sim` as a process: comes up, takes faults, says clearly what is wrong, and leaves nothing behind."""

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from runtime.children import free_port

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def moved_config(tmp_path: Path) -> Path:
    """The demo's configuration on free ports."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "configs", config)
    file = config / "sites" / "demo" / "edge1.yaml"
    text = file.read_text(encoding="utf-8")
    for port in sorted(set(re.findall(r"\b15[5-9]\d\d\b", text))):
        kind = socket.SOCK_DGRAM if port.startswith("1553") else socket.SOCK_STREAM
        text = text.replace(port, str(free_port(kind)))
    file.write_text(text, encoding="utf-8")
    return config


def _port(config: Path, device: str) -> int:
    text = (config / "sites" / "demo" / "edge1.yaml").read_text(encoding="utf-8")
    found = re.search(rf"id: {device}\n.*\n.*\n.*port: (\d+)", text)
    assert found
    return int(found[1])


async def _ems(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ems.main", "sim", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


async def _answer(*arguments: str) -> tuple[int | None, str]:
    process = await _ems(*arguments)
    out, err = await process.communicate()
    return process.returncode, (out + err).decode()


@asynccontextmanager
async def _running(config: Path, state: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await _ems("run", "--config", str(config), "--state", str(state))
    assert process.stdout
    try:
        async with asyncio.timeout(40.0):
            assert await process.stdout.readline() == b"simulator ready: 16 devices\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _read(port: int) -> bool:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=0.3, retries=0)
    await client.connect()
    try:
        return not (await client.read_input_registers(0, count=4, device_id=1)).isError()
    except ModbusIOException:
        return False
    finally:
        client.close()


async def _until(port: int, wanted: bool) -> None:  # noqa: FBT001  the state that is waited for
    async with asyncio.timeout(10.0):
        while await _read(port) is not wanted:
            await asyncio.sleep(0.05)


async def test_it_serves_takes_a_fault_and_ends_clean_on_sigterm(moved_config: Path, tmp_path: Path) -> None:
    state = tmp_path / "sim"
    async with _running(moved_config, state) as process:
        port = _port(moved_config, "comp1")
        assert await _read(port)
        assert await _answer("fault", "comp1", "silent", "--state", str(state)) == (0, "comp1: silent\n")
        await _until(port, wanted=False)
        await _answer("fault", "comp1", "none", "--state", str(state))
        await _until(port, wanted=True)
        code, text = await _answer("fault", "comp9", "silent", "--state", str(state))
        assert code != 0
        assert "no device 'comp9'; it has: comp1" in text
        memory = psutil.Process(process.pid)
        assert memory.memory_info().rss < 350e6
        children = memory.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15.0):
            assert await process.wait() == 0
        assert not any(child.is_running() for child in children)
        assert (state / "plant.msgpack").exists()


async def test_the_broker_dies_with_a_killed_simulator(moved_config: Path, tmp_path: Path) -> None:
    async with _running(moved_config, tmp_path / "sim") as process:
        (broker,) = psutil.Process(process.pid).children()
        process.kill()
        await process.wait()
        async with asyncio.timeout(5.0):
            while broker.is_running() and broker.status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.05)


async def test_a_simulator_whose_broker_was_killed_ends_and_says_so(
    moved_config: Path, tmp_path: Path
) -> None:
    async with _running(moved_config, tmp_path / "sim") as process:
        (broker,) = psutil.Process(process.pid).children()
        broker.kill()
        async with asyncio.timeout(20.0):
            _, err = await process.communicate()
        assert process.returncode != 0
        assert b"the field broker ended with code -9" in err


async def test_a_taken_port_ends_it_with_one_sentence(moved_config: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", _port(moved_config, "comp3")))
        taken.listen()
        code, text = await _answer("run", "--config", str(moved_config), "--state", str(tmp_path / "sim"))
    assert code != 0
    assert "Modbus server of comp3 cannot use 127.0.0.1:" in text
    assert "Traceback" not in text


async def test_a_missing_site_and_a_state_without_simulator_are_one_sentence(tmp_path: Path) -> None:
    code, text = await _answer("run", "--config", str(tmp_path), "--state", str(tmp_path / "sim"))
    assert code != 0
    assert "site.yaml: no such file" in text
    assert "Traceback" not in text
    code, text = await _answer("fault", "comp1", "silent", "--state", str(tmp_path / "nothing"))
    assert code != 0
    assert "is not the state of a simulator" in text
