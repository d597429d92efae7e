"""The plant of a seed: which set-points its edges have, with which limits, fallbacks and duties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.gate.rules import Issuer, PointRules, Rules
from protocols.command import Level
from protocols.signing import key_id
from protocols.write_block import WriteLimits

SITE: Final = "demo"
POLL_S: Final = 1.0
MAX_LEASE_S: Final = 10.0
HORIZON_S: Final = 20.0
COOL_DOWN_S: Final = 6.0
RESUME_S: Final = 5.0
MAX_ECHO_S: Final = 10.0
QUOTA: Final = 10
HUB_KEY: Final = Ed25519PrivateKey.from_private_bytes(b"h" * 32)
CONSOLE_KEY: Final = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
STRANGER: Final = Ed25519PrivateKey.from_private_bytes(b"s" * 32)

_PLANS: Final = ("operator", "grid_limit", "schedule", "optimiser")


@dataclass(frozen=True, slots=True)
class Spec:
    """One set-point, as the plant's owner describes it; the gate's rules and the judge's are made from it.

    Attributes:
        point: `site/device/point`.
        unit: Its unit.
        low: Lowest value commissioned.
        high: Highest value commissioned.
        idle: What the machine shows when nobody has set it; None: an empty priority slot.
        fallback: As in a write block.
        duty: As in a write block.
        values: Values plans ask for.
        settle_s: Time the device is given after a write.
        watchdog_s: After how long without a write the device drops the value.
        hand: Whether the machine has a local switch.
        safety: Whether it has a hardwired safety.
        zone: Part of the site.
    """

    point: str
    unit: str
    low: float
    high: float
    idle: float | None
    fallback: Mapping[str, Any]
    duty: Mapping[str, Any]
    values: tuple[float, ...]
    settle_s: float = 0.0
    watchdog_s: float | None = None
    hand: bool = False
    safety: bool = False
    zone: str | None = None

    @property
    def device(self) -> str:
        """Its device."""
        return self.point.split("/")[1]

    @property
    def slot(self) -> bool:
        """Whether it lies in a priority array."""
        return self.idle is None

    def may_hold(self, value: float | None) -> bool:
        """Whether a value lies in the commissioned limits; nothing is a value of a priority slot alone."""
        return self.slot if value is None else self.low <= value <= self.high

    @property
    def home(self) -> float | None:
        """Where it falls back to; for a value read before our first write, what the machine idles at."""
        return self.idle if self.fallback["kind"] == "restore" else self.fallback.get("value")

    @property
    def condition(self) -> tuple[str, float, float] | None:
        """Input of its interlock, with the limits that permit."""
        rows = self.duty.get("interlock")
        return None if not rows else (rows[0]["input"], rows[0]["low"], rows[0]["high"])


def draw_edge(chance: Random, number: int) -> tuple[Spec, ...]:
    """The set-points of one edge."""
    makers = [_battery, _chiller, _role, _drive, _compressor]
    chosen = chance.sample(makers, chance.randint(1, 3))
    specs = [maker(chance, number) for maker in chosen]
    if chance.random() < 0.4:
        specs += _cold_plant(chance, number)
    return tuple(specs)


def rules_of(edge: str, specs: tuple[Spec, ...], agent_epoch: int) -> Rules:
    """What the gate of an edge goes by."""
    points = {spec.point: _point_rules(spec) for spec in specs}
    levels = frozenset({Level.OPERATOR, Level.GRID_LIMIT, Level.SCHEDULE, Level.OPTIMISER})
    issuers = {
        "hub": Issuer({key_id(HUB_KEY.public_key()): HUB_KEY.public_key()}, levels, acts=True),
        "console": Issuer({key_id(CONSOLE_KEY.public_key()): CONSOLE_KEY.public_key()}, levels, acts=True),
    }
    inputs = {spec.condition[0]: POLL_S for spec in specs if spec.condition is not None}
    return Rules(
        SITE, edge, agent_epoch, issuers, points, max_echo_age_s=MAX_ECHO_S, cool_down_s=COOL_DOWN_S,
        inputs=inputs, quota_per_s=QUOTA, resume_s=RESUME_S,
    )  # fmt: skip


def cap_hash(device: str) -> bytes:
    """Stands for the hash of a device's write block."""
    return device.encode().ljust(16, b".")[:16]


def limits_of(spec: Spec) -> WriteLimits:
    """What its write block says."""
    return WriteLimits.model_validate({
        "point": spec.point.split("/")[2], "unit": spec.unit, "low": spec.low, "high": spec.high,
        "max_lease_s": MAX_LEASE_S, "settle_s": spec.settle_s, "tolerance": 0.01, "levels": _PLANS,
        "fallback": spec.fallback, "duty": spec.duty or None,
    })  # fmt: skip


def _point_rules(spec: Spec) -> PointRules:
    limits = limits_of(spec)
    return PointRules(
        spec.device, limits.point, limits, cap_hash(spec.device), proven=True, tolerance=0.01, poll_s=POLL_S,
        watchdog_s=spec.watchdog_s, switch_poll_s=POLL_S if spec.hand else None, zone=spec.zone,
        safety_poll_s=POLL_S if spec.safety else None,
    )  # fmt: skip


def _battery(chance: Random, number: int) -> Spec:
    duty: dict[str, Any] = {"horizon_s": HORIZON_S}
    if chance.random() < 0.6:
        duty["interlock"] = [{"input": f"dryer{number}/dew_c", "low": -40.0, "high": 5.0}]
    return Spec(
        f"{SITE}/battery{number}/power_set_kw", "kW", -250.0, 250.0, 0.0, {"kind": "value", "value": 0.0},
        duty, (-200.0, -20.0, 30.0, 100.0, 250.0), hand=chance.random() < 0.7, zone="east",
    )  # fmt: skip


def _chiller(chance: Random, number: int) -> Spec:
    return Spec(
        f"{SITE}/chiller{number}/supply_set_c", "°C", 6.0, 12.0, None, {"kind": "release"}, {},
        (6.0, 7.5, 9.0, 12.0), settle_s=chance.choice([0.0, 0.5]),
    )  # fmt: skip


def _role(_chance: Random, number: int) -> Spec:
    duty = {"two_step": True, "select_s": 4.0, "dwell_s": 2.0}
    return Spec(
        f"{SITE}/comp{number}/role_set_code", "code", 0.0, 2.0, 1.0, {"kind": "restore"}, duty,
        (0.0, 1.0, 2.0), hand=True, safety=True, zone="east",
    )  # fmt: skip


def _drive(chance: Random, number: int) -> Spec:
    return Spec(
        f"{SITE}/drive{number}/speed_set_pct", "%", 0.0, 100.0, 20.0, {"kind": "value", "value": 20.0}, {},
        (35.0, 50.0, 80.0), watchdog_s=chance.choice([4.0, 6.0]), zone=chance.choice([None, "east"]),
    )  # fmt: skip


def _compressor(chance: Random, number: int) -> Spec:
    duty = {"dwell_s": chance.choice([1.0, 2.0]), "spread_s": chance.choice([0.0, 2.0])}
    return Spec(
        f"{SITE}/trim{number}/pressure_set_bar_g", "bar_g", 5.0, 8.0, 6.0,
        chance.choice([{"kind": "value", "value": 6.0}, {"kind": "restore"}]), duty, (5.5, 6.5, 7.0, 8.0),
    )  # fmt: skip


def _cold_plant(chance: Random, number: int) -> list[Spec]:
    settle_s = chance.choice([0.0, 0.5])
    pump = Spec(
        f"{SITE}/pump{number}/flow_set_pct", "%", 0.0, 100.0, 50.0,
        {"kind": "release_group", "group": "cold", "order": 0, "value": 50.0}, {}, (60.0, 100.0),
        settle_s=settle_s,
    )  # fmt: skip
    tower = Spec(
        f"{SITE}/tower{number}/fan_set_pct", "%", 0.0, 100.0, 30.0,
        {"kind": "release_group", "group": "cold", "order": 1, "value": 30.0}, {}, (10.0, 90.0),
        settle_s=settle_s,
    )  # fmt: skip
    return [pump, tower]
