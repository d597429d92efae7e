"""From the hub's API to `verified` in the ledger, on real processes; 100 leases renewed; storms of orders."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

import httpx
import numpy as np
from nats.aio.msg import Msg

from benchmarks.edge_orders import HIGH, LOW
from benchmarks.hub_rig import HubRig, hub_rig
from benchmarks.order_client import OrderClient
from benchmarks.order_storm import at_the_api, on_the_bus
from benchmarks.registry import Case, Figures, Result
from protocols.command import decode_renewal, lease_list_hash
from protocols.errors import ContractError
from protocols.signing import open_envelope
from protocols.subjects import renewal
from runtime.bus import BusLogin, connect
from runtime.nats_server import seed_file

ORDERS: Final = 240
POINTS: Final = 100
PEOPLE: Final = 4
DWELL_S: Final = 1.0
STORM_PER_S: Final = 1000.0
STORM_S: Final = 30.0
_EVERY_S: Final = 0.36
"""Below the hub's quota of 30 orders in 10 s."""
_WARM_S: Final = 5.0
_RENEW_WATCH_S: Final = 30.0
_SEEN_S: Final = 2.5
"""After this the heartbeat lists the newest lease. [s]"""
_STORM_POINT: Final = POINTS


def run() -> Result:
    """Order one value after the other and see each in the ledger; each is also looked for at the device.

    Raises:
        ContractError: An order was refused or the device has another value.
        BusError: Something does not start, or an order is not answered.
    """
    return Result(asyncio.run(_run()))


async def _run() -> Figures:
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        async with hub_rig(Path(name), POINTS + 1, dwell_s=DWELL_S) as rig, _people(rig) as people:
            figures = await _latency(people)
            figures |= await _renewals(rig)
            _say(figures)
            watch, sent = await at_the_api(people, _STORM_POINT, STORM_PER_S, STORM_S)
            print(f"answers of the API: {dict(watch.answers)}", file=sys.stderr, flush=True)
            figures |= watch.figures("api", sent, DWELL_S)
            await rig.end(rig.roles[1])  # the dispatcher; the storm on the bus is one of its key
            watch, sent = await on_the_bus(rig, _STORM_POINT, STORM_PER_S, STORM_S)
            return figures | watch.figures("bus", sent, DWELL_S)


@asynccontextmanager
async def _people(rig: HubRig) -> AsyncIterator[OrderClient]:
    rig.start("dispatch")
    rig.start("api")
    await rig.leader()
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{rig.options.port}", limits=limits, timeout=30.0
    ) as http:
        people = OrderClient(rig, http)
        await people.sign_in(PEOPLE)
        await asyncio.sleep(_WARM_S)
        yield people


async def _latency(people: OrderClient) -> Figures:
    chance, clock = Random(1), people.rig.clock  # noqa: S311  the same orders each time
    asked_ms, took_ms = [], []
    for turn in range(ORDERS):
        begun_s = clock.mono_s()
        number, value = turn % POINTS, round(chance.uniform(LOW, HIGH), 2)
        asked_s, took_s = await people.set(number, value)
        if abs(people.rig.device.value(number) - value) > 0.01:  # noqa: PLR2004  the tolerance of the limits
            raise ContractError(f"set-point {number} holds {people.rig.device.value(number)}, not {value}")
        asked_ms.append(1000.0 * asked_s)
        took_ms.append(1000.0 * took_s)
        rest_s = _EVERY_S + chance.uniform(0.0, 0.05) - (clock.mono_s() - begun_s)
        await asyncio.sleep(max(0.0, rest_s))
    return {
        "p50_ms": float(np.percentile(took_ms, 50)),
        "p99_ms": float(np.percentile(took_ms, 99)),
        "max_ms": max(took_ms),
        "api_p50_ms": float(np.percentile(asked_ms, 50)),
        "orders": float(len(took_ms)),
    }


async def _renewals(rig: HubRig) -> Figures:
    """Messages that keep all leases of the edge alive, by a second login of the edge, as only it may hear."""
    config = rig.edge.config
    login = BusLogin(f"nats://127.0.0.1:{config.port}", "edge1", seed_file(config.keys, "edge1"))
    edge = await connect(login)
    try:
        heard: list[bytes] = []

        async def hear(message: Msg) -> None:
            heard.append(decode_renewal(open_envelope(message.data)[0]).list_hash)

        await edge.subscribe(renewal("edge1"), cb=hear)
        await asyncio.sleep(_SEEN_S)
        leases, beats = {bytes.fromhex(ident) for ident in rig.beats[-1][1].leases}, len(rig.beats)
        heard.clear()
        await asyncio.sleep(_RENEW_WATCH_S)
    finally:
        await edge.close()
    kept = [{bytes.fromhex(ident) for ident in beat.leases} for _, beat in rig.beats[beats:]]
    if any(one != leases for one in kept):
        raise ContractError(f"of {len(leases)} leases {min(len(one & leases) for one in kept)} stayed alive")
    whole = heard.count(lease_list_hash(sorted(leases)))
    if not whole:
        raise ContractError("no renewal named all leases")
    return {
        "renewed_leases": float(len(leases)),
        "messages_per_renewal": len(heard) / whole,
        "renewals_per_min": 60.0 * whole / _RENEW_WATCH_S,
    }


def _say(figures: Figures) -> None:
    print(figures, file=sys.stderr, flush=True)


CASE: Final = Case(
    "command_latency",
    "an order of a person from the hub's API to `verified` in the ledger; 100 leases renewed; 1,000 orders/s",
    run,
    {"set_points": (POINTS,), "storm_per_s": (STORM_PER_S,)},
)
