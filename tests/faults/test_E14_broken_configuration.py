"""E14: sixty configurations spoiled in a dozen ways; none comes as far as a trial, none is half applied."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge_agent.configuration_check import Refused, Staged, check_staged, refuse_paths
from edge_agent.configuration_child import checked_apart
from edge_agent.configuration_store import ConfigurationStore, folder_in_force
from edge_agent.settings import Accepted, Place, load_accepted
from protocols.configuration import MOST_PLAIN_BYTES, Configuration, Why, decode_configuration
from protocols.errors import ContractError
from runtime.clock import SystemClock

TEXT = {"en": "x", "zh": "x"}
LIST = "sites/demo/edge1.yaml"
Document = dict[str, Any]


def good() -> dict[str, Document]:
    files: dict[str, Document] = {}
    devices = []
    for at, kind in enumerate(("modbus", "bacnet", "opcua", "mqtt", "modbus")):
        addresses: dict[str, Document] = {
            "modbus": {"kind": "modbus", "address": 7},
            "bacnet": {"kind": "bacnet", "object": "analog-input", "instance": 1},
            "opcua": {"kind": "opcua", "node": "ns=2;s=x"},
            "mqtt": {"kind": "mqtt", "topic": "x"},
        }
        point = {"name": "power_kw", "label": TEXT, "unit": "kW", "address": addresses[kind]}
        files[f"devices/p{at}.yaml"] = {
            "id": f"p{at}", "label": TEXT, "protocol": kind, "equipment": "meter", "points": [point],
        }  # fmt: skip
        reach: Document = {"url": "opc.tcp://h:4840"} if kind == "opcua" else {"host": f"10.0.0.{at}"}
        extra = {"device_instance": 1} if kind == "bacnet" else {}
        connection = {"kind": kind, **reach, **extra}
        devices.append({"id": f"d{at}", "label": TEXT, "profile": f"p{at}", "connection": connection})
    files[LIST] = {"site": "demo", "edge": "edge1", "devices": devices}
    return files


def _profile(files: dict[str, Document], at: int) -> Document:
    return files[f"devices/p{at}.yaml"]


def _device(files: dict[str, Document], at: int) -> Document:
    found: Document = files[LIST]["devices"][at]
    return found


SPOIL: dict[str, Callable[[dict[str, Document], int], None]] = {
    "same id": lambda files, at: _device(files, at).update(id=f"d{(at + 1) % 5}"),
    "same address": lambda files, at: _device(files, at).update(
        connection=_device(files, (at + 1) % 5)["connection"]
    ),
    "no such profile": lambda files, at: _device(files, at).update(profile="p9"),
    "a misspelt field": lambda files, at: _device(files, at).update(conection={}),
    "an unknown unit": lambda files, at: _profile(files, at)["points"][0].update(unit="horse"),
    "never polled": lambda files, at: _profile(files, at)["points"][0].update(every_s=0),
    "no points": lambda files, at: _profile(files, at).update(points=[]),
    "low above high": lambda files, at: _profile(files, at)["points"][0].update(low=2, high=1),
    "another name inside": lambda files, at: _profile(files, at).update(id="q"),
    "a point twice": lambda files, at: _profile(files, at).update(points=_profile(files, at)["points"] * 2),
    "another protocol": lambda files, at: _profile(files, at).update(
        protocol=["mqtt", "modbus"][at % 4 == 3]
    ),
    "no devices": lambda files, at: files[LIST].update(devices=[] if at else None),
}


@pytest.fixture
def now(tmp_path: Path) -> Accepted:
    for path, document in good().items():
        (tmp_path / "config" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "config" / path).write_text(json.dumps(document))
    return load_accepted(
        Place(tmp_path / "config", "demo", "edge1", tmp_path / "edge", tmp_path / "keys", "")
    )


def _verdict(now: Accepted, files: dict[str, bytes]) -> Accepted | Refused:
    wanted = Configuration(1, "demo", "edge1", "", 1, "", "", files)
    refused = refuse_paths(wanted, now.place)
    folder = ConfigurationStore(now.place.state, "edge1").keep(wanted, b"")
    return refused or check_staged(Staged(folder, wanted), now)


def _bytes(files: dict[str, Document]) -> dict[str, bytes]:
    return {path: json.dumps(document).encode() for path, document in files.items()}


def test_the_unspoiled_one_would_be_tried(now: Accepted) -> None:
    assert isinstance(_verdict(now, _bytes(good())), Accepted)


@pytest.mark.parametrize("how", SPOIL)
@pytest.mark.parametrize("at", range(5))
def test_a_spoiled_configuration_is_refused_with_a_reason_and_changes_nothing(
    now: Accepted, how: str, at: int
) -> None:
    files = copy.deepcopy(good())
    SPOIL[how](files, at)
    found = _verdict(now, _bytes(files))
    assert isinstance(found, Refused), how
    assert found.why in {Why.NOT_VALID, Why.FILES}
    assert len(found.detail) > 10
    assert folder_in_force(now.place.config, now.place.state) == now.place.config


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"devices: [",
        b"a: &a [1]\nb: *a",
        b"\t",
        b"- 1",
        b"null",
        b"!!python/object:os.system {}",
    ],
)
@pytest.mark.parametrize("path", [LIST, "devices/p0.yaml"])
def test_what_is_no_yaml_of_ours_is_refused(now: Accepted, path: str, content: bytes) -> None:
    found = _verdict(now, {**_bytes(good()), path: content})
    assert isinstance(found, Refused)
    assert found.why is Why.NOT_VALID


def test_a_million_points_are_refused_before_they_are_read() -> None:
    rows = b"".join(b"- {name: p%d_kw, unit: kW}\n" % at for at in range(1_000_000))
    assert len(rows) > MOST_PLAIN_BYTES
    with pytest.raises(ContractError, match="at most"):
        decode_configuration(
            Configuration(1, "demo", "edge1", "", 1, "", "", {"devices/p0.yaml": rows}).body()
        )


def _large(now: Accepted, points: int, *, twice: bool) -> Staged:
    files = good()
    (first,) = _profile(files, 0)["points"]
    made = [
        {**first, "name": f"p{at}_kw", "address": {**first["address"], "address": at}} for at in range(points)
    ]
    _profile(files, 0)["points"] = [*made, made[0]] if twice else made
    wanted = Configuration(1, "demo", "edge1", "", 1, "", "", _bytes(files))
    return Staged(ConfigurationStore(now.place.state, "edge1").keep(wanted, b""), wanted)


async def test_the_loop_that_polls_goes_on_while_a_large_configuration_is_refused(
    now: Accepted, record_property: Callable[[str, object], None]
) -> None:
    staged, clock = _large(now, 1500, twice=True), SystemClock()
    async with asyncio.TaskGroup() as tasks:
        check, longest_s = tasks.create_task(checked_apart(staged, now)), 0.0
        last_s = clock.mono_s()
        while not check.done():
            await asyncio.sleep(0.01)
            longest_s, last_s = max(longest_s, clock.mono_s() - last_s), clock.mono_s()
    refused = check.result()
    record_property("longest_stop_s", round(longest_s, 2))
    assert isinstance(refused, Refused)
    assert "'p0_kw' is there twice" in refused.detail
    assert longest_s <= 1.0


async def test_what_passes_apart_is_what_a_start_would_read(now: Accepted) -> None:
    found = await checked_apart(_large(now, 3, twice=False), now)
    assert isinstance(found, Accepted)
    assert len(found.site.profile_of("d0").points) == 3


async def test_a_check_that_is_cancelled_leaves_no_process(now: Accepted) -> None:
    staged = _large(now, 1500, twice=True)
    before = set(psutil.Process().children())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await checked_apart(staged, now)
    assert set(psutil.Process().children()) <= before
