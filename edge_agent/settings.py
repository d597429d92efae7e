"""The accepted configuration of one edge: devices, limits with their signatures, proofs, keys."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.account import load_account
from edge_agent.configuration_store import folder_in_force
from edge_agent.gate.book import interlock_inputs, load_blocks, load_proof, point_rules
from edge_agent.gate.rules import Issuer, Rules
from edge_agent.plan import refuse_overload
from plant.control.controller_inputs import devices_of
from plant.control.controllers import ControllerBook
from protocols.command import Level
from protocols.errors import ConfigError, KeyFileError
from protocols.signing import key_id
from protocols.write_block import WriteBlock
from runtime.bus import BusLogin, ca_file
from runtime.fitting import load_if_there
from runtime.keys import load_public_key
from runtime.nats_server import seed_file
from runtime.site import SiteDevices, controllers_file, devices_file, load_devices

_log = logging.getLogger(__name__)

HUB: Final = "hub"
"""Name of the one issuer the demo's edge listens to."""


_HUB_LEVELS: Final = frozenset({Level.OPERATOR, Level.GRID_LIMIT, Level.SCHEDULE, Level.OPTIMISER})


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agent finds its things.

    Attributes:
        config: Folder with `sites/` and `devices/`.
        site: Site id.
        edge: Edge id.
        state: The agent's own folder.
        keys: Folder of the keys.
        bus: Address of the bus, `nats://host:port`.
    """

    config: Path
    site: str
    edge: str
    state: Path
    keys: Path
    bus: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the agent goes by in one run.

    Attributes:
        place: Where it came from.
        site: Devices with their profiles.
        blocks: Accepted write blocks by device; the other devices are read-only.
        cap_hashes: Device to the hash of its block, hex; only where a proof for exactly that block exists.
        folder: Where the configuration was read: a version of the hub's, or `place.config`.
    """

    place: Place
    site: SiteDevices
    blocks: Mapping[str, WriteBlock]
    cap_hashes: Mapping[str, str]
    folder: Path

    @property
    def local_points(self) -> dict[str, str]:
        """Device to the point that tells its local mode."""
        return {
            device: block.local_mode_point
            for device, block in self.blocks.items()
            if block.local_mode_point is not None
        }

    @property
    def safety_points(self) -> dict[str, str]:
        """Device to the point that tells that its hardwired safety acts."""
        return {
            device: block.safety_point
            for device, block in self.blocks.items()
            if block.safety_point is not None
        }


def load_accepted(place: Place, config: Path | None = None) -> Accepted:
    """Read and check everything; nothing is written.

    Args:
        place: Where the agent finds its things.
        config: Folder to read devices and profiles from; None: the one in force, which is the hub's accepted
            configuration where there is one, else that of `place`.

    Raises:
        ConfigError: All faults of the files, a serial bus with more to do than it has time for, or a write
            block that the commissioning key did not sign.
    """
    config = config or folder_in_force(place.config, place.state)
    file = devices_file(config, place.site, place.edge)
    if not file.exists():
        raise ConfigError(f"{file} is missing; give --config, --site and --edge of a configured edge")
    site = load_site(place, config)
    if (site.edge.site, site.edge.edge) != (place.site, place.edge):
        raise ConfigError(f"{file}: is for {site.edge.site}/{site.edge.edge}, not {place.site}/{place.edge}")
    refuse_overload(site)
    blocks = _blocks(place, site)
    proven = {name: block for name, block in blocks.items() if load_proof(place.state, block) is not None}
    hashes = {name: block.cap_hash().hex() for name, block in proven.items()}
    return Accepted(place, site, blocks, hashes, config)


def load_site(place: Place, config: Path) -> SiteDevices:
    """The devices of an edge, its controllers with their inputs among them.

    Args:
        place: Where the agent finds its things.
        config: Folder the device list is read from; it holds the controllers too, or else those of the box
            are in force.

    Raises:
        ConfigError: All faults of the files.
    """
    faults: list[str] = []
    delivered = controllers_file(config, place.site, place.edge)
    own = controllers_file(place.config, place.site, place.edge)
    book = load_if_there(delivered if delivered.exists() else own, ControllerBook, faults)
    try:
        site = load_devices(config, devices_file(config, place.site, place.edge))
    except ConfigError as error:
        raise ConfigError("\n".join([str(error), *faults])) from error
    if faults:
        raise ConfigError("\n".join(faults))
    return site.joined(devices_of(book.controllers))


def load_again(place: Place, good: Accepted) -> Accepted:
    """What is in force, as it lies on the disk; `good`, as it was, where somebody spoiled that since."""
    try:
        return load_accepted(place)
    except ConfigError as error:
        _log.error("files changed at the box cannot be used, the agent goes on as before: %s", error)
        return good


def _blocks(place: Place, site: SiteDevices) -> dict[str, WriteBlock]:
    if not (place.state / "write").is_dir():
        return {}
    return load_blocks(
        place.state,
        site,
        _key_of(place.keys / "commissioning.pub", "bring it from where the limits were signed"),
    )


def _key_of(path: Path, how: str) -> Ed25519PublicKey:
    """A public key without which limits are worth nothing.

    Raises:
        KeyFileError: Missing, with what to do; or no key.
    """
    if not path.exists():
        raise KeyFileError(f"{path} is missing, and this edge has limits for set-points; {how}")
    return load_public_key(path)


def gate_rules(accepted: Accepted, agent_epoch: int) -> Rules:
    """What the gate goes by: the hub's signing key and the limits of each set-point.

    Raises:
        KeyFileError: The hub's public key is missing although there are set-points.
    """
    place = accepted.place
    points = point_rules(place.state, accepted.site, accepted.blocks)
    issuers = {}
    if points:
        key = _key_of(place.keys / "hub_sign.pub", "copy it from the hub's keys; its first start makes it")
        issuers[HUB] = Issuer({key_id(key): key}, _HUB_LEVELS, acts=True)
    inputs = interlock_inputs(accepted.site, accepted.blocks)
    return Rules(place.site, place.edge, agent_epoch, issuers, points, inputs=inputs)


def bus_login(place: Place) -> BusLogin:
    """Credentials of this edge; a box that joined goes by the address it was given then.

    Raises:
        ConfigError: The seed is missing, or what the box was given at its joining was spoiled.
    """
    seed = seed_file(place.keys, place.edge)
    if not seed.exists():
        raise ConfigError(
            f"{seed} is missing; bring this box in: `ems edge join TOKEN`, and `ems bus token {place.edge}` "
            "at the hub makes the token"
        )
    account = load_account(place.keys, place.edge)
    return BusLogin(place.bus if account is None else account.bus, place.edge, seed, ca_file(place.keys))
