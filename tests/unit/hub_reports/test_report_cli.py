"""`ems report` against a real hub: files on the disk, exit codes, clear sentences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.clock import SystemClock
from tests.hub_running import HubProcess, running_hub
from tests.unit.accounts.site_series import QUARTER, filling
from tests.unit.hub_reports.report_hub import last_month, ns

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(240)]
MONTH, FIRST, AFTER = last_month()


async def _a_day(state: Path) -> None:
    with filling(state, SystemClock().now().wall_ns) as filled:
        counts = np.array(20.0 * np.arange(24 * 4 + 1), np.float64)
        filled.put("meter_main", ns(FIRST), {"import_kwh": counts}, QUARTER)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with running_hub(tmp_path_factory.mktemp("hub"), "api,jobs", _a_day) as made:
        yield made


def ems(hub: HubProcess, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ems.main", "report", *words, f"--hub={hub.address}"]
    known = {**os.environ, "EMS_PASSWORD": hub.password}
    return subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=200)


def test_a_report_is_made_fetched_listed_and_fetched_again(hub: HubProcess, tmp_path: Path) -> None:
    made = ems(hub, "make", "energy", f"{FIRST}", "--language=zh", f"--out={tmp_path / 'a'}")
    assert made.returncode == 0, made.stderr
    names = [f"demo-energy-{FIRST}-zh.{form}" for form in ("pdf", "xlsx")]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == names
    assert (tmp_path / "a" / names[0]).read_bytes().startswith(b"%PDF-")
    assert "of the data are there" in made.stderr  # other meters of the book have none
    [listed] = json.loads(ems(hub, "list", "--json").stdout)
    again = ems(hub, "get", listed["id"], f"--out={tmp_path / 'b'}")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "b" / names[1]).read_bytes() == (tmp_path / "a" / names[1]).read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("make", "carbon", "2001-02"), 3, "there are no data of demo"),
        (("make", "carbon", "yesterday"), 2, "is no period"),
        (("make", "carbon", "2999"), 2, "2999"),
        (("make", "wind", "2026"), 2, "KIND is 'wind'; allowed are energy, carbon, alarms, plan"),
        (("make", "carbon", "2026", "--format=doc"), 2, "--format is 'doc'"),
        (("get", "nothing"), 2, "there is no such report"),
        (("schedule", "end", "nothing"), 2, "there is no schedule"),
    ],
)
def test_what_cannot_be_made_ends_with_one_sentence(
    hub: HubProcess, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    out = (f"--out={tmp_path}",) if words[0] != "schedule" else ()
    ended = ems(hub, *words, *out)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_schedule_is_added_listed_and_ended(hub: HubProcess) -> None:
    added = ems(hub, "schedule", "add", "carbon", "month", "--to=manager@plant.example", "--json")
    assert added.returncode == 0, added.stderr
    ident = json.loads(added.stdout)["id"]
    [listed] = json.loads(ems(hub, "schedule", "list", "--json").stdout)
    assert (listed["id"], listed["to"], listed["at"]) == (ident, ["manager@plant.example"], "06:00")
    assert ems(hub, "schedule", "end", ident).returncode == 0
    assert json.loads(ems(hub, "schedule", "list", "--json").stdout) == []
