"""What every role of the hub is told at its start.

It loads no database: the parent has it long before it needs one, and begins the role that takes in meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.command.election import LEASE_S
from hub.store.engine import StoreChoice, StorePlace, place_of
from runtime.bus import BusLogin, ca_file
from runtime.bus_layout import HUB
from runtime.nats_server import seed_file

ROLES: Final = ("ingest", "api", "dispatch", "alarms", "jobs")
"""In order of start; `hub.roles.<name>` has `async def run(options: RoleOptions) -> None`."""


@dataclass(frozen=True, slots=True)
class RoleOptions:
    """Command line of `ems hub run`, handed on to each role.

    Attributes:
        config: Folder with sites/, devices/, tariffs/, emissions/.
        site: The site.
        state: The hub's own folder.
        bus: `nats://host:port`; of a cluster those of all servers, joined by commas.
        keys: Folder of keys and nkey seeds.
        port: Port of the page and the API.
        host: Address the API listens on.
        tls: Certificate and private key of page and API, PEM; None: plain HTTP, for loopback or a proxy.
        leader_lease_s: How long the hub that commands may be silent before another takes over. [s]
        db: Address of the business database as given at the start, `sqlite` for the file in `state`; None:
            where it was before. Roles find it in the state folder.
        store: Where the series stand as given at the start; None: where they stood before. Roles find it in
            the state folder, and the token by file or environment.
        bus_replicas: Servers of a cluster that keep a copy of each stream; None: as many as do, one for a
            new stream.
        trusted_proxies: Addresses and networks of proxies whose word on where a request comes from is
            believed.
    """

    config: Path
    site: str
    state: Path
    bus: str
    keys: Path
    port: int
    host: str = "127.0.0.1"
    tls: tuple[Path, Path] | None = None
    leader_lease_s: float = LEASE_S
    db: str | None = None
    store: StoreChoice | None = None
    bus_replicas: int | None = None
    trusted_proxies: tuple[str, ...] = ()

    @property
    def login(self) -> BusLogin:
        """The hub's credentials on the bus; without a seed where the keys folder has none."""
        seed = seed_file(self.keys, HUB)
        return BusLogin(self.bus, HUB, seed if seed.exists() else None, ca_file(self.keys))

    @property
    def series_path(self) -> Path:
        """The series database."""
        from hub.store import schema  # noqa: PLC0415  see above

        return self.state / schema.FILE

    @property
    def store_place(self) -> StorePlace:
        """Where the series stand."""
        return place_of(self.state)

    @property
    def one_writer(self) -> bool:
        """Whether the store has room for one ingest only."""
        return self.store_place.influx is None

    @property
    def business_url(self) -> str:
        """The business database."""
        from hub.database import url_of  # noqa: PLC0415  see above

        return url_of(self.state)

    def arguments(self) -> list[str]:
        """The same options as a command line."""
        return [
            f"--config={self.config}", f"--site={self.site}", f"--state={self.state}", f"--bus={self.bus}",
            f"--keys={self.keys}", f"--port={self.port}", f"--host={self.host}",
            f"--leader-lease-s={self.leader_lease_s}",
            *([] if self.bus_replicas is None else [f"--bus-replicas={self.bus_replicas}"]),
            *(f"--trusted-proxy={one}" for one in self.trusted_proxies),
            *([] if self.tls is None else [f"--tls-cert={self.tls[0]}", f"--tls-key={self.tls[1]}"]),
        ]  # fmt: skip


Role = Callable[[RoleOptions], Awaitable[None]]
