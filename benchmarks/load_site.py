"""A site with the first devices of the edges that `journal_feeder` feeds: the API knows their points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.journal_feeder import POINTS, SITE

DEVICES: Final = 2
"""Devices of each edge that the site knows; what else is fed is stored all the same."""

_TEXT: Final = {"en": "x", "zh": "x"}


def write_load_site(config: Path, edges: Sequence[str]) -> None:
    """Write it into an empty folder."""
    folder = config / "sites" / SITE
    folder.mkdir(parents=True)
    (config / "devices").mkdir()
    points = [
        {"name": f"p{at}_kw", "label": _TEXT, "unit": "kW",
         "address": {"kind": "modbus", "address": 2 * at, "type": "f32"}}
        for at in range(POINTS)
    ]  # fmt: skip
    profile = {"id": "dev", "label": _TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    site = {
        "id": SITE, "label": _TEXT, "time_zone": "Europe/Berlin", "currency": "EUR", "latitude": 48.0,
        "longitude": 11.0, "mode": "advice", "edges": list(edges),
    }  # fmt: skip
    files = {config / "devices" / "dev.yaml": profile, folder / "site.yaml": site}
    for at, edge in enumerate(edges):
        devices = [
            {"id": f"{edge}_m{number}", "label": _TEXT, "profile": "dev",
             "connection": {"kind": "modbus", "host": "127.0.0.1", "port": 502 + at, "unit": number + 1}}
            for number in range(DEVICES)
        ]  # fmt: skip
        files[folder / f"{edge}.yaml"] = {"site": SITE, "edge": edge, "devices": devices}
    for path, content in files.items():
        path.write_text(json.dumps(content), encoding="utf-8")
