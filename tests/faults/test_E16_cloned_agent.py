"""E16: a clone of a box's disk comes up beside it: one of the two writes, the other only reads."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from benchmarks.slow_link import slow_link
from edge_agent.contest import LEASE_S, Claimant, Contest, Raise, Record, Take, Wait, decode_claimant
from protocols.errors import ContractError
from protocols.heartbeat import Heartbeat, decode_heartbeat
from runtime.children import free_port
from tests.flow.air_station import FREE, Hub, agent, at_work, shows, until, write_configs

_WRITES = (5, 6, 15, 16)
DETECT_S = 15.0
ME, TWIN = Claimant("boota:1:2", "run_a", 5), Claimant("bootb:1:9", "run_b", 6)


def test_a_free_record_is_taken_and_that_of_ones_own_is_kept() -> None:
    contest = Contest(ME)
    assert contest.look(None, 0.0) == Take(0)
    assert contest.look(Record(7, ME), 3.0) == Take(7)


def test_an_earlier_run_of_the_same_box_is_replaced_at_once() -> None:
    assert Contest(ME).look(Record(7, Claimant(ME.box, "run_0", 4)), 0.0) == Take(7)


def test_the_record_of_another_box_is_waited_for_until_it_stands_still_for_a_lease() -> None:
    contest, holder = Contest(TWIN), ME
    assert contest.look(Record(7, holder), 100.0) == Wait(holder)
    assert contest.look(Record(8, holder), 108.0) == Wait(holder), "it was renewed"
    assert contest.look(Record(8, holder), 108.0 + LEASE_S - 0.1) == Wait(holder)
    assert contest.look(Record(8, holder), 108.0 + LEASE_S) == Take(8)


def test_no_two_agents_ever_have_the_record_with_the_same_epoch() -> None:
    contest, holder = Contest(ME), Claimant(TWIN.box, "run_c", ME.epoch)
    contest.look(Record(3, holder), 0.0)
    assert contest.look(Record(3, holder), LEASE_S) == Raise(ME.epoch)
    own = Claimant(ME.box, "run_0", 9)
    assert Contest(ME).look(Record(4, own), 0.0) == Raise(9), "a state folder that was put back"


def test_a_record_comes_back_and_another_thing_is_none() -> None:
    assert decode_claimant(ME.encode()) == ME
    for data in (b"", b"\xc1", b"\x93\x01\xa1a\xa1b", ME.encode().replace(b"\x01", b"\x02", 1)):
        with pytest.raises(ContractError, match="record of an edge's agent"):
            decode_claimant(data)


@dataclass
class Machine:
    """The same machine as the clone sees it: a door of its own, so that its writes can be told apart."""

    port: int
    writes: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async def note(
            function: int,
            _start: int,
            address: int,
            _count: int,
            _now: list[int],
            new: list[int] | list[bool] | None,
        ) -> ExcCodes | None:
            if function in _WRITES and new:
                self.writes.append(address)
            return None

        registers = SimData(0, values=[67, 2, 12, 2, FREE, 2, 0], datatype=SimType.REGISTERS)
        server = ModbusTcpServer(
            SimDevice(id=1, simdata=[registers], action=note), address=("127.0.0.1", self.port)
        )
        await server.serve_forever(background=True)
        try:
            yield
        finally:
            await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


def clone_of(folder: Path, clone: Path, port: int) -> None:
    """The disk of the box: configuration, state and keys; the journal is new, as at each kernel boot."""
    for name in ("config", "edge", "keys"):
        shutil.copytree(folder / name, clone / name, ignore=shutil.ignore_patterns("journal*", "lock"))
    write_configs(clone / "config", port)


def of(hub: Hub, *, read_only: bool) -> list[Heartbeat]:
    return [beat for beat in hub.beats if beat.read_only is read_only]


@pytest.mark.net
@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_clone_only_reads_and_says_so_until_the_other_is_gone(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    box, clone = tmp_path / "box", tmp_path / "clone"
    async with at_work(box) as station:
        hub, machine = station.hub, station.machine
        await shows(machine, 67, 30.0)
        first = hub.beats[-1]
        seen = Machine(free_port())
        clone_of(box, clone, seen.port)
        async with seen.open():
            begun_s = asyncio.get_running_loop().time()
            with agent(clone, station.bus_port):
                await until(lambda: bool(of(hub, read_only=True)), DETECT_S)
                detected_s = asyncio.get_running_loop().time() - begun_s
                said = of(hub, read_only=True)[-1]
                assert (
                    f"another agent runs with the id edge1 (start {first.agent_epoch}"
                    in said.troubles[-1].detail
                )
                assert said.agent_epoch > first.agent_epoch, "its start counts on, and gives it no right"
                beats = len(of(hub, read_only=False))
                await until(lambda: len(of(hub, read_only=False)) >= beats + 2)
                assert seen.writes == [], "the clone wrote while the other was alive"
                assert {beat.agent_epoch for beat in of(hub, read_only=False)} == {first.agent_epoch}
                station.process.send_signal(signal.SIGSTOP)  # alive for its devices, silent for the bus
                await until(lambda: bool(seen.writes), LEASE_S + 10.0)
                await until(lambda: of(hub, read_only=False)[-1].agent_epoch > first.agent_epoch)
                hub.beats.clear()
                station.process.send_signal(signal.SIGCONT)
                await until(lambda: len(of(hub, read_only=True)) >= 3, DETECT_S)
                await shows(machine, 67, 0.5)  # its outputs had run out: nothing was written in their place
        record_property("detected_s", round(detected_s, 1))


@pytest.mark.net
@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(120)
async def test_a_clone_behind_a_slow_link_waits_for_the_word_of_the_bus(tmp_path: Path) -> None:
    box, clone = tmp_path / "box", tmp_path / "clone"
    async with at_work(box) as station:
        hub = station.hub
        await shows(station.machine, 67, 30.0)
        seen = Machine(free_port())
        clone_of(box, clone, seen.port)
        async with (
            seen.open(),
            slow_link(station.bus_port, rate_byte_s=8_000, delay_s=0.3, loss=0.1) as link,
        ):
            with agent(clone, link.port):
                await until(lambda: len(of(hub, read_only=True)) >= 3, 2 * DETECT_S)
            assert seen.writes == []
            await shows(station.machine, 67, 0.5)


def test_a_heartbeat_says_read_only_only_where_it_is_so() -> None:
    beat = Heartbeat("edge1", "demo", 3, "boota", 1, 2, 0)
    assert b"read_only" not in beat.encode()
    told = Heartbeat("edge1", "demo", 3, "boota", 1, 2, 0, read_only=True)
    assert decode_heartbeat(told.encode()) == told
