"""E6: a box that starts in 1976 polls and obeys; the hub stores the true times by the echo of heartbeats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nats.aio.msg import Msg

from benchmarks.edge_orders import FALLBACK, orders, point, prove, write_set_points
from benchmarks.edge_rig import farm, rig, until, write_site
from benchmarks.setpoint_server import set_points
from hub.api.edges import EdgeWatch
from protocols.frame import decode_bundle
from protocols.quality import Quality
from runtime.clock import NS, SystemClock
from tests.faults.wall_clock import HOUR_S, POINT, YEAR_S, WallClock, hub_of, samples_since

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
FLOATS = 4
OFF_S = 1.0


class Polled:
    """When the samples of the meter were taken, by the boot clock that the box and this test share. [ns]"""

    def __init__(self) -> None:
        self.mono_ns: list[int] = []

    async def hear(self, message: Msg) -> None:
        frames = decode_bundle(message.data).frames
        self.mono_ns += [frame.at.mono_ns for frame in frames if len(frame.values) == FLOATS]


class FirstBeat:
    """What the edges page of the hub shows of the clock after one heartbeat, and no more."""

    def __init__(self, clock: SystemClock) -> None:
        self._watch = EdgeWatch(("edge1",), clock)

    async def hear(self, message: Msg) -> None:
        if self.ahead_s is None:
            self._watch.hear(message.data)

    @property
    def ahead_s(self) -> float | None:
        return self._watch.clock_ahead_s("edge1")


async def test_the_hub_shows_how_far_the_clock_of_the_box_is_off(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    clock, wall = SystemClock(), WallClock(tmp_path, -50 * YEAR_S)
    first = FirstBeat(clock)
    with farm(1, FLOATS) as port:
        write_site(tmp_path / "config", port, devices=1, floats=FLOATS, every_s=0.2)
        async with rig(tmp_path, counting=False) as bench:
            client = await bench.connect()
            await client.subscribe("hb.*", cb=first.hear)
            bench.env = wall.env
            bench.start_agent()
            await until(lambda: first.ahead_s is not None, 20, "the first heartbeat")
            await client.close()
    assert first.ahead_s is not None
    error_s = abs(first.ahead_s + 50 * YEAR_S)
    record_property("offset_error_s", round(error_s, 2))
    assert error_s <= OFF_S


async def test_samples_have_their_true_times_whatever_the_clock_of_the_box_says(tmp_path: Path) -> None:
    clock, wall, polled = SystemClock(), WallClock(tmp_path, -50 * YEAR_S), Polled()
    now = clock.now()
    with farm(1, FLOATS) as port, set_points(1, FALLBACK) as device:
        write_site(tmp_path / "config", port, devices=1, floats=FLOATS, every_s=0.2)
        write_set_points(tmp_path / "config", device.port, 1)
        async with rig(tmp_path, counting=False) as bench, hub_of(bench) as reader:
            await prove(bench)
            client = await bench.connect()
            await client.subscribe("tel.>", cb=polled.hear)
            bench.env = wall.env
            bench.start_agent()
            async with orders(bench) as hub:
                await hub.set(point(0), 50.0)  # takes leases, whatever year it is
                start_ns = now.wall_ns
                await until(lambda: len(samples_since(reader, start_ns).times_ns) >= 15, 20, "true times")
                wall.turn(HOUR_S)
                jumped_ns = clock.now().wall_ns
                await until(lambda: len(samples_since(reader, jumped_ns).times_ns) >= 15, 20, "more samples")
                got = samples_since(reader, start_ns)
                early = reader.raw(POINT, 0, start_ns - round(10 * YEAR_S) * NS)
            await client.close()
    true_ns = np.unique(np.array(polled.mono_ns) - now.mono_ns + now.wall_ns)
    before = len(early.times_ns)  # came before the first echo, and are marked
    assert set(early.qualities.tolist()) <= {Quality.UNCERTAIN_TIME}
    off_s = np.abs(got.times_ns - true_ns[before : before + len(got.times_ns)]) / NS
    assert off_s.max() <= OFF_S
    assert np.diff(got.times_ns).min() > 0.05 * NS
