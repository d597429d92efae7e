"""A stop goes to every edge before set-points do, and what goes to one edge keeps its order."""

from __future__ import annotations

from hub.command.drafting import Drafter
from hub.command.issuer import acts_first
from hub.command.wishes import Errand, Fresh, Issuer, Out
from protocols.command import CommandKind
from protocols.heartbeat import decode_heartbeat
from tests.unit.hub_dispatch.test_hub_issuer import beat


def out(edge: str, kind: CommandKind, point: str) -> Out:
    drafter = Drafter(Issuer("hub", "00", "demo", 10.0), edge)
    return Fresh(drafter.errand(Errand(kind, point, "works", "ann", "one"), decode_heartbeat(beat())), None)


def test_a_stop_waits_for_no_other_edge() -> None:
    free = out("edge1", CommandKind.RELEASE, "demo/comp1/role_set_code")
    before = out("edge2", CommandKind.RELEASE, "demo/comp2/role_set_code")
    stop = out("edge2", CommandKind.STOP, "all")
    after = out("edge2", CommandKind.RELEASE, "demo/comp3/role_set_code")
    found = list(acts_first([("edge1", [free]), ("edge2", [before, stop, after]), ("edge3", [])]))
    assert found == [("edge2", before), ("edge2", stop), ("edge1", free), ("edge2", after)]
