"""Rules from the hub, the whole way: checked, signed, tried, in force as advice; a broken one comes back."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.database import create_engine, embedded_url, sessions_of
from hub.registry.desired import Wish, want
from hub.roles import ingest
from hub.roles.options import RoleOptions
from protocols.configuration import Outcome, Why
from runtime.clock import SystemClock
from tests.unit.edge import test_edge_configuration as road

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(120)]
RULES = "sites/demo/edge1.rules.yaml"


def rules(point: str, set_point: str = "meter0/pump_set_kw") -> bytes:
    """One rule that is to act: p0_kw is 1 all the time, so it wants 7 kW."""
    when = {"kind": "above", "point": point, "limit": 0.5, "unit": "kW"}
    then = [{"point": set_point, "value": 7, "unit": "kW"}]
    rule = {"id": "high", "label": road.TEXT, "mode": "active", "when": when, "then": then}
    return json.dumps({"rules": [rule]}, indent=1).encode()


def files(port: int, delivered: bytes) -> dict[str, bytes]:
    profile = json.loads(road.profile((0, 2)))
    pump = {"name": "pump_set_kw", "label": road.TEXT, "unit": "kW", "kind": "setpoint", "every_s": 0.1,
            "address": {"kind": "modbus", "address": 1}}  # fmt: skip
    profile["points"].append(pump)
    for one in profile["points"]:
        one["every_s"] = 1.0  # a law's process starts in the trial: on a full machine that costs a second
    return {
        road.DEVICES: road.devices(port), road.PROFILE: json.dumps(profile).encode(), RULES: delivered,
    }  # fmt: skip


def ems(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    return f"{done.output}{done.exception or ''}"


def ems_json(*arguments: str) -> dict[str, Any]:
    """What a command prints for programs: what the hub beside it logs meanwhile goes to the other stream."""
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, f"{done.output} {done.exception}"
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@asynccontextmanager
async def hub_of(box: road.Box, configs: Path) -> AsyncIterator[RoleOptions]:
    """The hub's own ingest and delivery beside a box."""
    state, keys = box.folder / "hub", box.folder / "keys"
    await asyncio.to_thread(ems, "init", f"--config={configs}", f"--state={state}", f"--keys={keys}")
    options = RoleOptions(configs, "demo", state, box.bus.url, keys, 0)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_until_cancelled(options))
        yield options
        running.cancel()


async def _until_cancelled(options: RoleOptions) -> None:
    await ingest.run(options)


async def listed(options: RoleOptions, version: int, state: str) -> dict[str, Any]:
    """What `ems hub configuration list` says of a version, once it says `state`."""
    async with asyncio.timeout(30):
        while True:
            said = await asyncio.to_thread(ems_json, "configuration", "list", f"--state={options.state}")
            found: dict[str, Any] = next(row for row in said["wanted"] if row["version"] == version)
            if found["state"] == state:
                return found
            await asyncio.sleep(0.05)


async def send(box: road.Box, options: RoleOptions, delivered: bytes) -> str:
    folder = box.folder / "wanted"
    for path, content in files(box.port, delivered).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return await asyncio.to_thread(
        ems, "configuration", "send", "--actor=test", f"--config={folder}", f"--state={options.state}",
        f"--keys={options.keys}",
    )  # fmt: skip


async def want_unchecked(box: road.Box, options: RoleOptions, delivered: bytes) -> None:
    """As a hub would that checks nothing."""
    engine = create_engine(embedded_url(options.state))
    wish = Wish("demo", "edge1", files(box.port, delivered), "test", "")
    await want(sessions_of(engine), wish, box.hub.key, SystemClock().now().wall_ns)
    await engine.dispose()


def controllers(box: road.Box) -> list[dict[str, Any]]:
    try:
        port = int((box.state / "metrics.port").read_text())
        with urlopen(f"http://127.0.0.1:{port}/controllers") as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
            return found
    except OSError:
        return []  # between two runs


async def test_a_rule_from_the_hub_is_tried_and_only_advises_and_a_broken_one_comes_back_with_its_reason(
    tmp_path: Path, configs: Path
) -> None:
    async with road.box_of(tmp_path) as box, hub_of(box, configs) as options:
        said = await send(box, options, rules("meter0/p9_kw"))
        assert f"{RULES}:" in said
        assert "rules.0.when.point: there is no point 'meter0/p9_kw'; meter0 has p0_kw" in said
        assert "version 1 is wanted, 3 files" in await send(box, options, rules("meter0/p0_kw"))
        await listed(options, 1, "accepted")
        await box.hub.until(lambda: box.hub.beats[-1].config_version == 1)
        assert any(
            "rule high only advises: meter0/pump_set_kw has no" in one
            for _, one in box.hub.beats[-1].troubles
        )
        await _advises(box)
        (box.state / "configuration" / "1" / RULES).write_bytes(rules("meter0/p2_kw"))
        (box.folder / "config" / RULES).write_bytes(rules("meter0/p2_kw"))
        await want_unchecked(box, options, rules("meter0/p9_kw"))
        refused = await listed(options, 2, "refused")
        assert refused["why"] == "not_valid"
        assert refused["detail"].startswith(f"{RULES}:")
        assert "rules.0.when.point: there is no point 'meter0/p9_kw'" in refused["detail"]
        await _advises(box)
        await box.hub.until(lambda: box.hub.beats[-1].config_edited == [f"given:{RULES}", RULES])


async def _advises(box: road.Box) -> None:
    """It says what it would do, and writes nothing."""
    wants = {"meter0/pump_set_kw": {"value": 7.0, "unit": "kW", "written": False}}
    async with asyncio.timeout(15):
        while True:
            found = await asyncio.to_thread(controllers, box)
            if [(one["state"], one["wants"]) for one in found] == [("advises", wants)]:
                return
            await asyncio.sleep(0.05)


async def test_a_law_that_hangs_in_the_trial_takes_the_version_back(tmp_path: Path) -> None:
    async with road.box_of(tmp_path) as box:
        await box.end(signal.SIGTERM)
        await box.start(trial_s=10)
        await box.hub.send(1, files(box.port, rules("meter0/p0_kw")))
        assert box.hub.last() == (1, Outcome.TRYING, Why.NONE)
        await _advises(box)
        (law,) = laws_of(box)
        law.suspend()
        await box.hub.until(lambda: box.hub.last() == (1, Outcome.ROLLED_BACK, Why.WORSE))
        assert box.hub.reports[-1].detail == "controller rules failed and was isolated"


def laws_of(box: road.Box) -> list[psutil.Process]:
    """The processes of laws: forked by the agent's fork server."""
    assert box.process is not None
    return [law for server in psutil.Process(box.process.pid).children() for law in server.children()]
