"""A write by hand keeps all rules of a command: signed limits, a proof, the limits, the local switch."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result
from typing_extensions import override

from edge_agent.cli import app
from edge_agent.commission.testwrite import WriteLines, permit, write_and_return
from edge_agent.settings import Place, load_accepted
from protocols.driver import Reading
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError
from runtime.clock import VirtualClock
from runtime.keys import create_signing_key

PROFILE = """\
id: acme_ctl
label: {en: Controller, zh: 控制器}
protocol: modbus
equipment: chiller
points:
  - name: supply_set_c
    label: {en: Set-point, zh: 设定值}
    unit: °C
    kind: setpoint
    address: {kind: modbus, address: 20, type: i16}
    scale: 0.1
    low: 4
    high: 20
"""
SITE = """\
site: plant1
edge: edge1
devices:
  - id: ctl1
    label: {en: Controller, zh: 控制器}
    profile: acme_ctl
    connection: {kind: modbus, host: 127.0.0.1, port: PORT}
"""
BLOCK = """\
site: plant1
edge: edge1
device: ctl1
revision: 1
points:
  - {point: supply_set_c, unit: °C, low: 6, high: 10, settle_s: 0, fallback: {kind: value, value: 7}}
"""


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Configuration, keys and state of an edge whose one device is signed and proven on the wire."""
    root = tmp_path_factory.mktemp("edge")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    for name, text in (
        ("configs/devices/acme_ctl.yaml", PROFILE),
        ("configs/sites/plant1/edge1.yaml", SITE.replace("PORT", port)),
        ("configs/sites/plant1/write/ctl1.yaml", BLOCK),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for key in ("commissioning", "hub_sign"):
        create_signing_key(root / "keys" / f"{key}.key")
    profile = str(root / "configs/devices/acme_ctl.yaml")
    command = [
        sys.executable,
        "-m",
        "ems.main",
        "sim",
        "profile",
        profile,
        "--port",
        port,
        "--still",
        "--json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        shown = json.loads(process.stdout.readline())["values"]["supply_set_c"]
        compare = ["commission", "ctl1", "--person", "A. Smith", "--shown", f"supply_set_c={shown}"]
        done = CliRunner().invoke(
            app,
            [*compare, "--config", str(root / "configs"), "--site", "plant1", "--state", str(root / "state")],
        )
        assert done.exception is None, done.exception
        done = _run(root, "prove", "--person", "A. Smith", "--sign")
        assert done.exception is None, done.exception
        yield root
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _run(root: Path, *words: str, state: str = "state") -> Result:
    place = ["--config", str(root / "configs"), "--site", "plant1", "--keys", str(root / "keys")]
    return CliRunner().invoke(app, [*words, *place, "--state", str(root / state)])


def _place(root: Path, state: str = "state") -> Place:
    return Place(root / "configs", "plant1", "edge1", root / state, root / "keys", "")


@pytest.mark.net
def test_a_write_is_read_back_and_taken_back(proven: Path) -> None:
    done = _run(proven, "write", "ctl1", "supply_set_c", "8.5", "--hold-s", "0")
    assert done.exception is None, done.exception
    lines = done.output.splitlines()
    assert lines[0].endswith("supply_set_c: was 7")
    assert "8.5 °C read back after" in lines[1]
    assert "given back, reads 7 after" in lines[2]


@pytest.mark.net
def test_a_value_outside_the_limits_is_refused_before_anything_is_sent(proven: Path) -> None:
    done = _run(proven, "write", "ctl1", "supply_set_c", "12")
    assert "found 12; allowed is 6 to 10 °C" in str(done.exception)


@pytest.mark.net
def test_a_device_without_proof_is_not_written(proven: Path) -> None:
    shutil.copytree(proven / "state" / "write", proven / "unproven" / "write")
    done = _run(proven, "write", "ctl1", "supply_set_c", "8", state="unproven")
    assert "no valid fallback proof" in str(done.exception)


@pytest.mark.net
def test_a_device_without_signed_limits_is_read_only(proven: Path) -> None:
    done = _run(proven, "write", "ctl1", "supply_set_c", "8", state="empty")
    assert "is read-only: it has no signed limits" in str(done.exception)


@pytest.mark.net
def test_a_limit_that_was_changed_after_signing_is_refused(proven: Path) -> None:
    shutil.copytree(proven / "state" / "write", proven / "forged" / "write")
    file = proven / "forged" / "write" / "ctl1.json"
    signed = json.loads(file.read_text(encoding="utf-8"))
    signed["block"]["points"][0]["high"] = 90.0
    file.write_text(json.dumps(signed), encoding="utf-8")
    done = _run(proven, "write", "ctl1", "supply_set_c", "80", state="forged")
    assert "not signed by the commissioning key" in str(done.exception)


class Stubborn(WriteLines):
    """Lines to a device that takes a write and does something else."""

    def __init__(self) -> None:
        self.written: list[float | None] = []

    @override
    async def read(self, device: str, points: Sequence[str]) -> Reading:
        raise DeviceUnreachableError("nobody asked for this")

    @override
    async def write(self, device: str, point: str, value: float | None) -> None:
        self.written.append(value)

    @override
    async def read_back(self, device: str, point: str) -> float | None:
        return 5.0


class Hurrying(VirtualClock):
    """Time passes as soon as somebody waits for it."""

    @override
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@pytest.mark.net
async def test_a_device_that_does_not_follow_gets_its_fallback_again(proven: Path) -> None:
    lines, told = Stubborn(), list[str]()
    allowed = permit(load_accepted(_place(proven)), "ctl1", "supply_set_c", 8.0)
    with pytest.raises(BadAnswerError, match="reads 5, not 8"):
        await write_and_return(allowed, lines, Hurrying(), 0.0, told.append)
    assert lines.written == [8.0, 7.0]
    assert "7 was written to give it back" in told[-1]


@pytest.mark.net
async def test_a_device_that_refuses_is_told_as_it_said(proven: Path) -> None:
    class Refusing(Stubborn):
        @override
        async def write(self, device: str, point: str, value: float | None) -> None:
            raise DeviceRefusedError("exception 4")

    told: list[str] = []
    allowed = permit(load_accepted(_place(proven)), "ctl1", "supply_set_c", 8.0)
    with pytest.raises(DeviceRefusedError, match="exception 4"):
        await write_and_return(allowed, Refusing(), VirtualClock(), 0.0, told.append)
    assert "could NOT be given back" in told[-1]
