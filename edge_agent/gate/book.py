"""Which points may be written and how: from signed write blocks and fallback proofs in the state folder.

<state>/write/<device>.json    SignedWriteBlock, signed with the commissioning key
<state>/proofs/<device>.json   FallbackProof, written by `ems edge prove`
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from edge_agent.gate.rules import PointRules
from protocols.errors import ConfigError
from protocols.profile import ModbusAddress, PointSpec, Profile
from protocols.signing import key_id
from protocols.write_block import FallbackProof, SignedWriteBlock, WriteBlock, WriteLimits
from runtime.site import SiteDevices, misfits

_log = logging.getLogger(__name__)
_HALF: Final = 0.5
_ROUNDING_FRAC: Final = 1e-6


def block_file(state_dir: Path, device: str) -> Path:
    """Where the signed write block of a device lies."""
    return state_dir / "write" / f"{device}.json"


def proof_file(state_dir: Path, device: str) -> Path:
    """Where the fallback proof of a device lies."""
    return state_dir / "proofs" / f"{device}.json"


def load_blocks(state_dir: Path, site: SiteDevices, commissioning: Ed25519PublicKey) -> dict[str, WriteBlock]:
    """The accepted write blocks by device; a device without one is read-only.

    Raises:
        ConfigError: A block is no block, does not fit its device, or was not signed by the commissioning key.
    """
    blocks: dict[str, WriteBlock] = {}
    faults: list[str] = []
    for device in site.edge.devices:
        path = block_file(state_dir, device.id)
        if not path.exists():
            continue
        try:
            blocks[device.id] = _accepted(path, site, commissioning)
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    return blocks


def load_proof(state_dir: Path, block: WriteBlock) -> FallbackProof | None:
    """The proof of a block's device; None when there is none, or for other limits than these."""
    path = proof_file(state_dir, block.device)
    if not path.exists():
        return None
    try:
        proof = FallbackProof.model_validate_json(path.read_bytes())
    except ValidationError as error:
        _log.warning("%s: not a fallback proof, so the device stays read-only: %s", path, error)
        return None
    return proof if proof.cap_hash_hex == block.cap_hash().hex() and proof.device == block.device else None


def point_rules(
    state_dir: Path, site: SiteDevices, blocks: Mapping[str, WriteBlock]
) -> dict[str, PointRules]:
    """Rules of every set-point that has limits: `site/device/point` to its rules."""
    found: dict[str, PointRules] = {}
    for block in blocks.values():
        proof = load_proof(state_dir, block)
        proven = {reading.point for reading in proof.readings} if proof else set()
        profile = site.profile_of(block.device)
        for limits in block.points:
            name = f"{block.site}/{block.device}/{limits.point}"
            found[name] = _rules(block, limits, profile, proven=limits.point in proven)
    return found


def interlock_inputs(site: SiteDevices, blocks: Mapping[str, WriteBlock]) -> dict[str, float]:
    """`device/point` of every input an interlock looks at, to how often it is read, in s."""
    duties = [limits.duty for block in blocks.values() for limits in block.points if limits.duty is not None]
    names = {condition.input for duty in duties for condition in duty.interlock}
    found: dict[str, float] = {}
    for name in sorted(names):
        device, point = name.split("/")
        found[name] = site.profile_of(device).point(point).every_s
    return found


def tolerance(limits: WriteLimits, spec: PointSpec) -> float:
    """Largest difference of equal readings: as configured, at least half a register step or rounding."""
    step = abs(spec.scale) * _HALF if isinstance(spec.address, ModbusAddress) else 0.0
    rounding = _ROUNDING_FRAC * max(1.0, abs(limits.low), abs(limits.high))
    return max(limits.tolerance, rounding, step + rounding if _is_whole(spec) else 0.0)


def _is_whole(spec: PointSpec) -> bool:
    return isinstance(spec.address, ModbusAddress) and not spec.address.type.startswith("f")


def _rules(block: WriteBlock, limits: WriteLimits, profile: Profile, *, proven: bool) -> PointRules:
    spec, switch = profile.point(limits.point), block.local_mode_point
    return PointRules(
        device=block.device,
        name=limits.point,
        limits=limits,
        cap_hash=block.cap_hash(),
        proven=proven,
        tolerance=tolerance(limits, spec),
        poll_s=spec.every_s,
        watchdog_s=profile.watchdog_s,
        switch_poll_s=None if switch is None else profile.point(switch).every_s,
        zone=block.zone,
        safety_poll_s=None if block.safety_point is None else profile.point(block.safety_point).every_s,
    )


def _accepted(path: Path, site: SiteDevices, commissioning: Ed25519PublicKey) -> WriteBlock:
    try:
        signed = SignedWriteBlock.model_validate_json(path.read_bytes())
        commissioning.verify(bytes.fromhex(signed.signature_hex), signed.block.signed_bytes())
    except InvalidSignature as error:
        raise ConfigError(
            f"{path}: not signed by the commissioning key {key_id(commissioning)}; run: ems edge sign"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path}: not a signed write block: {error}") from error
    if faults := misfits(path, signed.block, site, ("block",)):
        raise ConfigError("\n".join(faults))
    return signed.block
