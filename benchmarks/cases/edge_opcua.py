"""CPU of the whole edge agent while it takes 1,000 OPC UA items a second, journal and bus included."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.agent_cpu import core_pct, write_site
from benchmarks.registry import Case, Result
from protocols.errors import ContractError
from protocols.frame import Bundle
from runtime.children import free_port
from runtime.nats_server import running_bus, wait_listening

ITEMS: Final = 1000
_LEAST_FRAC: Final = 0.9


def run() -> Result:
    """Measure the agent's process tree over 30 s.

    Raises:
        ContractError: Values are missing, bad or wrong.
    """
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        folder, port = Path(name), free_port()
        nodes = [{"kind": "opcua", "node": f"ns=2;s=p{item}"} for item in range(ITEMS)]
        connection = {"kind": "opcua", "url": f"opc.tcp://127.0.0.1:{port}/bench"}
        write_site(folder / "config", "opcua", nodes, {"plc": connection})
        with running_bus(folder) as bus, _server(port):
            return Result({"core_pct": asyncio.run(core_pct(folder, bus, check))})


def check(bundles: list[Bundle], seconds: float) -> None:
    """Hold what arrived against what the server holds: item i is the number of the second plus i thousandths.

    Raises:
        ContractError: Values are missing, bad or wrong.
    """
    frames = [frame for bundle in bundles for frame in bundle.frames if len(frame.values) == ITEMS]
    if len(frames) < seconds * _LEAST_FRAC:
        raise ContractError(f"{len(frames)} polls of {ITEMS} items arrived in {seconds:.0f} s")
    thousandths = np.arange(ITEMS) / 1000.0
    for frame in frames:
        seconds_told = frame.values - thousandths
        if frame.qualities.any() or np.ptp(seconds_told) > 1.0 + 1e-9:
            raise ContractError("a poll holds bad or mixed-up values")


@contextmanager
def _server(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.opcua_server", f"--port={port}", f"--items={ITEMS}"]
    process = subprocess.Popen(command)  # noqa: S603  our own module
    try:
        wait_listening("127.0.0.1", port, process, 60.0)
        yield
    finally:
        process.terminate()
        process.wait(10)


CASE: Final = Case(
    "edge_opcua",
    "the whole agent at 1,000 OPC UA items a second, in per cent of a core",
    run,
    {"items": (ITEMS,)},
)
