"""The last act of the demo: polling stops, what is on its way arrives, counts are taken and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ems.demo import measure
from ems.demo.layout import SITE, Layout
from ems.demo.parts import Parts
from ems.demo.screen import say
from ems.demo.startup import demo_devices


def write_report(layout: Layout, parts: Parts, record: measure.Record, out: Path) -> int:
    """Write `demo.json` when the edge has stopped; returns the exit code.

    Raises:
        ConfigError: The edge did not end in order.
        StoreError: The hub's store cannot be read.
    """
    if record.plan is None:
        record.plan = measure.plan_now(layout.state("hub"), SITE)
    parts["hub"].stop()
    runs = measure.read_summary(layout.state("edge") / "summary.json", record.up_ns)
    document = measure.report(record, runs, layout.state("hub"), demo_devices(layout))
    out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    say(f"written  {out}")
    return _verdict(document)


def _verdict(document: dict[str, Any]) -> int:
    fallback = document["fallback_test"]
    if fallback is not None and fallback["leases"] == 0:
        say("no lease was live when the hub was killed: the fallback could not be shown")
        return 1
    return 0
