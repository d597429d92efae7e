"""E11: what nobody compared with its display, or is read another way since, is neither signed nor proven."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commission.record import load_record
from runtime.children import free_port

pytestmark = [pytest.mark.net, pytest.mark.timeout(60)]
TEXT = {"en": "x", "zh": "x"}


def _point(name: str, address: int) -> dict[str, Any]:
    return {
        "name": name, "label": TEXT, "unit": "°C", "kind": "setpoint", "low": 4, "high": 20, "scale": 0.1,
        "address": {"kind": "modbus", "address": address, "type": "i16"},
    }  # fmt: skip


@dataclass
class Box:
    """An edge beside a chiller whose display is known."""

    folder: Path
    profile: dict[str, Any]
    display: dict[str, float]

    def run(self, *words: str) -> str:
        """What a command prints, or the sentence it ends with."""
        place = [f"--config={self.folder / 'configs'}", f"--state={self.folder / 'edge'}", "--site=plant1"]
        keys = [f"--keys={self.folder / 'keys'}"] if words[0] == "prove" else []
        done = CliRunner().invoke(app, [*words, *place, *keys])
        return done.output if done.exit_code == 0 else f"refused: {done.exception}"

    def commission(self, *points: str, wrong: float = 0.0) -> str:
        """Compare some points with the display."""
        shown = [f"--shown={name}={self.display[name] + wrong}" for name in points]
        return self.run("commission", "chiller1", "--person=A. Smith", *shown)

    def prove(self) -> str:
        """The step that makes points writable."""
        return self.run("prove", "--person=A. Smith", "--sign")

    def write(self, name: str, document: dict[str, Any]) -> Path:
        """One file of the configuration."""
        path = self.folder / "configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    @property
    def untouched(self) -> bool:
        """Whether nothing was signed or proven."""
        return not any((self.folder / "edge" / name).exists() for name in ("write", "proofs"))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    port, points = free_port(), [_point("supply_set_c", 20), _point("return_set_c", 21)]
    profile = {"id": "acme", "label": TEXT, "protocol": "modbus", "equipment": "chiller", "points": points}
    made = Box(tmp_path, profile, {})
    file = made.write("devices/acme.yaml", profile)
    at = {"kind": "modbus", "host": "127.0.0.1", "port": port}
    device = {"id": "chiller1", "label": TEXT, "profile": "acme", "connection": at}
    made.write("sites/plant1/edge1.yaml", {"site": "plant1", "edge": "edge1", "devices": [device]})
    limits = [
        {"point": point["name"], "unit": "°C", "low": 6, "high": 10, "settle_s": 0,
         "fallback": {"kind": "value", "value": 7}}
        for point in points
    ]  # fmt: skip
    block = {"site": "plant1", "edge": "edge1", "device": "chiller1", "revision": 1, "points": limits}
    made.write("sites/plant1/write/chiller1.yaml", block)
    command = [
        sys.executable, "-m", "ems.main", "sim", "profile", str(file), f"--port={port}", "--still", "--json",
        f"--state={tmp_path / 'sim'}",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        made.display = told["values"]
        yield made
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_nothing_is_signed_before_each_point_to_be_written_was_compared(box: Box) -> None:
    assert "nobody compared it" in box.prove()
    assert 'run first: ems edge commission chiller1 --person "…" --shown supply_set_c=…' in box.prove()
    assert "nothing was recorded" in box.commission("supply_set_c", "return_set_c", wrong=3.0)
    assert "nobody compared it" in box.prove()
    box.commission("supply_set_c")
    assert "chiller1: return_set_c was not compared with its display" in box.prove()
    assert box.untouched


def test_a_comparison_made_with_another_profile_does_not_count(box: Box) -> None:
    box.commission("supply_set_c", "return_set_c")
    box.profile["points"][0]["scale"] = 0.01
    box.write("devices/acme.yaml", box.profile)
    assert "its profile changed since A. Smith compared it" in box.prove()
    assert box.untouched


def test_what_was_compared_is_signed_and_proven_and_a_valid_comparison_is_kept(box: Box) -> None:
    assert "recorded in" in box.commission("supply_set_c", "return_set_c")
    assert "1 of 1 devices are proven" in box.prove()
    record = load_record(box.folder / "edge", "chiller1")
    assert record is not None
    assert (record.person, len(record.comparisons)) == ("A. Smith", 2)
