"""Health of what is kept: sealing that does not go on, damaged files, and edges that run out of room."""

from __future__ import annotations

from dataclasses import replace

from hub.api.edges import EdgeWatch
from hub.health.book import Ill, RoleBook
from hub.health.figures import put_edges
from hub.health.holding import BACKLOG_ROWS, short_of_room, with_hold
from hub.health.meter import Meter, exposition
from hub.health.report import Report
from hub.health.sealing import OLD_S, STILL_S, SealWatch
from hub.health.words import illness
from hub.store.port import Keeping
from protocols.heartbeat import Heartbeat
from runtime.clock import VirtualClock

NS = 1_000_000_000
BEAT = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, pending=3, journal="j", hold_s=72 * 3600.0)


async def _never() -> Keeping:
    return Keeping(None, 0)


def codes(meter: Meter) -> list[str]:
    book = RoleBook(VirtualClock(), ())
    book.hear(Report("ingest", "box:1", {}, tuple(meter.families())).encode())
    return [one.code for one in book.ill()]


def test_what_waits_for_hours_and_never_moves_is_ill_and_a_backlog_of_old_samples_is_not() -> None:
    clock, meter = VirtualClock(), Meter()
    watch = SealWatch(_never, meter, clock)
    old_ns = clock.now().wall_ns - int(OLD_S + 60) * NS
    for step in range(int(STILL_S // 30) + 1):
        watch.take(Keeping(old_ns + step * NS, 0))  # rows of an edge that was away for long
        clock.advance(30.0)
    assert codes(meter) == []
    for _ in range(int(STILL_S // 30) + 2):
        watch.take(Keeping(old_ns, 0))
        clock.advance(30.0)
    assert codes(meter) == ["store:sealing"]
    watch.take(Keeping(clock.now().wall_ns - 60 * NS, 2))
    assert codes(meter) == ["store:damaged"]
    assert "ems_hub_seal_age_seconds 60" in exposition(meter.families())
    watch.take(Keeping(None, 0))
    assert codes(meter) == []


async def test_who_no_longer_seals_tells_no_more_of_it() -> None:
    meter = Meter()
    watch = SealWatch(_never, meter, VirtualClock())
    watch.take(Keeping(1, 0))
    assert meter.families()
    meter.forget("seal_age_seconds", "seal_still_seconds", "sealed_files_damaged")
    assert not meter.families()


def test_an_edge_says_how_long_it_has_room_and_one_that_is_silent_has_less_each_hour() -> None:
    clock = VirtualClock()
    edges = EdgeWatch(("edge1", "edge2"), clock)
    assert edges.hold_s("edge1") is None
    edges.hear(BEAT.encode())
    assert edges.hold_s("edge1") == 72 * 3600.0
    clock.advance(3600.0)
    assert edges.hold_s("edge1") == 71 * 3600.0
    meter = Meter()
    put_edges(meter, ("edge1", "edge2"), edges)
    assert 'ems_hub_edge_hold_seconds{edge="edge1"} 255600' in exposition(meter.families())
    assert 'ems_hub_edge_hold_seconds{edge="edge2"}' not in exposition(meter.families())


def test_an_edge_with_a_backlog_and_little_room_is_ill_and_what_stops_the_intake_says_how_long_there_is() -> (
    None
):
    edges = EdgeWatch(("edge1",), VirtualClock())
    edges.hear(replace(BEAT, hold_s=3600.0).encode())
    assert short_of_room(("edge1",), edges, bus_down=False) == [], "nothing waits"
    assert [one.detail for one in short_of_room(("edge1",), edges, bus_down=True)] == [
        "edge1 has room for 1.0 h more"
    ]
    edges.hear(replace(BEAT, hold_s=3600.0, pending=BACKLOG_ROWS + 1).encode())
    assert [one.code for one in short_of_room(("edge1",), edges, bus_down=False)] == ["edge:hold"]
    edges.hear(replace(BEAT, pending=BACKLOG_ROWS + 1).encode())
    assert short_of_room(("edge1",), edges, bus_down=False) == [], "three days are enough"
    told = with_hold(Ill("ingest:part7", "it fails"), ("edge1",), edges)
    assert told.detail == "it fails; the edges have room for 72.0 h at least (edge1)"
    assert with_hold(Ill("dispatch", "away"), ("edge1",), edges) == Ill("dispatch", "away")
    for code in ("edge:hold", "store:sealing", "store:damaged"):
        assert illness(code) is not illness("other")
