"""`ems edge top`: a live view of the agent on this box, made from its own metrics."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge_agent.local_server import PORT_FILE
from protocols.errors import ConfigError

_LINE: Final = re.compile(r"^ems_edge_(\w+?)(?:\{(.*)\})? (\S+)$")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_TIMEOUT_S: Final = 3.0
_MEGA: Final = 1e6
_DOWN: Final = ("down", "down, tried next", "down, asked rarely")

Figures = dict[str, list[tuple[dict[str, str], float]]]


def read_metrics(state: Path) -> Figures:
    """Ask the agent whose state folder this is.

    Raises:
        ConfigError: No agent runs there, or it does not answer.
    """
    file = state / PORT_FILE
    if not file.exists():
        raise ConfigError(f"{file} is missing: no agent runs on {state}; start one with `ems edge run`")
    url = f"http://127.0.0.1:{int(file.read_text(encoding='ascii'))}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            return parse(answer.read().decode())
    except OSError as error:
        raise ConfigError(
            f"the agent on {state} does not answer at {url} ({error}); its log says why"
        ) from error


def parse(text: str) -> Figures:
    """Read the text format of Prometheus, our own families alone.

    Example:
        >>> parse('ems_edge_device_up{device="comp1"} 1')
        {'device_up': [({'device': 'comp1'}, 1.0)]}
    """
    figures: Figures = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            labels = {key: value.replace(r"\"", '"') for key, value in _LABEL.findall(match[2] or "")}
            figures.setdefault(match[1], []).append((labels, float(match[3])))
    return figures


def one(figures: Figures, name: str, **labels: str) -> float:
    """The figure of a family with these labels; 0 where it is not there."""
    for found, value in figures.get(name, []):
        if labels.items() <= found.items():
            return value
    return 0.0


def view(figures: Figures) -> Group:
    """Devices, groups and lanes as tables."""
    tables = (_head(figures), _buses(figures), _devices(figures), _groups(figures), _lanes(figures))
    return Group(*tables, _outlet(figures)) if "outlet_connected" in figures else Group(*tables)


def _head(figures: Figures) -> Text:
    waiting, size = one(figures, "journal_rows"), one(figures, "journal_bytes") / _MEGA
    text = f"{one(figures, 'samples_total'):,.0f} samples · {waiting:,.0f} rows ({size:,.1f} MB) wait"
    text += f" · {one(figures, 'resident_bytes') / _MEGA:,.0f} MB memory"
    text += f" · {one(figures, 'disk_written_bytes_total') / _MEGA:,.1f} MB written to disk"
    troubles = one(figures, "troubles")
    return Text(text + (" · TROUBLE: see `ems doctor`" if troubles else ""), style="red" if troubles else "")


def _buses(figures: Figures) -> Table:
    table = Table("bus", "wait", "kB out", "kB in", "again", "p50 ms", "p99 ms", title="buses")
    for labels, waiting in figures.get("bus_waiting", []):
        bus = labels["bus"]
        counted = any(at["bus"] == bus for at, _ in figures.get("bus_sent_bytes_total", []))
        names = ("bus_sent_bytes_total", "bus_heard_bytes_total")
        sizes = [f"{one(figures, name, bus=bus) / 1000:,.1f}" if counted else "–" for name in names]
        again = f"{one(figures, 'bus_resent_total', bus=bus):,.0f}"
        trips = (1000 * one(figures, "bus_round_trip_seconds", bus=bus, quantile=q) for q in ("0.5", "0.99"))
        table.add_row(bus, f"{waiting:,.0f}", *sizes, again, *(f"{trip:.1f}" for trip in trips))
    return table


def _devices(figures: Figures) -> Table:
    table = Table(
        "device", "bus", "link", "calls", "in vain", "again", "CRC", "p50 ms", "p99 ms", title="devices"
    )
    for labels, up in figures.get("device_up", []):
        device = labels["device"]
        p50, p99 = (
            1000 * one(figures, "round_trip_seconds", device=device, quantile=q) for q in ("0.5", "0.99")
        )
        calls, vain = (
            one(figures, "calls_total", device=device),
            one(figures, "call_failures_total", device=device),
        )
        spoiled = one(figures, "crc_errors_total", bus=labels["bus"])
        again = one(figures, "retries_total", device=device)
        down = _DOWN[int(one(figures, "breaker_state", device=device))]
        link = "[green]up[/green]" if up else f"[red]{down}[/red]"
        table.add_row(
            device,
            labels["bus"],
            link,
            *(f"{n:,.0f}" for n in (calls, vain, again, spoiled)),
            f"{p50:.1f}",
            f"{p99:.1f}",
        )
    return table


def _groups(figures: Figures) -> Table:
    table = Table("group", "every s", "cycle s", "p99 ms", "polls", "bad", "left out", "late", title="polls")
    for labels, every_s in figures.get("poll_target_seconds", []):
        names = (
            "poll_cycle_seconds",
            "polls_total",
            "polls_failed_total",
            "polls_missed_total",
            "polls_late_total",
        )
        delay_ms = 1000 * one(figures, "poll_delay_seconds", **labels, quantile="0.99")
        cycle_s, *counts = (one(figures, name, **labels) for name in names)
        table.add_row(
            labels["device"],
            f"{every_s:g}",
            f"{cycle_s:.2f}",
            f"{delay_ms:.0f}",
            *(f"{n:,.0f}" for n in counts),
        )
    return table


def _lanes(figures: Figures) -> Table:
    table = Table("lane", "rows", "MB", "on their way", "last answer ms", title="to the bus")
    for labels, rows in figures.get("lane_rows_total", []):
        table.add_row(labels["lane"], f"{rows:,.0f}", *_lane(figures, labels))
    return table


def _outlet(figures: Figures) -> Text:
    there = one(figures, "outlet_connected") > 0
    sent, dropped, waiting = (
        one(figures, f"outlet_{name}") for name in ("sent_total", "dropped_total", "waiting")
    )
    text = f"outlet {'connected' if there else 'AWAY'} · {sent:,.0f} samples told · {dropped:,.0f} given up"
    return Text(f"{text} · {waiting:,.0f} polls wait", style="" if there else "red")


def _lane(figures: Figures, labels: Mapping[str, str]) -> tuple[str, str, str]:
    size = one(figures, "lane_bytes_total", **labels) / _MEGA
    out = one(figures, "lane_on_their_way", **labels)
    return f"{size:,.2f}", f"{out:,.0f}", f"{1000 * one(figures, 'lane_answer_seconds', **labels):.1f}"


def top(
    *,
    state: Annotated[Path, typer.Option(help="Folder of the agent's own state.")] = Path("var/edge"),
    every_s: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print one view and end.")] = False,
) -> None:
    """Show live what the agent on this box does: devices, polls, journal, lanes; Ctrl-C ends it.

    Example: ems edge top --state var/edge
    """
    console = Console()
    first = view(read_metrics(state))
    if once:
        console.print(first)
        return
    with Live(first, console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            live.update(view(read_metrics(state)), refresh=True)
