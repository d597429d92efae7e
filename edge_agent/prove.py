"""Prove on the wire that each set-point comes back to its fallback, and sign the limits that are proven.

For each point: write a test value inside the limits, read it back, stop refreshing, and see the fallback: by
the device's watchdog where it has one, otherwise by relinquishing the priority slot or by writing back. All
devices at once. A device without a valid proof stays read-only.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.gate.book import block_file, load_proof, proof_file, tolerance
from edge_agent.settings import Place, load_site
from protocols.clock import Clock
from protocols.config import Config
from protocols.driver import Reading
from protocols.errors import BadAnswerError, DeviceError, DeviceRefusedError, PointUnreadableError, StoreError
from protocols.profile import PointSpec, Profile
from protocols.quality import is_good
from protocols.signing import key_id
from protocols.write_block import FallbackProof, ProofReading, SignedWriteBlock, WriteBlock, WriteLimits
from runtime.clock import iso_utc
from runtime.site import SiteDevices, load_write_blocks

_log = logging.getLogger(__name__)

WATCHDOG_GRACE_S: Final = 2.0
"""How much later than its watchdog time a device may be."""

_LOOK_S: Final = 0.2
_WRITTEN_MOST_S: Final = 5.0
_LEVELS_FRAC: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_CLEARLY: Final = 3.0
"""A test value differs by so many tolerances, so that nothing else can be taken for it."""

_By = Literal["device_watchdog", "relinquish", "write_back", "held"]


class ProveLines(Protocol):
    """The part of the lines that a proof needs; each raises DeviceError."""

    async def read(self, device: str, points: Sequence[str]) -> Reading:
        """Read points."""
        ...

    async def write(self, device: str, point: str, value: float | None) -> None:
        """Write once; None gives the point back."""
        ...

    async def read_back(self, device: str, point: str) -> float | None:
        """Read a set-point by a request of its own; None: our priority slot is empty."""
        ...


@dataclass(frozen=True, slots=True)
class ProveJob:
    """What is to be proven.

    Attributes:
        site: Devices with their profiles.
        blocks: Accepted write blocks by device.
        state_dir: The edge's state folder.
        person: Who stands beside it.
        again: Prove also what has a valid proof.
    """

    site: SiteDevices
    blocks: Mapping[str, WriteBlock]
    state_dir: Path
    person: str
    again: bool = False


def sign_blocks(
    config_dir: Path, site: str, edge: str, state_dir: Path, key: Ed25519PrivateKey
) -> list[Path]:
    """Sign the write blocks of a site's files with the commissioning key; gives the files written.

    Raises:
        ConfigError: A block is wrong; the message lists all faults.
        StoreError: The state folder takes no files.
    """
    devices = load_site(Place(config_dir, site, edge, state_dir, state_dir, ""), config_dir)
    written = []
    for device, block in load_write_blocks(config_dir, site, devices).items():
        signature = key.sign(block.signed_bytes()).hex()
        signed = SignedWriteBlock(block=block, key_id=key_id(key.public_key()), signature_hex=signature)
        written.append(block_file(state_dir, device))
        _put(written[-1], signed)
    return written


async def prove(job: ProveJob, lines: ProveLines, clock: Clock) -> dict[str, FallbackProof | str]:
    """Prove all devices at once; gives each device's proof, or a sentence why there is none.

    Takes as long as the slowest watchdog plus some seconds. A device that fails is left on its fallback,
    as far as it can be reached.
    """
    outcomes: dict[str, FallbackProof | str] = {}

    async def one(block: WriteBlock) -> None:
        known = None if job.again else load_proof(job.state_dir, block)
        if known is not None and _covers(known, block):
            outcomes[block.device] = known
            return
        try:
            readings = await _Trial(block, job.site.profile_of(block.device), lines, clock).run()
            proof = FallbackProof(
                device=block.device,
                cap_hash_hex=block.cap_hash().hex(),
                person=job.person,
                proven_at=iso_utc(clock.now().wall_ns),
                readings=readings,
            )
            _put(proof_file(job.state_dir, block.device), proof)
        except (DeviceError, StoreError) as error:
            proof_file(job.state_dir, block.device).unlink(missing_ok=True)
            outcomes[block.device] = f"{block.device}: not proven, so it stays read-only: {error}"
        else:
            outcomes[block.device] = proof

    async with asyncio.TaskGroup() as tasks:
        for block in job.blocks.values():
            tasks.create_task(one(block), name=f"prove {block.device}")
    return outcomes


def trial_value(limits: WriteLimits, spec: PointSpec, before: float) -> float | None:
    """A value inside the limits that can be told from the present and the fallback value, near the latter.

    None when the limits leave no such value.
    """
    span = limits.high - limits.low
    levels = [limits.low + span * frac for frac in _LEVELS_FRAC]
    if spec.unit == "code":
        levels = [float(code) for code in range(round(limits.low), round(limits.high) + 1)]
    apart = _CLEARLY * tolerance(limits, spec) if spec.unit != "code" else tolerance(limits, spec)
    home = before if limits.fallback.value is None else limits.fallback.value
    fit = [level for level in levels if abs(level - before) > apart and abs(level - home) > apart]
    return min(fit, key=lambda level: abs(level - home), default=None)


@dataclass(frozen=True, slots=True)
class _Written:
    """One point under test."""

    limits: WriteLimits
    before: float
    value: float
    at_s: float


class _Trial:
    """The proof of one device."""

    def __init__(self, block: WriteBlock, profile: Profile, lines: ProveLines, clock: Clock) -> None:
        self._block = block
        self._profile = profile
        self._lines = lines
        self._clock = clock
        self._before: dict[str, float] = {}

    async def run(self) -> tuple[ProofReading, ...]:
        """Write all points, then see all of them on their fallback.

        Raises:
            DeviceError: The device cannot be reached, or did not do what it must.
        """
        await self._must_be_remote()
        try:
            written = [await self._write(limits) for limits in self._block.points]
            refreshed_s = self._clock.mono_s()
            return tuple([await self._fallen(point, refreshed_s) for point in written])
        except DeviceError:
            await self._give_back()
            raise

    async def _must_be_remote(self) -> None:
        name = self._block.local_mode_point
        if name is not None and await self._read(name) != 0:
            raise DeviceRefusedError("the machine is in local mode; switch it to remote and prove again")

    async def _write(self, limits: WriteLimits) -> _Written:
        before = self._before[limits.point] = await self._read(limits.point)
        value = trial_value(limits, self._spec(limits), before)
        if value is None:
            raise DeviceRefusedError(
                f"{limits.point}: the limits leave no test value apart from {before:g} and the fallback"
            )
        await self._lines.write(self._block.device, limits.point, value)
        at_s = self._clock.mono_s()
        await self._until(
            limits, value, at_s + limits.settle_s + _WRITTEN_MOST_S, "the test value is not there"
        )
        return _Written(limits, before, value, at_s)

    async def _fallen(self, point: _Written, refreshed_s: float) -> ProofReading:
        limits, watchdog_s = point.limits, self._profile.watchdog_s
        fallback = _home(limits, point.before)
        by: _By = "device_watchdog"
        end_s = refreshed_s + (watchdog_s or 0.0) + WATCHDOG_GRACE_S
        if limits.fallback.kind == "hold":
            by, fallback = "held", point.value
            await self._clock.sleep(limits.settle_s + (watchdog_s or 0.0) + WATCHDOG_GRACE_S)
        elif watchdog_s is None:
            by = "relinquish" if fallback is None else "write_back"
            await self._lines.write(self._block.device, limits.point, fallback)
            refreshed_s = self._clock.mono_s()
            end_s = refreshed_s + limits.settle_s + _WRITTEN_MOST_S
        seen_s = await self._until(limits, fallback, end_s, "did not come back to its fallback")
        after = await self._read(limits.point)
        if by == "held":
            await self._lines.write(self._block.device, limits.point, point.before)
        return ProofReading(
            point=limits.point,
            before=point.before,
            written=point.value,
            after=after,
            by=by,
            fallback_s=max(0.0, seen_s - refreshed_s),
        )

    async def _until(self, limits: WriteLimits, value: float | None, end_s: float, fault: str) -> float:
        """Wait until a separate read shows a value; gives the instant."""
        while True:
            seen = await self._lines.read_back(self._block.device, limits.point)
            now_s = self._clock.mono_s()
            if _same(seen, value, tolerance(limits, self._spec(limits))):
                return now_s
            if now_s > end_s:
                raise BadAnswerError(f"{limits.point}: {fault}: {seen} was read, {value} expected")
            await self._clock.sleep(_LOOK_S)

    async def _read(self, point: str) -> float:
        reading = await self._lines.read(self._block.device, [point])
        if not is_good(int(reading.qualities[0])):
            raise PointUnreadableError(f"{point} cannot be read now")
        return float(reading.values[0])

    async def _give_back(self) -> None:
        for limits in self._block.points:
            try:
                home = _home(limits, self._before.get(limits.point))
                if home is not None or limits.fallback.kind in ("release", "release_group"):
                    await self._lines.write(self._block.device, limits.point, home)
            except DeviceError as error:
                _log.warning("%s/%s could not be given back: %s", self._block.device, limits.point, error)

    def _spec(self, limits: WriteLimits) -> PointSpec:
        return self._profile.point(limits.point)


def _home(limits: WriteLimits, before: float | None) -> float | None:
    """Where a point is left: its fallback, or what was read before where that is the fallback."""
    return before if limits.fallback.kind in ("hold", "restore") else limits.fallback.value


def _covers(proof: FallbackProof, block: WriteBlock) -> bool:
    return {reading.point for reading in proof.readings} >= {limits.point for limits in block.points}


def _same(one: float | None, other: float | None, within: float) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= within


def _put(path: Path, document: Config) -> None:
    """Replace a file as a whole, durably; raises StoreError."""
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(document.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
