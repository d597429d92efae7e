"""CPU of the whole edge agent while it polls 1,000 BACnet points a second, journal and bus included."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from benchmarks.agent_cpu import core_pct, cpu_s, write_site
from benchmarks.registry import Case, Result
from protocols.errors import ContractError
from protocols.frame import Bundle
from runtime.children import free_port
from runtime.nats_server import running_bus

DEVICES: Final = 10
POINTS: Final = 100
_PEER_S: Final = 15.0
_LEAST_FRAC: Final = 0.95
_F32_FAULT: Final = 1e-3


def run() -> Result:
    """Measure the agent's process tree over 30 s, then bacpypes3 on the same devices over 15 s.

    Raises:
        ContractError: Values are missing, bad or wrong.
    """
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        folder, ports = Path(name), _free_ports()
        objects = [
            {"kind": "bacnet", "object": "analog-input", "instance": item} for item in range(1, POINTS + 1)
        ]
        write_site(folder / "config", "bacnet", objects, _connections(ports))
        with running_bus(folder) as bus, _child("bacnet_responder", f"--ports={_joined(ports)}"):
            ours = asyncio.run(core_pct(folder, bus, check))
            plain = _plain(ports)
    return Result({"core_pct": ours}, {"bacpypes3_plain": {"core_pct": plain}})


def _connections(ports: list[int]) -> dict[str, dict[str, Any]]:
    return {
        f"d{port}": {"kind": "bacnet", "host": "127.0.0.1", "port": port, "device_instance": 100 + at}
        for at, port in enumerate(ports)
    }


def check(bundles: list[Bundle], seconds: float) -> None:
    """Hold what arrived against what the devices hold: item i is a number of seconds plus i thousandths.

    Raises:
        ContractError: Values are missing, bad or wrong.
    """
    frames = [frame for bundle in bundles for frame in bundle.frames]
    if len(frames) < DEVICES * seconds * _LEAST_FRAC:
        raise ContractError(f"{len(frames)} polls of {POINTS} points arrived in {seconds:.0f} s")
    thousandths = np.arange(1, POINTS + 1) / 1000.0
    for frame in frames:
        told = frame.values - thousandths
        if frame.qualities.any() or float(np.abs(told - np.round(told)).max()) > _F32_FAULT:
            raise ContractError("a poll holds bad or mixed-up values")


def _plain(ports: list[int]) -> float:
    options = (f"--ports={_joined(ports)}", f"--points={POINTS}", f"--polls={round(_PEER_S)}")
    with _child("bacnet_plain", *options) as peer:
        begin_s = cpu_s(psutil.Process(peer.pid))
        end_s = begin_s
        for line in peer.stdout or ():
            if line.startswith("done"):
                end_s = cpu_s(psutil.Process(peer.pid))
    if end_s == begin_s:
        raise ContractError("bacpypes3 did not read all it was asked to")
    return (end_s - begin_s) / _PEER_S * 100.0


def _free_ports() -> list[int]:
    return [free_port(socket.SOCK_DGRAM) for _ in range(DEVICES)]


def _joined(ports: list[int]) -> str:
    return ",".join(str(port) for port in ports)


@contextmanager
def _child(module: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """One of our own modules as a process that has said `ready`."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own module
        try:
            if process.stdout is None or not process.stdout.readline().startswith("ready"):
                raise ContractError(f"{module} did not start")
            yield process
        finally:
            process.terminate()


CASE: Final = Case(
    "edge_bacnet",
    "the whole agent at 1,000 BACnet points a second, in per cent of a core",
    run,
    {"devices": (DEVICES,), "points_a_device": (POINTS,)},
)
