"""A real `ems hub run` with its bus, in processes of their own, for tests that ask it from outside."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from runtime.children import free_port
from runtime.nats_server import RunningBus, running_bus
from tests.needs import missing

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class HubProcess:
    """One running hub: its address, the password of `admin`, its process and its bus."""

    address: str
    password: str
    process: psutil.Process
    bus: RunningBus


@contextmanager
def running_hub(
    folder: Path,
    roles: str = "api",
    prepare: Callable[[Path], Coroutine[None, None, None]] | None = None,
    config: Path = ROOT / "configs",
) -> Iterator[HubProcess]:
    """The demo site without a plant; `prepare` puts into its state folder what it is to find at its start."""
    with running_bus(folder) as bus:
        port, state, log = free_port(), folder / "hub", folder / "hub.log"
        options = [f"--config={config}", f"--state={state}", f"--keys={bus.config.keys}"]
        ems = [sys.executable, "-m", "ems.main", "hub"]
        made = subprocess.run([*ems, "init", *options], check=True, capture_output=True, text=True, cwd=ROOT)
        password = re.search(r"password: (\S+)", made.stdout)
        assert password is not None, made.stdout
        if prepare is not None:
            asyncio.run(prepare(state))
        command = [*ems, "run", *options, f"--bus={bus.url}", f"--port={port}", f"--roles={roles}"]
        address = f"http://127.0.0.1:{port}"
        with log.open("wb") as said, subprocess.Popen(
            command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        ) as process:  # fmt: skip
            try:
                transport = httpx.HTTPTransport(retries=8)
                with httpx.Client(base_url=address, transport=transport, timeout=30) as client:
                    answer = client.get("/api/v1/health")
                    assert answer.status_code == httpx.codes.OK, log.read_text(errors="replace")
                yield HubProcess(address, password[1], psutil.Process(process.pid), bus)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def need_the_page() -> None:
    """Skip, or fail where nothing may be missing: the page is not built."""
    if not (ROOT / "hub/static/index.html").exists():
        missing("page", "the page is not built (make web)")
