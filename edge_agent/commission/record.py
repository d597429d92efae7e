"""The commissioning record: who compared which readings with the machine's own display, and when.

<state>/commissioned/<device>.json, beside the fallback proofs. It is void when the profile changes, because
then other addresses are read than were compared.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from edge_agent.commission.rawread import RawPoint
from protocols.config import Config, IdPart
from protocols.errors import ConfigError
from protocols.profile import ModbusAddress, PointSpec, Profile
from protocols.quality import Quality
from runtime.site import SiteDevices

_log = logging.getLogger(__name__)
_HALF: Final = 0.5


class Comparison(Config):
    """One reading beside what the machine showed."""

    point: IdPart
    """The point."""

    unit: str
    """Unit of both numbers."""

    read: Annotated[float, Field(allow_inf_nan=False)]
    """What the edge read. [unit]"""

    shown: Annotated[float, Field(allow_inf_nan=False)]
    """What the display showed, typed in by the person. [unit]"""

    raw_hex: str
    """The bytes as they came; empty where the protocol shows none."""


class CommissioningRecord(Config):
    """What a person compared at one device."""

    device: IdPart
    """The device."""

    profile: IdPart
    """Profile it was read with."""

    profile_hash_hex: str
    """State of that profile; the record is void for any other."""

    connection: str
    """How it was reached."""

    person: str
    """Who stood beside it."""

    compared_at: str
    """UTC, ISO 8601."""

    tolerance_frac: Annotated[float, Field(ge=0, le=1)]
    """Largest difference that was taken for the same, as a share of the number shown."""

    comparisons: Annotated[tuple[Comparison, ...], Field(min_length=1)]
    """One per point compared."""


def profile_hash(profile: Profile) -> str:
    """First 16 bytes of SHA-256 over the points and limits of a profile, hex; labels do not count."""
    relevant = profile.model_dump_json(include={"protocol", "points", "max_registers", "modbus"})
    return hashlib.sha256(relevant.encode()).digest()[:16].hex()


def record_file(state_dir: Path, device: str) -> Path:
    """Where the commissioning record of a device lies."""
    return state_dir / "commissioned" / f"{device}.json"


def compare(points: Sequence[RawPoint], shown: Mapping[str, float], tolerance_frac: float) -> list[str]:
    """What does not agree, one sentence each; empty when every reading is what the display shows."""
    faults = []
    for point in points:
        spec, expected = point.spec, shown[point.spec.name]
        if point.quality is not Quality.GOOD or not math.isfinite(point.value):
            faults.append(f"{spec.name} was not read: {point.fault or point.quality.name.lower()}")
        elif abs(point.value - expected) > max(tolerance_frac * abs(expected), _step(spec)):
            faults.append(f"{spec.name}: read {point.value:g}, the display shows {expected:g} {spec.unit}")
    return faults


def _step(spec: PointSpec) -> float:
    """Half a step of a whole number: the display rounds too."""
    whole = isinstance(spec.address, ModbusAddress) and not spec.address.type.startswith("f")
    return _HALF * abs(spec.scale) if whole else 0.0


def save_record(state_dir: Path, record: CommissioningRecord) -> Path:
    """Write a record as a whole, durably; gives the file."""
    path = record_file(state_dir, record.device)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(record.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return path


def load_record(state_dir: Path, device: str) -> CommissioningRecord | None:
    """The record of a device; None when there is none or the file is none."""
    path = record_file(state_dir, device)
    if not path.exists():
        return None
    try:
        return CommissioningRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        _log.warning("%s: not a commissioning record, so the device counts as not compared: %s", path, error)
        return None


def describe(state_dir: Path, site: SiteDevices) -> list[str]:
    """For `ems edge check`: each record in a line, then the devices that nobody compared."""
    lines: list[str] = []
    missing: list[str] = []
    for device in site.edge.devices:
        record = load_record(state_dir, device.id)
        if device.connection.kind == "controller":
            continue  # no display to compare with
        if record is None:
            missing.append(device.id)
            continue
        points = ", ".join(one.point for one in record.comparisons)
        same = record.profile_hash_hex == profile_hash(site.profile_of(device.id))
        void = "" if same else "VOID, the profile changed since; "
        lines.append(f"{device.id}: {void}compared {record.compared_at} by {record.person}: {points}")
    if missing:
        lines.append(f"not compared with their displays: {', '.join(missing)} (ems edge commission)")
    return lines


def parse_shown(texts: Sequence[str], profile: Profile) -> dict[str, float]:
    """Read `POINT=NUMBER` of a command line.

    Raises:
        ConfigError: All that is wrong, one a line.
    """
    names = {spec.name for spec in profile.points}
    shown: dict[str, float] = {}
    faults = []
    for text in texts:
        name, sign, number = text.partition("=")
        if not sign or not _is_number(number):
            faults.append(f"{text!r} is not POINT=NUMBER, for example power_kw=12.3")
        elif name not in names:
            known = ", ".join(sorted(names))
            faults.append(f"profile {profile.id!r} has no point {name!r}; there are: {known}")
        else:
            shown[name] = float(number)
    if faults:
        raise ConfigError("\n".join(faults))
    return shown


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
