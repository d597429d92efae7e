"""What the server of the plant bus is told: one account a box, and only what each may do. Pure text.

An edge shares no account with anybody: in a shared one an edge can publish to its own subject with another
edge's command subject as reply, and the server's acknowledgement then displaces the command that waits
there. Here each subject of an edge is imported from the hub's account, so a reply never leaves the edge's.
Permissions are allow-lists; MQTT, WebSocket and leaf-node listeners are not opened (docs/adr/0020).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocols import subjects
from runtime.bus import inbox_prefix
from runtime.bus_cluster import BusCluster, RouteTls, render_cluster

HUB: Final = "hub"

EDGE_CONNECTIONS: Final = 4
"""Connections of one edge account: two of the agent (commands, samples), two for `ems doctor` or a clone.

A clone has both of its own, so that it hears that it is one (ADR 0024); a second clone has none.
In a cluster as many more as an agent has: a server that stood still counts those its client has left.
"""

_LEFT_CONNECTIONS: Final = 2

EDGE_SUBSCRIPTIONS: Final = 64
"""Subscriptions of one edge account; an agent has about ten."""

MOST_PAYLOAD_BYTES: Final = 262_144
"""Largest message, as JSON, bundles and configurations are bounded below it. [B]"""

PING_S: Final = 15
"""A box that lost its power leaves its connections behind; three times this later they count no more. [s]"""

_MEMORY_STORE_BYTES: Final = 67_108_864
_HUB_ACCOUNT: Final = "HUB"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files of the server's certificate; the server refuses anything below TLS 1.3."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Peers:
    """The other servers of the bus.

    Attributes:
        cluster: This server among them.
        secret: What they show each other.
        tls: Certificate on the routes, and the CA of the others'; None: in the clear, inside one machine.
    """

    cluster: BusCluster
    secret: str
    tls: RouteTls | None = None


@dataclass(frozen=True, slots=True)
class BusLayout:
    """One server and who may log in.

    Attributes:
        folder: Where streams and the pid file live.
        listen: Address and client port, `host:port`.
        hub_key: Public nkey of the hub.
        edges: Id and public nkey of each edge, spare ones too.
        max_store_bytes: Bound of all file streams together. [B]
        monitor_port: Port of the monitoring pages on loopback; 0: none.
        tls: Certificate of the server; None: without TLS.
        peers: The other servers; None: it is alone.
    """

    folder: Path
    listen: str
    hub_key: str
    edges: tuple[tuple[str, str], ...]
    max_store_bytes: int
    monitor_port: int = 0
    tls: TlsFiles | None = None
    peers: Peers | None = None


def pid_file(folder: Path) -> Path:
    """Where the server writes its process id."""
    return folder / "nats.pid"


def render(layout: BusLayout) -> str:
    """The server's configuration, the same bytes for the same layout."""
    accounts = [_hub_account(layout), *(_edge_account(layout, edge, key) for edge, key in layout.edges)]
    lines = [
        "# written by `ems bus`; changes by hand are lost",
        f"server_name: {layout.peers.cluster.server if layout.peers else 'ems_bus'}",
        f'listen: "{layout.listen}"',
        f"max_payload: {MOST_PAYLOAD_BYTES}",
        f'ping_interval: "{PING_S}s"',
        "ping_max: 2",
        f'pid_file: "{pid_file(layout.folder)}"',
        *([f'http: "127.0.0.1:{layout.monitor_port}"'] if layout.monitor_port else []),
        *([_tls(layout.tls)] if layout.tls else []),
        *_cluster(layout.peers),
        "jetstream {",
        f'  store_dir: "{layout.folder / "store"}"',
        "  sync_interval: always",
        f"  max_file_store: {layout.max_store_bytes}",
        f"  max_memory_store: {_MEMORY_STORE_BYTES}",
        "}",
        "accounts {",
        *accounts,
        "}",
        "",
    ]
    return "\n".join(lines)


def _cluster(peers: Peers | None) -> list[str]:
    return [] if peers is None else render_cluster(peers.cluster, peers.secret, peers.tls)


def _tls(files: TlsFiles) -> str:
    lines = [f'cert_file: "{files.cert}"', f'key_file: "{files.key}"', 'min_version: "1.3"']
    return "\n  ".join(["tls {", *lines, "handshake_first: true"]) + "\n}"


def _upward(edge: str) -> list[str]:
    """What an edge publishes and the hub's account takes in."""
    any_of = "*"
    return [
        subjects.telemetry(edge, any_of),
        subjects.receipts(edge, any_of),
        subjects.catalogue(edge, any_of),
        subjects.heartbeat(edge),
        subjects.holders(edge),
        subjects.edge_record(edge),
    ]


def _own_record(edge: str) -> str:
    """Where an edge reads the record that names its one agent."""
    return f"$JS.API.DIRECT.GET.KV_{subjects.BUCKET_EDGES}.{subjects.edge_record(edge)}"


def _pull(edge: str) -> str:
    return f"$JS.API.CONSUMER.MSG.NEXT.{subjects.STREAM_COMMAND}.{subjects.command_consumer(edge)}"


def _ack(edge: str) -> str:
    return f"$JS.ACK.{subjects.STREAM_COMMAND}.{subjects.command_consumer(edge)}.>"


def _downward(edge: str) -> list[str]:
    """What the hub publishes to one edge."""
    return [subjects.renewal(edge), subjects.coverage(edge), subjects.configuration(edge)]


def _hub_account(layout: BusLayout) -> str:
    publish = ["cmd.*", "ren.*", "cov.*", "cfg.*", "ask.*", "evt.>", "$JS.API.>", "$JS.ACK.>", "$KV.>"]
    subscribe = [f"{inbox_prefix(HUB)}.>", "hb.*", "win.*", "evt.>", "tel.>", "rcpt.>", "cat.>", "$KV.>"]
    exports, imports = [], []
    for edge, _ in layout.edges:
        only = f'accounts: ["{_account(edge)}"]'
        exports += [
            f'{{ service: "{subject}", {only} }}'
            for subject in [*_upward(edge), _ack(edge), _own_record(edge)]
        ]
        exports.append(f'{{ service: "{_pull(edge)}", response: "stream", {only} }}')
        exports += [f'{{ stream: "{subject}", {only} }}' for subject in _downward(edge)]
        imports.append(_import("service", _account(edge), subjects.ask(edge)))
    copies = len(layout.peers.cluster.routes) if layout.peers else 1  # the bound of an account counts each
    memory_bytes, file_bytes = copies * _MEMORY_STORE_BYTES, copies * layout.max_store_bytes
    jetstream = f"jetstream: {{ max_mem: {memory_bytes}, max_file: {file_bytes} }}"
    return _block(
        _HUB_ACCOUNT, [jetstream, _user(layout.hub_key, publish, subscribe), *_lists(exports, imports)]
    )


def _edge_account(layout: BusLayout, edge: str, key: str) -> str:
    publish = [*_upward(edge), _pull(edge), _ack(edge), _own_record(edge)]
    subscribe = [f"{inbox_prefix(edge)}.>", *_downward(edge), subjects.ask(edge)]
    exports = [f'{{ service: "{subjects.ask(edge)}", accounts: ["{_HUB_ACCOUNT}"] }}']
    imports = [_import("service", _HUB_ACCOUNT, subject) for subject in publish]
    imports += [_import("stream", _HUB_ACCOUNT, subject) for subject in _downward(edge)]
    connections = EDGE_CONNECTIONS + (0 if layout.peers is None else _LEFT_CONNECTIONS)
    limits = (
        f"limits: {{ max_connections: {connections}, max_subscriptions: {EDGE_SUBSCRIPTIONS}, "
        f"max_payload: {MOST_PAYLOAD_BYTES}, max_leafnodes: 0 }}"
    )
    return _block(_account(edge), [limits, _user(key, publish, subscribe), *_lists(exports, imports)])


def _account(edge: str) -> str:
    return f"EDGE_{edge}"


def _import(kind: str, account: str, subject: str) -> str:
    return f'{{ {kind}: {{ account: "{account}", subject: "{subject}" }} }}'


def _user(key: str, publish: Sequence[str], subscribe: Sequence[str]) -> str:
    allowed = [", ".join(f'"{subject}"' for subject in part) for part in (publish, subscribe)]
    return (
        f"users: [ {{ nkey: {key}, permissions: {{ publish: {{ allow: [{allowed[0]}] }}, "
        f'subscribe: {{ allow: [{allowed[1]}] }}, allow_responses: {{ max: 1, expires: "30s" }} }} }} ]'
    )


def _lists(exports: Sequence[str], imports: Sequence[str]) -> list[str]:
    return [f"exports: [\n      {_joined(exports)}\n    ]", f"imports: [\n      {_joined(imports)}\n    ]"]


def _joined(entries: Iterable[str]) -> str:
    return ",\n      ".join(entries)


def _block(name: str, parts: Iterable[str]) -> str:
    return "\n".join([f"  {name}: {{", *(f"    {part}" for part in parts), "  }"])
