"""Subjects and streams of the bus: the only place where their names are made.

up     tel.<edge>.<journal>       telemetry bundles            stream TEL
       rcpt.<edge>.<journal>      receipts and gap records     stream TEL
       cat.<edge>.<hash>          catalogues, newest kept      stream CAT
       hb.<edge>                  heartbeats                   no stream
       win.<edge>                 who holds each set-point     no stream
down   cmd.<edge>                 commands                     stream CMD (memory)
       ren.<edge>                 renewals                     no stream
       cov.<edge>                 committed ranges             no stream
       cfg.<edge>                 desired configuration        no stream
both   ask.<edge>                 read-only request and reply  no stream
hub    evt.<site>.<kind>          what the hub's roles tell each other: values, plan, command, leader
       $KV.LEADER.<site>          which hub leads, by compare-and-set bucket LEADER
       $KV.INGEST.<site>          who takes in which partition         bucket INGEST
in     in.<partition>.tel.…       the stream TEL keeps its messages by partitions of edges (docs/adr/0027)
edge   $KV.EDGES.edge_<edge>      which agent is the edge's, by the same   bucket EDGES

"""

from __future__ import annotations

from typing import Final

STREAM_TELEMETRY: Final = "TEL"
STREAM_CATALOGUE: Final = "CAT"
STREAM_COMMAND: Final = "CMD"
BUCKET_LEADER: Final = "LEADER"
BUCKET_INGEST: Final = "INGEST"
BUCKET_EDGES: Final = "EDGES"

STREAM_SUBJECTS: Final[dict[str, tuple[str, ...]]] = {
    STREAM_TELEMETRY: ("tel.*.*", "rcpt.*.*"),
    STREAM_CATALOGUE: ("cat.*.*",),
    STREAM_COMMAND: ("cmd.*",),
}


PARTITIONS: Final = 16
"""Parts of the edges, by a hash of the edge's id that the bus server makes; fixed for good."""

STORED_FROM: Final = "*.*.*"
STORED_AS: Final = f"in.{{{{partition({PARTITIONS},2)}}}}." + ".".join(
    f"{{{{wildcard({at})}}}}" for at in (1, 2, 3)
)
"""How the server turns the subject of a row into the one the stream keeps it under."""


def partition(number: int) -> str:
    """All rows of one partition, as the stream keeps them."""
    return f"in.{number}.>"


def as_sent(stored: str) -> str:
    """The subject a row was sent to.

    Example:
        >>> as_sent("in.7.tel.edge1.ab"), as_sent("tel.edge1.ab")
        ('tel.edge1.ab', 'tel.edge1.ab')
    """
    return stored.split(".", 2)[2] if stored.startswith("in.") else stored


def telemetry(edge: str, journal: str) -> str:
    """Bundles of frames."""
    return f"tel.{edge}.{journal}"


def receipts(edge: str, journal: str) -> str:
    """Receipts, by the same journal."""
    return f"rcpt.{edge}.{journal}"


def catalogue(edge: str, hash_hex: str) -> str:
    """One catalogue of an edge."""
    return f"cat.{edge}.{hash_hex}"


def heartbeat(edge: str) -> str:
    """Heartbeats of an edge."""
    return f"hb.{edge}"


def holders(edge: str) -> str:
    """Who holds each set-point of an edge, and why."""
    return f"win.{edge}"


def command(edge: str) -> str:
    """Commands to an edge."""
    return f"cmd.{edge}"


def command_consumer(edge: str) -> str:
    """Durable consumer an edge pulls its commands from."""
    return f"CMD_{edge}"


def renewal(edge: str) -> str:
    """Renewals to an edge."""
    return f"ren.{edge}"


def coverage(edge: str) -> str:
    """Committed ranges, told to the edge."""
    return f"cov.{edge}"


def configuration(edge: str) -> str:
    """The desired configuration of an edge, sent until it is answered."""
    return f"cfg.{edge}"


def ask(edge: str) -> str:
    """Read-only questions to an edge."""
    return f"ask.{edge}"


def edge_key(edge: str) -> str:
    """Key of the record that names an edge's one agent."""
    return f"edge_{edge}"


def edge_record(edge: str) -> str:
    """Subject of that record: an edge may write its own and no other."""
    return f"$KV.{BUCKET_EDGES}.{edge_key(edge)}"


def event(site: str, kind: str) -> str:
    """What a role of the hub tells the others."""
    return f"evt.{site}.{kind}"


def edge_of(subject: str) -> str:
    """The edge a subject is about: its second part."""
    return subject.split(".")[1]


def message_id(journal: str, seq: int) -> str:
    """Value of the `Nats-Msg-Id` header of a journal row."""
    return f"{journal}:{seq}"
