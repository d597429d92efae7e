"""The right to write: limits of each set-point of a device, signed with the commissioning key.

The key is never on the hub; everything else may come from there. `cap_hash` names one state of the block: a
command planned with other limits is refused, a fallback proof for another state is void.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

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


class FallbackHold(Config):
    """Leave the point where it is; the proof shows that the machine keeps it."""

    kind: Literal["hold"] = "hold"

    @property
    def value(self) -> None:
        """No value is written."""
        return


class FallbackRestore(Config):
    """Write back what was read before our first write."""

    kind: Literal["restore"] = "restore"

    @property
    def value(self) -> None:
        """Known only once the point has been read."""
        return


class FallbackReleaseGroup(Config):
    """Give the points of a plant back together and in order: a chiller before the pumps that serve it."""

    kind: Literal["release_group"] = "release_group"

    group: IdPart
    """Name of the group on this edge; its leases end together."""

    order: Annotated[int, Field(ge=0, le=99)]
    """A point begins once all of a lower order are read back."""

    value: float | None = None
    """As with `release`. [unit of the point]"""


Fallback = Annotated[
    FallbackRelease | FallbackValue | FallbackHold | FallbackRestore | FallbackReleaseGroup,
    Field(discriminator="kind"),
]


class Condition(Config):
    """One input that must be read well, lately and within limits; no input, no permission."""

    input: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}/[a-z][a-z0-9_]{0,31}$")]
    """`device/point` of the same edge."""

    low: float | None = None
    """Lowest value that permits. [unit of the input]"""

    high: float | None = None
    """Highest value that permits. [unit of the input]"""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.low is None and self.high is None:
            message = f"condition on {self.input}: say low, high or both"
            raise ValueError(message)
        if self.low is not None and self.high is not None and self.low > self.high:
            message = f"condition on {self.input}: low {self.low} must not be above high {self.high}"
            raise ValueError(message)
        return self


class Duty(Config):
    """What writing may cost the machine, and which acts need more than one message."""

    dwell_s: Annotated[Seconds, Field(ge=0, le=86400)] = 0.0
    """Shortest time between two changes of the value; a fallback is never held up."""

    starts_per_h: Annotated[int, Field(ge=1)] | None = None
    """Most changes from 0 to another value in an hour; None: as many as asked."""

    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Largest change by one write; None: any. [unit of the point]"""

    writes_per_day: Annotated[int, Field(ge=1)] | None = None
    """Budget of changes in 24 h where the register lies in flash; None: it lies in RAM."""

    two_step: bool = False
    """A discrete act: select, then operate."""

    two_persons: bool = False
    """The operate names a second person in `confirm`."""

    select_s: Annotated[Seconds, Field(gt=0, le=600)] = 30.0
    """How long a selection waits for its operate."""

    horizon_s: Annotated[Seconds, Field(ge=0, le=14400)] = 0.0
    """Longest timetable; 0: none."""

    mirror_s: Annotated[Seconds, Field(ge=0, le=120)] = 0.0
    """Time a gateway takes to copy a value; a foreign one counts after twice that."""

    spread_s: Annotated[Seconds, Field(ge=0, le=30)] = 0.0
    """By how much a lease may end early, so that not all machines move at once."""

    interlock: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """All must hold for a lease to live."""

    writer: IdPart | None = None
    """Local controller that is the point's one writer; plans then lease its inputs."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.two_persons and not self.two_step:
            message = "two_persons needs two_step"
            raise ValueError(message)
        if self.two_step and self.horizon_s > 0:
            message = "a two-step act takes no timetable: horizon_s must be 0"
            raise ValueError(message)
        return self


_LATER: Final = frozenset({"duty", "zone", "safety_point"})
"""Later fields: left out of the signed text while they say nothing, so that signatures stay good."""


def _without_later(dumped: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in dumped.items() if value is not None or name not in _LATER}


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

    levels: tuple[Literal["operator", "grid_limit", "schedule", "optimiser"], ...] = ("operator", "optimiser")
    """Rungs that may lease this point; a grid limit bounds those below it."""

    fallback: Fallback
    """Where the point goes when no lease lives."""

    duty: Duty | None = None
    """Limits of rate and wear, interlock, two-step acts; None: none of them."""

    @model_serializer(mode="wrap")
    def _as_signed(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        return _without_later(dump(self))

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
        if self.duty is not None and self.duty.step is not None and self.duty.step < self.tolerance:
            message = f"step {self.duty.step} is smaller than the tolerance {self.tolerance}"
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

    zone: IdPart | None = None
    """Part of the site that is stopped together; None: the device alone."""

    safety_point: IdPart | None = None
    """State point that is not 0 while a hardwired safety acts; it latches a stop of the zone."""

    @model_serializer(mode="wrap")
    def _as_signed(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        return _without_later(dump(self))

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

    by: Literal["device_watchdog", "relinquish", "write_back", "held"]
    """Who brought the point back: the device itself, or the edge; `held`: the machine kept its value."""

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
