"""The page for the technician at the box: live values of every point, reading only, on loopback only."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from typing import Final

from edge_agent.image import Image
from edge_agent.local_server import HTML, JSON, TEXT, Pages
from protocols.clock import Clock
from protocols.quality import Quality
from protocols.units import unit as unit_named
from runtime.clock import iso_utc
from runtime.site import SiteDevices

PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>EMS edge</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 1rem; color: #1b2733; background: #fff; }
table { border-collapse: collapse; margin: 0 0 1.5rem; } caption { text-align: left; font-weight: 600; }
td { padding: .15rem .8rem .15rem 0; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.bad td { color: #a11; } p { color: #555; }
@media (prefers-color-scheme: dark) {
  body { color: #dde5ec; background: #12181e; } tr.bad td { color: #f99; } p { color: #aaa; } }
</style>
<p id="said">…</p><main></main>
<script>
const said = document.getElementById("said"), main = document.querySelector("main");
function cell(row, text, kind) { const c = row.insertCell(); c.textContent = text; c.className = kind || ""; }
async function look() {
  try {
    const found = await (await fetch("/values")).json();
    main.replaceChildren(...found.devices.map((device) => {
      const table = document.createElement("table");
      table.createCaption().textContent = device.id + " · " + device.label;
      for (const point of device.points) {
        const row = table.insertRow();
        row.className = point.value === null ? "bad" : "";
        cell(row, point.name); cell(row, point.value === null ? "–" : String(point.value), "n");
        cell(row, point.unit); cell(row, point.quality);
        cell(row, point.age_s === null ? "" : point.age_s + " s ago");
        cell(row, point.source_time === null ? "" : "device clock " + point.source_time);
      }
      return table;
    }));
    said.textContent = found.edge + " · " + new Date().toLocaleTimeString();
  } catch (error) { said.textContent = "The agent does not answer: " + error; }
  setTimeout(look, 1000);
}
look();
</script></html>
"""

_DIGITS: Final = 6


def values_json(site: SiteDevices, image: Image, clock: Clock) -> str:
    """Newest value, quality, age and told time of every point, as the page reads it."""
    now_s = clock.mono_s()
    devices = []
    for device in site.edge.devices:
        points = []
        for spec in site.profile_of(device.id).points:
            last = image.get(f"{device.id}/{spec.name}")
            points.append(
                {
                    "name": spec.name,
                    "unit": unit_named(spec.unit).symbol,
                    "value": float(f"{last.value:.{_DIGITS}g}") if math.isfinite(last.value) else None,
                    "quality": Quality(last.quality).name.lower().replace("_", " "),
                    "age_s": round(now_s - last.mono_s, 1) if math.isfinite(last.mono_s) else None,
                    "source_time": iso_utc(last.source_ns) if last.source_ns else None,
                }
            )
        devices.append({"id": device.id, "label": device.label.en, "points": points})
    return json.dumps({"edge": f"{site.edge.site}/{site.edge.edge}", "devices": devices})


def pages(site: SiteDevices, image: Image, clock: Clock, metrics: Callable[[], Awaitable[str]]) -> Pages:
    """What the local server has."""

    async def page() -> str:
        return PAGE

    async def values() -> str:
        return values_json(site, image, clock)

    return {"/metrics": (TEXT, metrics), "/": (HTML, page), "/values": (JSON, values)}
