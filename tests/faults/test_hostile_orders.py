"""An attacker who reached the bus: each of his orders is refused with its code on a real edge and device."""

from __future__ import annotations

import asyncio
import math
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import subjects
from protocols.command import Command, CommandKind, Echo, Level, Step
from protocols.receipt import Refused, kind_of
from tests.flow import test_leases as road

pytestmark = pytest.mark.net

rig = road.rig
"""Two real Modbus compressors and an edge; a fixture."""

HOSTILE: list[tuple[dict[str, object], str]] = [
    ({"epoch": 0}, "fenced"),
    ({"seq": 1}, "out_of_order"),
    ({"agent_epoch": 7}, "addressee"),
    ({"echo": Echo("boot000000000000", 1)}, "stale_echo"),
    ({"point": "demo/comp1/power_kw"}, "not_allowed"),
    ({"point": "demo/meter_main/power_kw"}, "not_allowed"),
    ({"level": Level.GRID_LIMIT}, "not_allowed"),
    ({"cap_hash": bytes(16)}, "cap_hash"),
    ({"unit": "kW"}, "unit"),
    ({"value": math.nan}, "value"),
    ({"value": math.inf}, "value"),
    ({"value": None}, "value"),
    ({"value": 99.0}, "limits"),
    ({"value": -1e308}, "limits"),
    ({"lease_s": 10.5}, "lease"),
    ({"lease_s": math.inf}, "lease"),
    ({"lease_s": -1.0}, "lease"),
    ({"kind": CommandKind.SELECT, "group": b"g" * 16, "group_size": 1}, "unsupported"),
    ({"kind": CommandKind.SELECT, "value": 99.0}, "limits"),
    ({"kind": CommandKind.OPERATE}, "selection"),
    ({"kind": CommandKind.CANCEL}, "unsupported"),
    ({"kind": CommandKind.TEST, "value": 99.0}, "limits"),
    ({"kind": CommandKind.STOP}, "not_allowed"),
    ({"steps": (Step(0.0, 1.0),), "valid_for_s": 60.0}, "unsupported"),
    ({"group": b"g" * 16, "group_size": 2}, "unsupported"),
    ({"expect": 3.0}, "expect"),
]


@pytest.mark.timeout(60)
async def test_no_order_of_an_attacker_moves_a_machine(rig: road.Rig, tmp_path: Path) -> None:
    await rig.prove()
    async with road._running(rig, tmp_path) as (hub, service):
        lane = hub.jetstream()

        async def send(data: bytes) -> None:
            await lane.publish(subjects.command("edge1"), data)

        good = rig.command(road.ROLE, 1.0, 10.0)
        await send(good.sealed(rig.key))
        await rig.receipt(good.id, "verified")

        for forged in _forged(good, rig.key):
            await send(forged)
        refused: list[tuple[Command, str]] = []
        for changes, code in HOSTILE:
            order = replace(rig.command(road.ROLE, 2.0, 9.0), **changes)  # type: ignore[arg-type]  # by field name
            refused.append((order, code))
            await send(order.sealed(rig.key))
        for order, code in refused:
            answer = await rig.receipt(order.id, "refused")
            assert isinstance(answer, Refused)
            assert answer.code.value == code, order
        assert rig.devices["comp1"].value("role_set_code") == 1.0
        assert service.leases() == [good.id.hex()], "the true lease goes on"
        assert [r for r in rig.receipts if r.id == good.id and kind_of(r) == "written"][1:] == []

        after = rig.command(road.ROLE, 2.0, 9.0)
        await send(after.sealed(rig.key))
        await rig.receipt(after.id, "verified")
        known = {good.id, after.id, *(order.id for order, _ in refused)}
        assert {receipt.id for receipt in rig.receipts} <= known, "a forged order gets no answer"
        await service.release_all()


def _forged(good: Command, key: Ed25519PrivateKey) -> list[bytes]:
    """Replays, altered bytes, foreign keys and rubbish."""
    fresh = replace(good, id=secrets.token_bytes(16), seq=good.seq + 1, value=2.0)
    true = fresh.sealed(key)
    altered = [true[:at] + bytes([true[at] ^ 1]) + true[at + 1 :] for at in range(0, len(true), 7)]
    strange = Ed25519PrivateKey.generate()
    return [
        good.sealed(key), good.sealed(key), *altered, true[:-1], true + b"\0", fresh.sealed(strange),
        replace(fresh, issuer="eve").sealed(key), replace(fresh, edge="edge2").sealed(key),
        b"", b"\xff" * 1000, secrets.token_bytes(200),
    ]  # fmt: skip


@pytest.mark.timeout(60)
async def test_a_replay_after_the_lease_moves_nothing(rig: road.Rig, tmp_path: Path) -> None:
    await rig.prove()
    async with road._running(rig, tmp_path) as (hub, service):
        order = rig.command(road.ROLE, 1.0, 1.0)
        data = order.sealed(rig.key)
        await hub.jetstream().publish(subjects.command("edge1"), data)
        await rig.receipt(order.id, "fallbackdone")
        written = sum(kind_of(r) == "written" for r in rig.receipts)
        await hub.jetstream().publish(subjects.command("edge1"), data)
        await hub.publish(subjects.renewal("edge1"), rig.renewal([order.id], 5.0).sealed(rig.key))
        probe = replace(rig.command(road.ROLE, 1.0, 1.0), cap_hash=bytes(16))
        await hub.jetstream().publish(subjects.command("edge1"), probe.sealed(rig.key))
        await rig.receipt(probe.id, "refused")  # the lane is in order: what came before it is judged
        await asyncio.sleep(0)
        assert sum(kind_of(r) == "written" for r in rig.receipts) == written
        assert rig.devices["comp1"].value("role_set_code") == 3.0
        assert service.leases() == []
