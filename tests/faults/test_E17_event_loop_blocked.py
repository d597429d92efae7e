"""E17: a blocked event loop tells systemd nothing, so it is restarted; the unit is as closed as promised."""

from __future__ import annotations

import re
import select
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from benchmarks.edge_rig import farm, rig, until, write_site
from tests.needs import missing

UNITS = Path(__file__).resolve().parents[2] / "systemd"
MOST_EXPOSURE = 1.5


@pytest.mark.net
@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_the_watchdog_is_fed_while_the_agent_works_and_starves_when_it_stands(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with farm(1, 4) as port, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(0)
        heard: list[bytes] = []
        write_site(tmp_path / "config", port, devices=1, floats=4, every_s=0.5)
        async with rig(tmp_path) as bench:
            bench.env = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}
            bench.start_agent()
            await until(lambda: _hear(ear, heard).count(b"WATCHDOG=1") >= 4, 20, "signs of life")
            assert heard[0] == b"READY=1"
            assert bench.agent is not None
            bench.agent.send_signal(signal.SIGSTOP)  # what a blocked loop looks like from outside
            stopped = psutil.Process(bench.agent.pid)
            await until(lambda: stopped.status() == psutil.STATUS_STOPPED, 5, "the agent stands still")
            _hear(ear, heard)
            before = len(heard)
            silent, _, _ = select.select([ear], [], [], 1.5)  # longer than the period of the watchdog
            assert (silent, len(_hear(ear, heard)) - before) == ([], 0)
            bench.agent.send_signal(signal.SIGCONT)


def _hear(ear: socket.socket, heard: list[bytes]) -> list[bytes]:
    while select.select([ear], [], [], 0)[0]:
        heard.append(ear.recv(100))
    return heard


@pytest.mark.parametrize("serial", [False, True], ids=["network", "serial"])
def test_the_unit_is_hardened(tmp_path: Path, *, serial: bool) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        missing("systemd-analyze", "it is not installed here")
    text = (UNITS / "ems-edge.service").read_text()
    if serial:
        text += (UNITS / "ems-edge-serial.conf").read_text()
    unit = tmp_path / "ems-edge.service"
    unit.write_text(text)
    said = subprocess.run(
        [tool, "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True, check=False
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", said.stdout)
    if found is None:
        missing("systemd-analyze", f"this systemd-analyze does not rate files: {said.stderr.strip()[:200]}")
    assert float(found[1]) <= MOST_EXPOSURE
