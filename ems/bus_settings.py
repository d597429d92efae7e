"""`ems bus config`: what a person wants of the bus, checked and laid over what was wanted before."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import ValidationError

from protocols.errors import ConfigError
from protocols.join import LOOPBACK
from runtime.bus_cluster import BusCluster
from runtime.bus_register import BusRegister, with_spares
from runtime.keys import load_pair

USUAL_LISTEN: Final = "127.0.0.1:4222"
USUAL_MONITOR_PORT: Final = 8222
MOST_SPARES: Final = 500
_MB: Final = 1_000_000
_LEAST_SERVERS: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was said this time; None and empty leave what was said before.

    Attributes:
        listen: `host:port`.
        address: What boxes connect to.
        edges: Edges that shall have an account.
        spare: How many accounts without a box there shall be.
        monitor_port: Port on loopback; 0: none.
        max_store_mb: Bound of the streams on disk. [MB]
        tls: Certificate, key and CA; all or none.
        plain: Whether other machines may connect without TLS.
        cluster: This server among others; None leaves what was said before.
    """

    listen: str | None = None
    address: str | None = None
    edges: Sequence[str] = ()
    spare: int = 0
    monitor_port: int | None = None
    max_store_mb: int | None = None
    tls: tuple[Path, Path, Path] | None = None
    plain: bool = False
    cluster: BusCluster | None = None


def cluster_of(
    server: str | None, listen: str | None, routes: Sequence[str], secret_file: Path
) -> BusCluster | None:
    """This server among others; None where nothing was said of it.

    Raises:
        ConfigError: Something is missing or has no such form.
    """
    if server is None and listen is None and not routes:
        return None
    if server is None or listen is None or len(set(routes)) < _LEAST_SERVERS:
        raise ConfigError(
            "a server of a cluster needs --cluster-server (a name of its own), --cluster-listen and a "
            "--cluster-route for each server, its own too; three servers go on without one of them"
        )
    try:
        return BusCluster(
            server=server,
            listen=listen,
            routes=tuple(dict.fromkeys(routes)),
            secret_file=secret_file.resolve(),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--cluster-{first['loc'][0]} {first['input']!r}: {first['msg']}") from error


def tls_files(cert: Path | None, key: Path | None, ca: Path | None) -> tuple[Path, Path, Path] | None:
    """The three files, checked; None where none was given.

    Raises:
        ConfigError: One is missing, is no certificate, or the key does not fit; the message says which.
        KeyFileError: Others can read the private key.
    """
    if cert is None and key is None and ca is None:
        return None
    if cert is None or key is None or ca is None:
        raise ConfigError("--tls-cert, --tls-key and --tls-ca belong together; give all three")
    ca_pin(ca)
    return (*load_pair(cert, key), ca.resolve())


def ca_pin(ca: Path) -> bytes:
    """SHA-256 of a CA's certificate (DER), which join tokens carry.

    Raises:
        ConfigError: The file holds no certificate, or more than one.
    """
    try:
        text = ca.read_text(encoding="ascii")
        if text.count("BEGIN CERTIFICATE") != 1:
            raise ConfigError(f"{ca}: holds {text.count('BEGIN CERTIFICATE')} certificates; one CA is pinned")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERT") :])).digest()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{ca}: is no certificate in PEM ({error})") from error


def settled(old: BusRegister | None, wanted: Wanted, hub_key: str) -> BusRegister:
    """The register as wanted; keys and accounts that are there stay.

    Raises:
        ConfigError: Something does not go together; the message says what to do.
    """
    said: dict[str, object] = {} if old is None else old.model_dump()
    listen = wanted.listen or (old.listen if old else USUAL_LISTEN)
    said |= {"listen": listen, "hub_key": hub_key}
    if old is None or wanted.monitor_port is not None:
        said["monitor_port"] = USUAL_MONITOR_PORT if wanted.monitor_port is None else wanted.monitor_port
    if wanted.max_store_mb is not None:
        said["max_store_bytes"] = wanted.max_store_mb * _MB
    if wanted.tls is not None:
        said |= dict(zip(("tls_cert", "tls_key", "tls_ca"), wanted.tls, strict=True))
    if wanted.cluster is not None:
        said["cluster"] = wanted.cluster
    secure = said.get("tls_cert") is not None
    said["address"] = _address(old, wanted, listen, secure=secure)
    try:
        register = BusRegister.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-")
        raise ConfigError(f"--{name} {first['input']!r}: {first['msg']}; one is {USUAL_LISTEN}") from error
    _refuse_unsafe(register, plain=wanted.plain)
    return _with_spare_count(with_spares(register, wanted.edges), wanted.spare)


def _address(old: BusRegister | None, wanted: Wanted, listen: str, *, secure: bool) -> str:
    """What boxes connect to: as said, else as before, else where the server listens."""
    before = old.address if old is not None and old.listen == listen else f"nats://{listen}"
    scheme = "tls" if secure else "nats"
    places = []
    for one in (wanted.address or before).split(","):
        said, marked, place = one.strip().rpartition("://")
        if wanted.address is not None and marked and said != scheme:
            raise ConfigError(
                f"--address {one}: the server has {'a' if secure else 'no'} certificate, so it is "
                f"{scheme}://{place}"
            )
        places.append(f"{scheme}://{place}")
    return ",".join(places)


def _refuse_unsafe(register: BusRegister, *, plain: bool) -> None:
    listens = {"--listen": register.listen}
    if register.cluster is not None:
        listens["--cluster-listen"] = register.cluster.listen
        if register.tls_cert is not None:
            _check_both_ways(register.tls_cert)
    for name, listen in listens.items():
        host, _, port = listen.rpartition(":")
        if not 0 < int(port) <= 65_535:  # noqa: PLR2004  ports have 16 bits
            raise ConfigError(f"{name} {listen}: a port is a number from 1 to 65535")
        if register.tls_cert is None and not (plain or host in LOOPBACK or host == "[::1]"):
            raise ConfigError(
                f"{name} {listen} lets other machines in, and without a certificate all goes in the "
                "clear; give --tls-cert, --tls-key and --tls-ca (or --plain, inside a VPN)"
            )
    hosts = {one.partition("://")[2].rpartition(":")[0] for one in register.address.split(",")}
    if hosts & {"0.0.0.0", "[::]"}:  # noqa: S104  it is refused
        raise ConfigError("--address is needed: boxes cannot connect to 0.0.0.0; one is hub.example:4222")


def _check_both_ways(cert: Path) -> None:
    """A server of a cluster both answers and calls, so its certificate must be good for both.

    Raises:
        ConfigError: It says that it is for servers alone.
    """
    try:
        leaf = x509.load_pem_x509_certificate(cert.read_bytes())
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (OSError, ValueError) as error:
        raise ConfigError(f"{cert}: is no certificate in PEM ({error})") from error
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(uses):
        raise ConfigError(
            f"{cert}: is for servers alone, and servers of a cluster call each other; have one made with "
            "the extended key usages serverAuth and clientAuth"
        )


def _with_spare_count(register: BusRegister, wanted: int) -> BusRegister:
    """As many accounts without a box, named by the next free numbers."""
    if wanted > MOST_SPARES:
        raise ConfigError(
            f"--spare {wanted}: at most {MOST_SPARES}, since each makes the server's start longer"
        )
    number = 1
    while sum(one.state == "spare" for one in register.edges) < wanted:
        register = with_spares(register, [f"edge{number}"])
        number += 1
    return register
