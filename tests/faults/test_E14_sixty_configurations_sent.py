"""E14 on the real agent: sixty spoiled configurations come from the hub; polling never pauses for long."""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocols.configuration import Outcome
from runtime.children import free_port
from tests.unit.edge import test_edge_configuration as road

pytestmark = [pytest.mark.net, pytest.mark.nightly, pytest.mark.timeout(1800)]
MANY = 60
TRIAL_S = 10.0
"""Instead of 60 s; what polls nothing is given up sooner anyway."""
DECIDED_S = 120.0
GAP_S = 5.0
Files = dict[str, bytes]


def _device(files: Files, **changes: object) -> Files:
    listed = json.loads(files[road.DEVICES])
    listed["devices"][0].update(changes)
    return {**files, road.DEVICES: json.dumps(listed).encode()}


def _profile(files: Files, change: Callable[[dict[str, Any]], object]) -> Files:
    profile = json.loads(files[road.PROFILE])
    change(profile)
    return {**files, road.PROFILE: json.dumps(profile).encode()}


def _at(port: int, **more: object) -> dict[str, object]:
    return {"kind": "modbus", "host": "127.0.0.1", "port": port, "timeout_s": 0.3, **more}


def spoiled(port: int) -> list[tuple[str, Files]]:
    """What the hub sends, each with what is wrong with it."""
    good = {road.DEVICES: road.devices(port), road.PROFILE: road.profile((0, 1))}
    twice = json.loads(good[road.DEVICES])
    twice["devices"] *= 2
    made: list[tuple[str, Files]] = [
        ("no devices", {**good, road.DEVICES: b'{"site": "demo", "edge": "edge1", "devices": []}'}),
        ("a device twice", {**good, road.DEVICES: json.dumps(twice).encode()}),
        ("another edge", {**good, road.DEVICES: good[road.DEVICES].replace(b"edge1", b"edge2")}),
        ("no profile", {road.DEVICES: good[road.DEVICES]}),
        ("no device list", {road.PROFILE: good[road.PROFILE]}),
        ("a path that leaves the folder", {**good, "../evil.yaml": b"{}"}),
        ("a write block", {**good, "sites/demo/write/meter0.yaml": b"{}"}),
        ("no such protocol", _device(good, connection={"kind": "telex"})),
        ("a misspelt field", _device(good, conection={})),
        ("a port that is none", _device(good, connection=_at(99_999))),
        ("points twice", _profile(good, lambda p: p.update(points=p["points"] * 2))),
        ("no points", _profile(good, lambda p: p.update(points=[]))),
        ("never polled", _profile(good, lambda p: p["points"][0].update(every_s=0))),
        ("an unknown unit", _profile(good, lambda p: p["points"][0].update(unit="horse"))),
        ("low above high", _profile(good, lambda p: p["points"][0].update(low=2, high=1))),
        ("an address of another protocol", _profile(good, lambda p: p.update(protocol="bacnet"))),
        ("another name inside", _profile(good, lambda p: p.update(id="q"))),
        ("a name that is none", _profile(good, lambda p: p["points"][0].update(name="../p"))),
        ("a formula", _profile(good, lambda p: p["points"][0].update(scale="=1+1"))),
        ("far too many points", _profile(good, lambda p: p.update(points=p["points"] * 2_000))),
    ]
    made += [
        (f"yaml {content!r}", {**good, path: content})
        for path in (road.DEVICES, road.PROFILE)
        for content in (
            b"", b"\xff\xfe", b"devices: [", b"a: &a [1]\nb: *a", b"\t", b"- 1", b"null", b"{" * 5000,
            b"!!python/object:os.system {}", b"id: test\nid: test",
        )
    ]  # fmt: skip
    made += [
        (f"cut after {n} bytes", {**good, road.PROFILE: good[road.PROFILE][:n]}) for n in range(5, 200, 20)
    ]
    made += [
        ("nobody at the port", _device(good, connection=_at(free_port()))) for _ in range(4)
    ] + [
        ("no such register", {**good, road.PROFILE: road.profile((0, 1, at))}) for at in (99, 500, 9999)
    ] + [
        ("no such unit", _device(good, connection=_at(port, unit=unit))) for unit in (9, 99, 200)
    ]  # fmt: skip
    return made


async def test_sixty_spoiled_configurations_are_refused_or_rolled_back_and_polling_goes_on(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcomes: dict[str, int] = {}
    longest_s = 0.0
    async with road.box_of(tmp_path) as box:
        await box.end(signal.SIGTERM)
        await box.start(trial_s=TRIAL_S)
        box.hub.polls.clear()  # the gap of that start of a process is not one of a configuration
        made = spoiled(box.port)
        for version, (what, files) in enumerate(made, start=1):
            begun_s = time.monotonic()
            await box.hub.send(version, files)
            await box.hub.until(lambda: box.hub.last()[1] is not Outcome.TRYING, most_s=DECIDED_S)
            longest_s = max(longest_s, time.monotonic() - begun_s)
            decided, outcome, _ = box.hub.last()
            assert decided in {0, version}, what  # 0: what cannot be read has no version
            assert outcome in {Outcome.REFUSED, Outcome.ROLLED_BACK}, what
            assert len(box.hub.reports[-1].detail) > 10, what
            outcomes[outcome.name] = outcomes.get(outcome.name, 0) + 1
        polls = len(box.hub.polls)
        await box.hub.until(lambda: len(box.hub.polls) > polls + 10)
        times_ns = sorted(at for at, _ in box.hub.polls)
    gap_s = max(b - a for a, b in itertools.pairwise(times_ns)) / 1e9
    for name, figure in (
        ("sent", len(made)), *outcomes.items(),
        ("longest_s", round(longest_s, 1)), ("poll_gap_s", round(gap_s, 1)),
    ):  # fmt: skip
        record_property(name, figure)
    assert len(made) >= MANY
    assert sum(outcomes.values()) == len(made)
    assert gap_s <= GAP_S
