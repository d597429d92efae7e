"""E17: an agent whose loop is blocked is ended by its watchdog, one that leaks by its bound; both come back.

The test plays systemd: it listens for signs of life, kills what gives none, and starts again. What blocks the
loop and what leaks is put into the real agent from outside, by a signal.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.edge_orders import FALLBACK, orders, point, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import set_points
from runtime.clock import SystemClock
from tests.needs import missing

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
WATCHDOG_S = 2.0
STALE_S = 2.0
"""`edge_agent.watchdog.TICK_OLD_S`: so long a tick may be old and still count as a sign of life."""
RESTART_S = 15.0
"""Three times the goal of 5 s, because other tests may run on the machine; the figure is in the report."""
LEASE_S = 4.0
MOST_BYTES = 300_000_000
CGROUPS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
SITECUSTOMIZE = """
import signal, threading, time
def block(*_):
    time.sleep(60)
def leak(*_):
    kept = []
    def grow():
        while True:
            kept.append(bytearray(b"x") * 1_000_000)
            time.sleep(0.005)
    threading.Thread(target=grow, daemon=True).start()
signal.signal(signal.SIGUSR1, block)
signal.signal(signal.SIGUSR2, leak)
"""


class Systemd:
    """Hears the agent's signs of life."""

    def __init__(self, folder: Path) -> None:
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(str(folder / "notify"))
        self._ear.settimeout(0)
        self._clock = SystemClock()
        self.heard_s = self._clock.mono_s()
        self.env = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}

    def starved(self) -> bool:
        """Whether nothing was heard for the period of the watchdog."""
        try:
            while self._ear.recv(100):
                self.heard_s = self._clock.mono_s()
        except BlockingIOError:
            pass
        return self._clock.mono_s() - self.heard_s > WATCHDOG_S

    def close(self) -> None:
        """Listen no more."""
        self._ear.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path)
    yield made
    made.close()


@contextmanager
def bounded_memory() -> Iterator[Path]:
    """A bound as `MemoryMax` of the unit sets it; gives the file that puts a process under it."""
    root = next((path for path in CGROUPS if (path / "memory.limit_in_bytes").exists()), None)
    if root is None or os.geteuid() != 0:
        missing("root", "memory of a process can only be bounded by root, with cgroups of version 1")
    group = root / f"ems_test_{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(MOST_BYTES))
    except OSError as error:
        missing("root", f"no memory bound can be set here: {error}")
    try:
        yield group / "cgroup.procs"
    finally:
        group.rmdir()


async def test_a_blocked_loop_is_ended_by_the_watchdog_and_the_point_goes_to_its_fallback(
    tmp_path: Path, systemd: Systemd, record_property: Callable[[str, object], None]
) -> None:
    clock = SystemClock()
    with farm(1, 4) as port, set_points(1, FALLBACK) as device:
        write_site(tmp_path / "config", port, devices=1, floats=4, every_s=0.5)
        write_set_points(tmp_path / "config", device.port, 1)
        async with rig(tmp_path) as made:
            await prove(made)
            made.env = {**systemd.env, "PYTHONPATH": _sick(tmp_path)}
            made.start_agent()
            async with orders(made, lease_s=LEASE_S) as hub:
                await hub.set(point(0), 50.0)
                await until(lambda: not systemd.starved(), 5, "signs of life")
                assert made.agent is not None
                made.agent.send_signal(signal.SIGUSR1)
                blocked_s = clock.mono_s()
                hub.speaking = False
                await until(systemd.starved, 10, "the end of the signs of life")
                ended_s = clock.mono_s() - blocked_s
                back_s = await _again(made, signal.SIGKILL)
                await until(lambda: device.value(0) == FALLBACK, 10, "the fallback")
                fallback_s = device.written[-1].at_s - blocked_s
    record_property("ended_after_s", round(ended_s, 1))
    record_property("back_after_s", round(back_s, 1))
    record_property("fallback_after_s", round(fallback_s, 1))
    assert ended_s <= WATCHDOG_S + STALE_S
    assert back_s <= RESTART_S
    assert fallback_s <= max(LEASE_S, ended_s + back_s) + 1.5


@pytest.mark.nightly
async def test_a_leak_meets_the_bound_and_the_agent_is_back_with_what_it_had(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with farm(1, 4) as port, bounded_memory() as bound:
        write_site(tmp_path / "config", port, devices=1, floats=4, every_s=0.5)
        async with rig(tmp_path) as made:
            made.env = {"PYTHONPATH": _sick(tmp_path)}
            bound.write_text(str(made.start_agent()))
            await until(lambda: len(made.hub.samples) > 2, 20, "rows")
            assert made.agent is not None
            agent = made.agent
            agent.send_signal(signal.SIGUSR2)
            await until(lambda: agent.poll() is not None, 30, "the end by the bound")
            assert agent.returncode == -signal.SIGKILL
            back_s = await _again(made, signal.SIGKILL)
            await made.end_agent()
            rows, samples = made.journalled()
            here = made.hub
            await until(lambda: len(here.samples) + len(here.receipts) >= rows, 10, f"all {rows} rows")
    record_property("back_after_s", round(back_s, 1))
    assert back_s <= RESTART_S
    assert sum(made.hub.samples.values()) == samples


def _sick(folder: Path) -> str:
    """A folder that makes any Python process block or leak at a signal."""
    (folder / "sick").mkdir()
    (folder / "sick" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    return str(folder / "sick")


async def _again(made: Rig, how: signal.Signals) -> float:
    """Kill and start; seconds to the first row."""
    clock = SystemClock()
    begun_s = clock.mono_s()
    await made.end_agent(how)
    made.start_agent()
    await made.journals(1)
    return clock.mono_s() - begun_s
