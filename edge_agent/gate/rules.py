"""What the gate goes by: from files, it never changes in a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocols.command import Level
from protocols.write_block import Duty, FallbackReleaseGroup, WriteLimits

if TYPE_CHECKING:
    from edge_agent.gate.state import Intent

NS: Final = 1_000_000_000
FRESH_POLLS: Final = 3
"""A reading older than so many polling periods counts as none."""

_NO_DUTY: Final = Duty()


@dataclass(frozen=True, slots=True)
class PointRules:
    """What may be done to one set-point.

    Attributes:
        device: Its device.
        name: Its name in the profile.
        limits: Commissioned limits.
        cap_hash: Hash of the write block they stand in.
        proven: Whether a fallback proof for exactly these limits exists.
        tolerance: Largest difference of two readings that count as equal. [unit of the point]
        poll_s: How often it is read.
        watchdog_s: After how long without a write the device itself drops the value; None: it never does.
        switch_poll_s: How often the device's local switch is read; None: it has none.
        zone: Part of the site that is stopped together.
        safety_poll_s: How often the device's hardwired safety is read; None: it tells none.
    """

    device: str
    name: str
    limits: WriteLimits
    cap_hash: bytes
    proven: bool
    tolerance: float
    poll_s: float
    watchdog_s: float | None = None
    switch_poll_s: float | None = None
    zone: str | None = None
    safety_poll_s: float | None = None

    @property
    def duty(self) -> Duty:
        """Limits of rate and wear; none where the block says none."""
        return self.limits.duty or _NO_DUTY

    @property
    def slot(self) -> bool:
        """Whether giving back empties a priority slot."""
        return (
            self.limits.fallback.kind in ("release", "release_group") and self.limits.fallback.value is None
        )

    @property
    def group(self) -> FallbackReleaseGroup | None:
        """The group it is given back with."""
        fallback = self.limits.fallback
        return fallback if isinstance(fallback, FallbackReleaseGroup) else None

    def same(self, one: float | None, other: float | None) -> bool:
        """Whether two readings are equal; None is the empty priority slot."""
        if one is None or other is None:
            return one is other
        return abs(one - other) <= self.tolerance

    def ours(self, value: float | None, intent: Intent | None) -> bool:
        """Whether a value is one we may have written."""
        return intent is not None and any(self.same(value, each) for each in intent.values)

    def home(self, intent: Intent | None) -> float | None:
        """Where the point goes when no lease lives; None: an emptied slot, or nothing is written."""
        if self.limits.fallback.kind == "restore":
            return None if intent is None else intent.before
        return self.limits.fallback.value

    def rests(self, value: float | None, intent: Intent | None) -> bool:
        """Whether a point that shows this value needs no write to be on its fallback."""
        kind, home = self.limits.fallback.kind, self.home(intent)
        if kind == "hold" or (kind == "restore" and home is None):
            return True
        return self.same(value, home)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Somebody who may send.

    Attributes:
        keys: Key id to public key.
        levels: Rungs it may ask for.
        acts: Whether it may pass on the acts of a person: stop, lock-out, opt-out and their ends.
    """

    keys: Mapping[str, Ed25519PublicKey]
    levels: frozenset[Level]
    acts: bool = False


@dataclass(frozen=True)
class Rules:
    """What the gate of one edge goes by.

    Attributes:
        site: The site.
        edge: The edge.
        agent_epoch: Epoch of this run of the agent.
        issuers: Who may send.
        points: `site/device/point` to its rules; nothing else is ever written.
        max_echo_age_s: How old the heartbeat behind a message may be.
        cool_down_s: How long a point is left alone after somebody else took it.
        most_ids: How many answered commands are remembered.
        inputs: `device/point` an interlock looks at, to how often it is read. [s]
        quota_per_s: Most set-points accepted in a second.
        resume_s: How long the first step of a release of a stop waits for the second.
        output_s: How long an output of a local controller lives without the next.
    """

    site: str
    edge: str
    agent_epoch: int
    issuers: Mapping[str, Issuer]
    points: Mapping[str, PointRules]
    max_echo_age_s: float = 10.0
    cool_down_s: float = 900.0
    most_ids: int = 10_000
    inputs: Mapping[str, float] = field(default_factory=dict)
    quota_per_s: int = 10
    resume_s: float = 60.0
    output_s: float = 3.0

    @cached_property
    def points_of(self) -> Mapping[str, tuple[str, ...]]:
        """Device id to its points."""
        found: dict[str, list[str]] = {}
        for point, rules in self.points.items():
            found.setdefault(rules.device, []).append(point)
        return {device: tuple(points) for device, points in found.items()}

    @cached_property
    def group_of(self) -> Mapping[str, tuple[str, ...]]:
        """Name of a group that is given back together, to its points in their order."""
        found: dict[str, list[tuple[int, str]]] = {}
        for point, rules in self.points.items():
            if rules.group is not None:
                found.setdefault(rules.group.group, []).append((rules.group.order, point))
        return {group: tuple(point for _, point in sorted(members)) for group, members in found.items()}

    @cached_property
    def guarded_by(self) -> Mapping[str, tuple[str, ...]]:
        """`device/point` of an input, to the points whose interlock looks at it."""
        found: dict[str, list[str]] = {}
        for point, rules in self.points.items():
            for name in {condition.input for condition in rules.duty.interlock}:
                found.setdefault(name, []).append(point)
        return {name: tuple(points) for name, points in found.items()}

    @cached_property
    def points_in(self) -> Mapping[str, tuple[str, ...]]:
        """Scope to the points in it; a scope that is missing here is none of this edge."""
        found: dict[str, list[str]] = {}
        for point in self.points:
            for scope in self.scopes(point):
                found.setdefault(scope, []).append(point)
        return {scope: tuple(points) for scope, points in found.items()}

    def scopes(self, point: str) -> tuple[str, ...]:
        """Every scope a point lies in, the widest first."""
        rules = self.points[point]
        zone = () if rules.zone is None else (f"zone:{rules.zone}",)
        return ("all", f"site:{self.site}", *zone, f"{self.site}/{rules.device}", point)
