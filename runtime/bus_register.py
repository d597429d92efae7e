"""Who may log in at the plant bus, as a file beside its configuration; public keys only, never a seed.

`bus.json` is the register, `nats.conf` is written from it, both under one lock, each whole or not at all. A
box that leaves, and one that is still to come, has an account with a key that nobody holds: letting a box in
or out is then the change of one key, which the server takes over in one reload and which cuts the old box off
at once. A new account needs two reloads before its imports reach the streams (nats-server 2.15.1).
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import nkeys
from pydantic import Field, ValidationError

from protocols.config import ID_PART, Config, IdPart
from protocols.errors import BusError, ConfigError
from runtime.bus_cluster import HOST_PORT, BusCluster, RouteTls, open_secret
from runtime.bus_layout import HUB, BusLayout, Peers, TlsFiles, pid_file, render

PUBLIC_KEY: Final = r"^U[A-Z2-7]{55}$"
"""A public nkey of a user."""

REGISTER: Final = "bus.json"
CONFIG: Final = "nats.conf"

_BETWEEN_RELOADS_S: Final = 0.5
"""The server has read its configuration long before. [s]"""

_ADDRESS: Final = r"(nats|tls)://[A-Za-z0-9.\[\]:-]+:[0-9]{1,5}"

PublicKey = Annotated[str, Field(pattern=PUBLIC_KEY)]
BoxState = Literal["joined", "spare", "revoked"]


class BusEdge(Config):
    """One account of an edge."""

    edge: IdPart
    """Id of the edge; the subjects it may use are made of it."""

    key: PublicKey
    """Public nkey of the box; of nobody where the account is spare or revoked."""

    state: BoxState
    """Joined: a box holds the key. Spare: none does yet. Revoked: none does any more."""


class BusRegister(Config):
    """Settings of the server and its accounts."""

    listen: Annotated[str, Field(pattern=HOST_PORT)]
    """Address and client port, `host:port`."""

    address: Annotated[str, Field(pattern=f"^{_ADDRESS}(,{_ADDRESS})*$")]
    """What boxes connect to; `tls://` where the server has a certificate. Of a cluster all, with commas."""

    hub_key: PublicKey
    """Public nkey of the hub."""

    monitor_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port of the monitoring pages, on loopback only; 0: none."""

    max_store_bytes: Annotated[int, Field(ge=10_000_000)] = 2_000_000_000
    """Bound of all streams on disk together. [B]"""

    tls_cert: Path | None = None
    """Certificate of the server, PEM; None: without TLS."""

    tls_key: Path | None = None
    """Its private key, PEM."""

    tls_ca: Path | None = None
    """Certificate of the installation's own CA, which boxes pin."""

    cluster: BusCluster | None = None
    """The other servers of the bus; None: it is alone."""

    edges: tuple[BusEdge, ...] = ()
    """Accounts, in the order they came."""

    revoked_keys: tuple[PublicKey, ...] = ()
    """Keys that were cut off and never come back."""

    def find(self, edge: str) -> BusEdge | None:
        """The account of an edge; None where it has none."""
        return next((one for one in self.edges if one.edge == edge), None)

    def with_edge(self, changed: BusEdge) -> BusRegister:
        """The same with this account in place of the one of that name, or as a new one."""
        known = self.find(changed.edge)
        edges = [changed if one is known else one for one in self.edges]
        return self.model_copy(update={"edges": (*edges, *(() if known else (changed,)))})


def with_spares(register: BusRegister, edges: Iterable[str]) -> BusRegister:
    """The same with an account for each of these edges; those that are there stay as they are.

    Raises:
        ConfigError: An id is none of an edge.
    """
    for edge in edges:
        if not re.fullmatch(ID_PART, edge) or edge == HUB:
            raise ConfigError(
                f"{edge!r} cannot be an edge's id: small letters, digits and _, a letter first; not `hub`"
            )
        if register.find(edge) is None:
            register = register.with_edge(BusEdge(edge=edge, key=nobodys_key(), state="spare"))
    return register


def nobodys_key() -> str:
    """A public nkey whose seed is forgotten at once."""
    return public_key(new_seed())


def new_seed() -> bytes:
    """A fresh nkey seed of a user."""
    return bytes(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER))


def public_key(seed: bytes) -> str:
    """The public half of an nkey seed.

    Raises:
        ConfigError: This is no nkey seed of a user.
    """
    try:
        key = str(nkeys.from_seed(bytearray(seed.strip())).public_key, "ascii")
    except (nkeys.NkeysError, ValueError) as error:
        raise ConfigError("this is no nkey seed") from error
    if not key.startswith("U"):
        raise ConfigError("this nkey seed is not that of a user")
    return key


def differences(old: BusRegister | None, new: BusRegister) -> list[str]:
    """What changes, one line each; empty where nothing does."""
    if old is None:
        return [f"+ server {new.listen}", *(f"+ edge {one.edge} ({one.state})" for one in new.edges)]
    names = (
        "listen",
        "address",
        "hub_key",
        "monitor_port",
        "max_store_bytes",
        "tls_cert",
        "tls_key",
        "tls_ca",
        "cluster",
    )
    lines = [
        f"~ {name}: {getattr(old, name)} → {getattr(new, name)}"
        for name in names
        if getattr(old, name) != getattr(new, name)
    ]
    for one in new.edges:
        before = old.find(one.edge)
        if before is None:
            lines.append(f"+ edge {one.edge} ({one.state})")
        elif before != one:
            swapped = "" if before.key == one.key else ", another key"
            lines.append(f"~ edge {one.edge}: {before.state} → {one.state}{swapped}")
    return lines


class BusKeeper:
    """The register in one folder; every change goes through `change`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    @property
    def config(self) -> Path:
        """The server's configuration."""
        return self._folder / CONFIG

    @property
    def register(self) -> Path:
        """The register's file; it holds no secret."""
        return self._folder / REGISTER

    def load(self) -> BusRegister | None:
        """The register; None where there is none yet.

        Raises:
            ConfigError: It cannot be read or was spoiled.
        """
        return _read(self.register)

    def known(self) -> BusRegister:
        """The register.

        Raises:
            ConfigError: There is none, or it was spoiled.
        """
        return _some(self.load())

    def change(self, how: Callable[[BusRegister | None], BusRegister]) -> list[str]:
        """Change the register and write the configuration; tells what changed.

        Raises:
            ConfigError: As `load`, or the files cannot be written.
        """
        with self._locked():
            old = self.load()
            new = how(old)
            config = render(self._layout(new))
            if old != new:
                _write_whole(self.register, new.model_dump_json(indent=1) + "\n")
            if not self.config.exists() or self.config.read_text(encoding="utf-8") != config:
                _write_whole(self.config, config)
        return differences(old, new)

    def admit(self, edge: str, key: str) -> None:
        """Give the account of an edge to the box with this key, and let the server know.

        Raises:
            ConfigError: There is no such account, or the key was revoked.
        """

        def how(old: BusRegister | None) -> BusRegister:
            register = _there(old, edge)
            if key in register.revoked_keys:
                raise ConfigError(f"this key of {edge} was revoked; the box has to make another one")
            return register.with_edge(BusEdge(edge=edge, key=key, state="joined"))

        if self.change(how):
            self.reload()

    def provision(self, edges: Iterable[str]) -> list[str]:
        """Make accounts ahead of their boxes; those that are there stay as they are. Tells what is new.

        Blocks for half a second where the server runs: it reads a new account in two steps.

        Raises:
            ConfigError: An id is none, or the register cannot be written.
        """

        def how(old: BusRegister | None) -> BusRegister:
            return with_spares(_some(old), edges)

        changed = self.change(how)
        if changed:
            self.reload_twice()
        return changed

    def follow(self, other: Path) -> list[str]:
        """Take the accounts from the register of another server of the cluster; the rest stays as it is.

        Blocks as `provision` does, where something changed.

        Raises:
            ConfigError: There is no such register, or it is older than this one: it lets a key in that was
                cut off here.
        """
        theirs = _read(other)
        if theirs is None:
            raise ConfigError(f"{other} is missing; copy bus.json from the server where boxes join")

        def how(old: BusRegister | None) -> BusRegister:
            mine = _some(old)
            back = [one.edge for one in theirs.edges if one.key in mine.revoked_keys]
            if back:
                raise ConfigError(
                    f"{other} is too old: it lets {', '.join(back)} in, cut off here; copy it anew"
                )
            keys = dict.fromkeys((*theirs.revoked_keys, *mine.revoked_keys))
            taken = {"hub_key": theirs.hub_key, "edges": theirs.edges, "revoked_keys": tuple(keys)}
            return mine.model_copy(update=taken)

        changed = self.change(how)
        if changed:
            self.reload_twice()
        return changed

    def reload_twice(self) -> bool:
        """Let the server take over accounts that are new to it; False where none runs.

        Raises:
            BusError: As `reload`.
        """
        if not self.reload():
            return False
        time.sleep(_BETWEEN_RELOADS_S)
        return self.reload()

    def revoke(self, edge: str) -> bool:
        """Take the account from its box; tells whether a running server was told.

        Raises:
            ConfigError: There is no such account.
        """

        def how(old: BusRegister | None) -> BusRegister:
            register = _there(old, edge)
            gone = [one.key for one in register.edges if one.edge == edge and one.state == "joined"]
            kept = register.model_copy(update={"revoked_keys": (*register.revoked_keys, *gone)})
            return kept.with_edge(BusEdge(edge=edge, key=nobodys_key(), state="revoked"))

        self.change(how)
        return self.reload()

    def reload(self) -> bool:
        """Let the running server read its configuration; False where none runs.

        Raises:
            BusError: It runs as somebody else, who must do it.
        """
        pid = _running(self._folder)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGHUP)
        except ProcessLookupError:
            return False
        except PermissionError as error:
            raise BusError(f"the bus (pid {pid}) belongs to another user; run this as that user") from error
        return True

    def _layout(self, register: BusRegister) -> BusLayout:
        tls = (
            TlsFiles(register.tls_cert, register.tls_key) if register.tls_cert and register.tls_key else None
        )
        return BusLayout(
            self._folder, register.listen, register.hub_key,
            tuple((one.edge, one.key) for one in register.edges), register.max_store_bytes,
            register.monitor_port, tls, _peers(register),
        )  # fmt: skip

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._folder / "bus.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"{self._folder} cannot be written to: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _read(path: Path) -> BusRegister | None:
    try:
        return BusRegister.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigError(f"{path}: is no register of a bus; restore it from a backup ({error})") from error


def _peers(register: BusRegister) -> Peers | None:
    if register.cluster is None:
        return None
    secret, _ = open_secret(register.cluster.secret_file)
    files = (register.tls_cert, register.tls_key, register.tls_ca)
    tls = RouteTls(files[0], files[1], files[2]) if files[0] and files[1] and files[2] else None
    return Peers(register.cluster, secret, tls)


def _some(found: BusRegister | None) -> BusRegister:
    if found is None:
        raise ConfigError(
            "there is no bus in that folder; run `ems bus config` first or give another --state"
        )
    return found


def _there(old: BusRegister | None, edge: str) -> BusRegister:
    register = _some(old)
    if register.find(edge) is None:
        known = ", ".join(one.edge for one in register.edges) or "none"
        raise ConfigError(f"the bus has no account for an edge {edge!r}; it has: {known}")
    return register


def _running(folder: Path) -> int | None:
    """Process id of the server of this folder, by its pid file and only if it is a nats-server."""
    try:
        pid = int(pid_file(folder).read_text(encoding="ascii"))
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return pid if name == "nats-server" else None


def _write_whole(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
