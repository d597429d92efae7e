"""Where the demo keeps things, and what it prepares before the first process starts."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from protocols.errors import ConfigError
from runtime.children import free_port
from runtime.keys import create_signing_key, load_signing_key, write_public_key
from runtime.yaml_config import load_yaml

SITE: Final = "demo"
EDGE: Final = "edge1"
SIGNING_KEYS: Final = ("commissioning", "hub_sign")


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the bus and of the page, kept over restarts."""

    bus: int
    page: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders of one demo.

    Attributes:
        root: Git-ignored state folder, `./var`.
        source: Folder of the shipped configuration.
    """

    root: Path
    source: Path

    @property
    def config(self) -> Path:
        """Copy of the configuration, with ports that are free here."""
        return self.root / "config"

    @property
    def keys(self) -> Path:
        """Signing keys and bus seeds, readable by the owner only."""
        return self.root / "keys"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.root / "log"

    def state(self, part: str) -> Path:
        """State folder of one process."""
        return self.root / part


def prepare(layout: Layout) -> Ports:
    """Make folders, keys and the configuration with free ports; what is there stays.

    Raises:
        ConfigError: The shipped configuration is missing or broken.
        KeyFileError: A key cannot be written.
    """
    if not (layout.source / "sites" / SITE).is_dir():
        raise ConfigError(f"{layout.source} holds no site {SITE!r}; start in the repository's root")
    layout.logs.mkdir(parents=True, exist_ok=True)
    for name in SIGNING_KEYS:
        key = layout.keys / f"{name}.key"
        if not key.exists():
            create_signing_key(key)
        elif not key.with_suffix(".pub").exists():
            write_public_key(key.with_suffix(".pub"), load_signing_key(key).public_key())
    _copy_config(layout)
    return choose_ports(layout, None)


def choose_ports(layout: Layout, running: Ports | None) -> Ports:
    """Ports of last time where they are free, noted for the next start.

    Args:
        layout: Where they are noted.
        running: The bus runs already and keeps its port; only the page's is looked at again, which may
            have been taken while the other parts came up.
    """
    path = layout.root / "ports.yaml"
    wanted = {"bus": 4222, "page": 8080}
    if path.exists():
        found = load_yaml(path)
        if isinstance(found, dict):
            wanted |= {name: int(found[name]) for name in wanted if name in found}
    chosen = {
        name: port if _is_free(("127.0.0.1", port), socket.SOCK_STREAM) else free_port()
        for name, port in wanted.items()
    }
    if running is not None:
        chosen["bus"] = running.bus
    _write(path, chosen)
    return Ports(**chosen)


def _copy_config(layout: Layout) -> None:
    shutil.copytree(layout.source, layout.config, dirs_exist_ok=True)
    target = layout.config / "sites" / SITE / f"{EDGE}.yaml"
    remembered = layout.root / "devices.yaml"
    document = _devices_in(target)
    if remembered.exists():
        _take_over_ports(document, _devices_in(remembered))
    if _move_taken_ports(document):
        _write(remembered, document)
    _write(target, document)


def _devices_in(file: Path) -> dict[str, Any]:
    document = load_yaml(file)
    if not isinstance(document, dict) or not isinstance(document.get("devices"), list):
        raise ConfigError(f"{file}: is no list of devices")
    return document


def _write(file: Path, document: object) -> None:
    """Whole or not at all: the next start reads it."""
    fresh = file.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    fresh.replace(file)


def _take_over_ports(document: dict[str, Any], before: dict[str, Any]) -> None:
    """Ports of the last start; everything else is as shipped now, which may be newer."""
    known = {device["id"]: device["connection"] for device in before["devices"]}
    for device in document["devices"]:
        old = known.get(device["id"], {})
        if old.get("kind") == device["connection"]["kind"]:
            device["connection"] |= {name: old[name] for name in ("port", "url") if name in old}


def _move_taken_ports(document: dict[str, Any]) -> int:
    """Give every device address whose port is taken another one; addresses that were one stay one."""
    instead: dict[tuple[str, int], int] = {}
    for device in document["devices"]:
        connection = device["connection"]
        kind = socket.SOCK_DGRAM if connection["kind"] == "bacnet" else socket.SOCK_STREAM
        if connection["kind"] == "opcua":
            host, _, tail = connection["url"].removeprefix("opc.tcp://").partition(":")
            port_text, _, path = tail.partition("/")
            port = _same_or_other(instead, (host, int(port_text)), kind)
            connection["url"] = f"opc.tcp://{host}:{port}/{path}"
        else:
            connection["port"] = _same_or_other(instead, (connection["host"], connection["port"]), kind)
    return sum(old[1] != new for old, new in instead.items())


def _same_or_other(
    instead: dict[tuple[str, int], int], address: tuple[str, int], kind: socket.SocketKind
) -> int:
    if address not in instead:
        instead[address] = address[1] if _is_free(address, kind) else free_port(kind)
    return instead[address]


def _is_free(address: tuple[str, int], kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True
