"""A hub of the demo site with some history, alarms, a plan and a set-point, for tests of the client."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from hub.alarms.tables import AlarmLineRow, AlarmStateRow
from hub.database import create_engine, embedded_url, sessions_of
from hub.ledger.tables import CommandRow, PlanRow
from hub.reports.tables import ReportFileRow, ReportRow
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from runtime.clock import SystemClock, iso_utc

S: Final = 1_000_000_000
POWER: Final = "demo/comp1/power_kw"
FLOW: Final = "demo/comp1/flow_m3_min"
START: Final = 1_780_000_000
"""First sample; [s]."""
SAMPLES: Final = 12_000
"""One a second: more than one page has."""
LINES: Final = 1_050
"""Of the journal of alarms: more than one page has."""
DONE: Final = "0" * 16
"""Id of a report that is done."""
PDF: Final = b"%PDF-1.7 of a test"
COMP: Final = Catalogue("demo", "comp1", ("power_kw", "flow_m3_min"), ("kW", "m³/min"), ("measurement",) * 2)


async def fill(state: Path) -> None:
    """Everything the client is asked for."""
    _history(state)
    engine = create_engine(embedded_url(state))
    async with sessions_of(engine).begin() as session:
        session.add_all(_rows(SystemClock().now().wall_ns))
    await engine.dispose()


def _history(state: Path) -> None:
    store = open_store(StorePlace(state / "series.db"), SystemClock())
    store.add_catalogue(COMP)
    for first in range(0, SAMPLES, 1000):
        frames = [
            Frame(
                COMP.hash(), Instant("b", at * S, (START + at) * S), np.array([float(at), 3.0]),
                np.array([0, 129 if at == 5 else 0], np.uint8),
            )
            for at in range(first, first + 1000)
        ]  # fmt: skip
        store.append([Received("edge1", "j", first // 1000 + 1, tuple(frames))])
    store.close()


def _rows(now_ns: int) -> list[Any]:
    lines = [
        AlarmLineRow(
            site="demo", alarm="air_pressure_low", kind="raised", time_ns=now_ns - (LINES - at) * S,
            priority=1, occurrence=at, label_en="low", label_zh="低", actor="", words="", value=5.0,
            quiet=False,
        )
        for at in range(LINES)
    ]  # fmt: skip
    state = AlarmStateRow(
        site="demo", alarm="air_pressure_low", changed=1, phase="unack",
        body={"active": True, "acked": False, "occurrence": LINES, "raised_ns": now_ns, "value": 5.0},
    )  # fmt: skip
    command = CommandRow(
        id=bytes(16), site="demo", edge="edge1", point="demo/comp1/role_set_code", kind="set", value=1.0,
        unit="code", level="optimiser", reason="plan", actor="dispatch", epoch=1, seq=1, issued_ns=now_ns,
        lease_s=60.0, body=b"", chain=b"", state="verified", verdict="verified", readback=1.0,
        readback_ns=now_ns,
    )  # fmt: skip
    body = {
        "step_s": 900, "times": [iso_utc(now_ns)], "machines": [],
        "series": [{"name": "grid_kw", "unit": "kW", "label": {"en": "Grid", "zh": "网"}, "values": [12.0]}],
    }  # fmt: skip
    plan = PlanRow(
        id="p1", site="demo", revision=1, created_ns=now_ns, status="optimal", gap=0.0, bound=1.0, cost=1.0,
        baseline_cost=2.0, co2_kg=3.0, solve_s=0.1, currency="EUR", steps=1, binary_steps=1, body=body,
    )  # fmt: skip
    return [*lines, state, command, plan, *_report(now_ns)]


def _report(now_ns: int) -> list[Any]:
    done = ReportRow(
        id=DONE, site="demo", kind="energy", period="2025", language="en", formats=["pdf"], asked_by="admin",
        asked_ns=now_ns - S, schedule=None, state="done", step="", progress_frac=1.0, holder="",
        held_until_ns=0, tries=1, completeness_pct=99.0, digest="0" * 64, error_en="", error_zh="",
        done_ns=now_ns,
    )  # fmt: skip
    return [done, ReportFileRow(report=DONE, form="pdf", name="energy-2025.pdf", size=len(PDF), body=PDF)]
