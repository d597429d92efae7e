"""The right to write: limits of each set-point of a device, signed with the commissioning key.

The key is never on the hub; everything else may come from there. `cap_hash` names one state of the block: a
command planned with other limits is refused, a fallback proof for another state is void.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocols.config import Config, IdPart
from protocols.units import Seconds


class FallbackRelease(Config):
    """Give the point back to the machine's own control."""

    kind: Literal["release"] = "release"

    value: float | None = None
    """What a register without priority array is set to so that the machine decides itself; None where the
    protocol has a null (BACnet). [unit of the point]"""


class FallbackValue(Config):
    """Write a commissioned value."""

    kind: Literal["value"] = "value"

    value: float
    """The safe value. [unit of the point]"""


Fallback = Annotated[FallbackRelease | FallbackValue, Field(discriminator="kind")]


class WriteLimits(Config):
    """What may be written to one point, and how it is checked."""

    point: IdPart
    """Set-point of the device's profile."""

    unit: str
    """Unit of the limits; a command must use it."""

    low: Annotated[float, Field(allow_inf_nan=False)]
    """Lowest value that is ever written. [unit]"""

    high: Annotated[float, Field(allow_inf_nan=False)]
    """Highest value that is ever written. [unit]"""

    max_lease_s: Annotated[Seconds, Field(gt=0, le=28800)] = 300.0
    """Longest lease granted."""

    settle_s: Annotated[Seconds, Field(le=120)] = 2.0
    """Wait between write and read-back."""

    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Allowed difference at read-back. [unit]"""

    readback: Literal["echo", "effective"] = "echo"
    """Read back the written register, or the value the machine follows."""

    effective_point: IdPart | None = None
    """Point read for `effective`."""

    levels: tuple[Literal["operator", "optimiser"], ...] = ("operator", "optimiser")
    """Rungs that may lease this point."""

    fallback: Fallback
    """Where the point goes when no lease lives."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.low > self.high:
            message = f"low {self.low} must not be above high {self.high}"
            raise ValueError(message)
        if self.readback == "effective" and self.effective_point is None:
            message = "readback 'effective' needs effective_point"
            raise ValueError(message)
        if self.fallback.value is not None and not self.low <= self.fallback.value <= self.high:
            message = f"fallback {self.fallback.value} lies outside {self.low} … {self.high}"
            raise ValueError(message)
        return self


class WriteBlock(Config):
    """All set-points of one device."""

    site: IdPart
    """Site of the device."""

    edge: IdPart
    """Edge that writes."""

    device: IdPart
    """The device."""

    revision: Annotated[int, Field(ge=1)]
    """Counts up with each change."""

    points: Annotated[tuple[WriteLimits, ...], Field(min_length=1)]
    """Limits, one entry a point."""

    local_mode_point: IdPart | None = None
    """State point that is not 0 while the machine is in local mode; None when it has none."""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        names = [limits.point for limits in self.points]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            message = f"points there twice: {', '.join(twice)}"
            raise ValueError(message)
        return self

    def signed_bytes(self) -> bytes:
        """Canonical JSON of the block: what the commissioning key signs and `cap_hash` covers."""
        return self.model_dump_json().encode()

    def cap_hash(self) -> bytes:
        """First 16 bytes of SHA-256 over `signed_bytes`."""
        return hashlib.sha256(self.signed_bytes()).digest()[:16]


class SignedWriteBlock(Config):
    """A write block with its signature, as stored on the edge."""

    block: WriteBlock
    """The block."""

    key_id: str
    """Id of the commissioning key."""

    signature_hex: str
    """Ed25519 over `block.signed_bytes()`."""


class ProofReading(Config):
    """What was seen while one point was proven."""

    point: IdPart
    """The point."""

    before: float
    """Read before the test write. [unit of the point]"""

    written: float
    """Test value written and read back. [unit of the point]"""

    after: float
    """Read when the fallback had happened. [unit of the point]"""

    by: Literal["device_watchdog", "relinquish", "write_back"]
    """Who brought the point back: the device itself, or the edge."""

    fallback_s: Seconds
    """From the last refresh to the fallback seen."""


class FallbackProof(Config):
    """The record `ems edge prove` leaves; void when `cap_hash_hex` is not the block's."""

    device: IdPart
    """The device."""

    cap_hash_hex: str
    """State of the write block that was proven."""

    person: str
    """Who stood beside it."""

    proven_at: str
    """UTC, ISO 8601."""

    readings: tuple[ProofReading, ...]
    """One per point."""
