"""The metrics of one agent in the text format of Prometheus 0.0.4."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.journal import Journal
from edge_agent.lines import Lines
from edge_agent.meters import Meters
from edge_agent.outlet.meter import OutletMeter
from edge_agent.uplink import Uplink

_QUANTILES: Final = (0.5, 0.99)

Labels = Mapping[str, str]
Row = tuple[Labels, float]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from.

    Attributes:
        meters: Devices and groups.
        journal: What waits for the hub.
        uplink: What goes to the bus.
        lines: How each device stands at its bus.
        buses: Device to the name of its bus.
        outlet: Figures of the outlet; gives None where there is none.
        read_only: Why this agent writes nothing, because another has the edge's record; empty when it may.
    """

    meters: Meters
    journal: Journal
    uplink: Uplink
    lines: Lines
    buses: Mapping[str, str]
    outlet: Callable[[], OutletMeter | None]
    read_only: Callable[[], str] = str


async def exposition(sources: Sources) -> str:
    """All metrics of this instant."""
    troubles = len(sources.journal.troubles) + len(sources.uplink.troubles) + bool(sources.read_only())
    waiting, stored = await sources.journal.pending(), await sources.journal.stored_bytes()
    hold_s = await sources.journal.hold_s()
    hold: list[Row] = [] if hold_s is None else [({}, hold_s)]
    return "".join(
        [
            *_groups(sources.meters),
            *_devices(sources),
            *_buses(sources),
            _family("journal_rows", "gauge", "Rows the hub has not committed.", [({}, waiting)]),
            _family("journal_bytes", "gauge", "Bytes of these rows.", [({}, stored)]),
            _family("journal_hold_seconds", "gauge", "How long they have room without the hub.", hold),
            _family("samples_total", "counter", "Samples journalled.", [({}, sources.journal.polled)]),
            _family("troubles", "gauge", "Faults a person should see to.", [({}, troubles)]),
            *_lanes(sources.uplink),
            *_outlet(sources.outlet()),
            *_process(),
        ]
    )


def _groups(meters: Meters) -> Iterable[str]:
    of = [({"device": m.group.device, "every_s": f"{m.group.every_s:g}"}, m) for m in meters.groups.values()]
    yield _family(
        "poll_target_seconds", "gauge", "Period asked for.", [(at, m.group.every_s) for at, m in of]
    )
    yield _family(
        "poll_cycle_seconds", "gauge", "Between the last two polls.", [(at, m.cycle_s) for at, m in of]
    )
    yield _family("polls_total", "counter", "Polls made, good or bad.", [(at, m.polls) for at, m in of])
    yield _family(
        "polls_failed_total", "counter", "Polls without a number.", [(at, m.failed) for at, m in of]
    )
    yield _family("polls_missed_total", "counter", "Polls left out.", [(at, m.missed) for at, m in of])
    yield _family("polls_late_total", "counter", "Polls a period late.", [(at, m.late) for at, m in of])
    delays = [({**at, "quantile": str(q)}, _quantile(m.delays_s, q)) for at, m in of for q in _QUANTILES]
    yield _family("poll_delay_seconds", "gauge", "From its instant to its frame, newest 256.", delays)


def _devices(sources: Sources) -> Iterable[str]:
    links, retries, breakers = sources.lines.links(), sources.lines.retries(), sources.lines.breakers()
    of = [
        ({"device": name, "bus": sources.buses.get(name, name)}, meter, name)
        for name, meter in sources.meters.devices.items()
    ]
    yield _family(
        "device_up", "gauge", "1 while it answers.", [(at, links.get(n) == "up") for at, _, n in of]
    )
    yield _family(
        "calls_total", "counter", "Reads and writes at the device.", [(at, m.calls) for at, m, _ in of]
    )
    yield _family("call_failures_total", "counter", "Calls in vain.", [(at, m.failures) for at, m, _ in of])
    yield _family(
        "busy_seconds_total", "counter", "Time its bus worked for it.", [(at, m.busy_s) for at, m, _ in of]
    )
    yield _family(
        "retries_total", "counter", "Calls after one in vain.", [(at, retries.get(n, 0)) for at, _, n in of]
    )
    yield _family(
        "breaker_state",
        "gauge",
        "0 asked, 1 tried next, 2 not asked.",
        [(at, breakers[n]) for at, _, n in of],
    )
    spoiled = {sources.buses.get(name, name): count for name, count in sources.meters.crc_errors().items()}
    yield _family(
        "crc_errors_total",
        "counter",
        "Requests answered by bytes without a right checksum.",
        [({"bus": bus}, count) for bus, count in spoiled.items()],
    )
    trips = [
        ({**at, "quantile": str(q)}, _quantile(m.round_trips_s, q)) for at, m, _ in of for q in _QUANTILES
    ]
    yield _family("round_trip_seconds", "gauge", "Time of a call, of the newest 256.", trips)


def _buses(sources: Sources) -> Iterable[str]:
    of: dict[str, list[str]] = {}
    for name in sources.meters.devices:
        of.setdefault(sources.buses.get(name, name), []).append(name)
    waiting, traffic = sources.lines.waiting(), sources.meters.traffic()
    meters = {bus: [sources.meters.devices[name] for name in names] for bus, names in of.items()}
    firsts = {bus: names[0] for bus, names in of.items()}  # all devices of a bus share its queue and its wire
    trips = {bus: [trip for meter in on for trip in meter.round_trips_s] for bus, on in meters.items()}
    yield _family(
        "bus_round_trip_seconds", "gauge", "Time of a call, newest 256 a device.",
        [({"bus": bus, "quantile": str(q)}, _quantile(trips[bus], q)) for bus in of for q in _QUANTILES],
    )  # fmt: skip
    busy = [({"bus": bus}, sum(meter.busy_s for meter in on)) for bus, on in meters.items()]
    yield _family("bus_busy_seconds_total", "counter", "Time it worked.", busy)
    queued = [({"bus": bus}, waiting.get(first, 0)) for bus, first in firsts.items()]
    yield _family("bus_waiting", "gauge", "Calls that wait for their turn.", queued)
    counted = [({"bus": bus}, traffic[first]) for bus, first in firsts.items() if first in traffic]
    yield _family(
        "bus_sent_bytes_total", "counter", "Bytes to its devices.", [(at, t.sent_bytes) for at, t in counted]
    )
    yield _family(
        "bus_heard_bytes_total", "counter", "Bytes from there.", [(at, t.heard_bytes) for at, t in counted]
    )
    resent = [(at, t.resent) for at, t in counted]
    yield _family("bus_resent_total", "counter", "Reads sent again as a datagram was lost.", resent)


def _lanes(uplink: Uplink) -> Iterable[str]:
    of = [({"lane": name}, lane) for name, lane in uplink.lanes.items()]
    yield _family("lane_rows_total", "counter", "Rows the bus took.", [(at, lane.rows) for at, lane in of])
    yield _family(
        "lane_bytes_total", "counter", "Bytes of these rows.", [(at, lane.bytes) for at, lane in of]
    )
    yield _family(
        "lane_on_their_way", "gauge", "Rows without an answer.", [(at, lane.on_their_way) for at, lane in of]
    )
    yield _family(
        "lane_answer_seconds", "gauge", "Time of the last answer.", [(at, lane.took_s) for at, lane in of]
    )


def _outlet(meter: OutletMeter | None) -> Iterable[str]:
    if meter is None:
        return
    yield _family("outlet_connected", "gauge", "1 with a session.", [({}, meter.connected)])
    yield _family("outlet_sessions_total", "counter", "Sessions begun.", [({}, meter.sessions)])
    yield _family("outlet_messages_total", "counter", "Messages its broker took.", [({}, meter.messages)])
    yield _family("outlet_sent_total", "counter", "Samples in these messages.", [({}, meter.sent)])
    yield _family("outlet_dropped_total", "counter", "Samples given up.", [({}, meter.dropped)])
    yield _family("outlet_waiting", "gauge", "Polls that wait for its broker.", [({}, meter.waiting)])


def _process() -> Iterable[str]:
    figures = dict(line.split(":") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    resident_kb = next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")), "0")
    written = int(figures["write_bytes"])
    yield _family(
        "disk_written_bytes_total", "counter", "Bytes written to the block device.", [({}, written)]
    )
    yield _family("resident_bytes", "gauge", "Memory of the process.", [({}, int(resident_kb) * 1024)])


def _quantile(figures: Iterable[float], share: float) -> float:
    kept = sorted(figures)
    return kept[min(int(share * len(kept)), len(kept) - 1)] if kept else 0.0


def _family(name: str, kind: str, text: str, rows: Iterable[Row]) -> str:
    head = f"# HELP ems_edge_{name} {text}\n# TYPE ems_edge_{name} {kind}\n"
    return head + "".join(f"ems_edge_{name}{_labels(labels)} {float(value):.9g}\n" for labels, value in rows)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    quoted = (
        '{}="{}"'.format(key, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        for key, value in labels.items()
    )
    return "{" + ",".join(quoted) + "}"
