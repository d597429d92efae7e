"""The target of a sequencer is leased like any set-point, its law follows, and the file's value returns."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusTcpClient

from protocols.command import CommandKind
from protocols.receipt import Refused, Verified, kind_of
from tests.flow.air_station import FREE, LOCAL, SET, TARGET, Hub, at_work, shows, until

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(120)]


async def test_a_leased_target_is_followed_and_the_file_s_value_comes_back(tmp_path: Path) -> None:
    async with at_work(tmp_path) as station:
        hub, machine = station.hub, station.machine
        await shows(machine, 67, 30.0)  # the sequencer acts by its file
        assert {"air", "hall"} == set(hub.beats[-1].cap_hashes)
        ident = await hub.send(TARGET, CommandKind.SET, 6.4)
        verified = await hub.receipt(ident, Verified)
        assert isinstance(verified, Verified)
        assert verified.value == 6.4, "read back from the controller itself"
        await shows(machine, 64, 2.0)
        await until(lambda: hub.holders[TARGET].rung == "optimiser")
        await shows(machine, 67, 3.0 + 3.0)  # the lease has ended
        assert [kind_of(one) for one in hub.receipts if one.id == ident][-2:] == ["expired", "fallbackdone"]
        await until(lambda: hub.holders[TARGET].rung == "fallback")
        assert hub.holders[TARGET].value == 6.7

        beyond = await hub.receipt(await hub.send(TARGET, CommandKind.SET, 7.5), Refused)
        assert isinstance(beyond, Refused)
        assert beyond.code.value == "limits", beyond.detail
        await _a_hand_at_the_machine_stands_above(hub, machine)
        await hub.receipt(await hub.send(TARGET, CommandKind.SET, 6.2), Verified)
        await hub.send("all", CommandKind.STOP)
        await shows(machine, FREE, 5.0)  # a stop stands above the input, and above what the law writes
        assert (hub.holders[TARGET].rung, hub.holders[TARGET].value) != ("optimiser", 6.2)
        refused = await hub.receipt(await hub.send(TARGET, CommandKind.SET, 6.2), Refused)
        assert isinstance(refused, Refused)
        assert refused.code.value == "stopped"


async def _a_hand_at_the_machine_stands_above(hub: Hub, machine: AsyncModbusTcpClient) -> None:
    await machine.write_register(LOCAL, 1)
    await until(lambda: hub.holders["demo/hall/pressure_set_bar_g"].rung == "local")
    await hub.receipt(await hub.send(TARGET, CommandKind.SET, 6.4), Verified)
    await until(lambda: hub.holders[TARGET].rung == "optimiser")
    while hub.holders[TARGET].rung == "optimiser":  # as long as the lease lives
        assert (await machine.read_holding_registers(SET, count=1)).registers == [67]
        await asyncio.sleep(0.02)
    await machine.write_register(LOCAL, 0)
    await until(lambda: hub.holders["demo/hall/pressure_set_bar_g"].rung == "controller")
