"""What is seen of the plant, with gates of age and quality; values out of range are clipped and reported."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from hub.dispatch.site import DispatchSite
from hub.dispatch.supplied import Used
from hub.forecast.issue import Issue
from hub.forecast.quarters import Quarters
from optimizer.peaks import Peaks
from optimizer.words import said
from plant.flowsheet import Flowsheet
from plant.units.compressor import FAULT, LOADED, UNLOADED
from plant.units.cooling import RUNNING
from protocols.config import Text
from protocols.quality import Quality, is_good

STALE_S: Final = 30.0
"""A reading older than this is not used, or than the longest silence of a point reported by exception. [s]"""
_ON_THE_WAY_S: Final = 10.0
_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _NS
_ON_CODES: Final = {
    "compressor_fixed": frozenset({UNLOADED, LOADED}),
    "compressor_vsd": frozenset({UNLOADED, LOADED}),
    "chiller": frozenset({RUNNING}),
    "chp": frozenset({1, 2}),
}
"""State codes of a running machine; FAULT is the same for all kinds."""
_PERMIT_ROLE: Final = "permit_set_code"
_POWER_ROLE: Final = "power_set_kw"
_LIMIT_ROLE: Final = "limit_set_frac"
_KVAR_ROLE: Final = "reactive_set_kvar"
_HELD_ROLES: Final = (_PERMIT_ROLE, _POWER_ROLE, "role_set_code", _LIMIT_ROLE)
"""Who holds one of these decides whether, or how much, the machine runs."""
_LOOP_RANGE_C: Final = (0.0, 40.0)
_NO_CHARGE: Final = (
    "the state of charge of {battery} is not known; planned as half full, with no power",
    "{battery} 的荷电状态未知；按半满、功率为零计划",
)
_ODD_CHARGE: Final = (
    "{battery} reports a state of charge of {soc}; clipped into 0 … 1",
    "{battery} 上报的荷电状态为 {soc}；按 0 … 1 截断",
)
_ODD_WATER: Final = (
    "the chilled water reads {loop_c} °C; clipped into {low} … {high}",
    "冷冻水读数为 {loop_c} °C；按 {low} … {high} 截断",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Newest sample of a point."""

    value: float
    quality: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The plant as the hub sees it at one moment.

    Attributes:
        now_ns: Wall clock of the moment.
        readings: Point "device/point" to its newest sample.
        links: Device id to `up` or `down`, from the edges' heartbeats; not named is down.
        past: Means of the quarters before now.
        month_peak_kw: Highest demand of the billing month so far, as it is metered. [kW]
        issue: The forecast issued last; None: there is none.
        held: Point "device/point" that somebody above the plan holds, to the value wanted there; None where
            nobody tells it.
        recent: Series to its mean over the last minutes; empty where nobody works it out.
        quarter_kw: Mean import since the quarter hour began; None: not known. [kW]
        earlier_kw: Highest demand of each month before, as the contract meters it, the newest last. [kW]
    """

    now_ns: int
    readings: dict[str, Reading]
    links: dict[str, str]
    past: Quarters
    month_peak_kw: float = 0.0
    issue: Issue | None = None
    held: Mapping[str, float | None] = field(default_factory=dict)
    recent: Mapping[str, float] = field(default_factory=dict)
    quarter_kw: float | None = None
    earlier_kw: tuple[float, ...] = ()
    metered: Peaks | None = None
    """Highest demand of the month as the contract or the tariff meters it; None: not known."""
    used: Used = field(default_factory=Used)
    """What contracts beside the prices go by, when the quarter hour began."""


class Availability(StrEnum):
    """Whether a machine can be told anything."""

    FREE = "free"
    LOCAL = "local"
    DOWN = "down"
    TRIPPED = "tripped"
    HELD = "held"
    """By a person, an interlock or whoever else stands above a plan; or its mode is off."""


@dataclass(frozen=True, slots=True)
class MachineSeen:
    """One machine: running or not, since when, and whether it takes orders."""

    on: bool
    since_ns: int | None
    """When it was first seen in this state; None when it was so from the first look on."""
    availability: Availability
    wanted_on: bool | None = None
    """Whether who holds it wants it to run; None: nobody tells, it stays as it is."""
    wanted_kw: float | None = None
    """Power it is held at, where that is told. [kW]"""
    run_h: float | None = None
    """Hours run in its life, where its counter is known. [h]"""
    starts_ns: tuple[int, ...] = ()
    """When it was seen to start in the last 24 h."""
    output_kw: float | None = None
    """Electric power an engine gives, where that is known. [kW]"""
    wanted_frac: float | None = None
    """Share of its inverters PV is held at, where that is told. [-]"""
    kvar_held: bool = False
    """Whether somebody has the reactive power of its inverters."""
    wanted_kvar: float | None = None
    """What they are held at, where that is told. [kvar]"""
    given_kvar: float | None = None
    """What they give, where that is known. [kvar]"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A snapshot read through the flowsheet.

    Attributes:
        machines: Machine to what is seen of it.
        soc_frac: State of charge, clipped into 0 … 1.
        loop_c: Chilled-water supply; None when nobody measures it.
        battery_kw: Measured power, charging positive. [kW]
        notes: What was clipped or missing, in plant words.
        header_bar_g: Pressure of the air network; None when nobody measures it.
    """

    machines: dict[str, MachineSeen]
    soc_frac: float
    loop_c: float | None
    battery_kw: float
    notes: tuple[Text, ...] = field(default=())
    header_bar_g: float | None = None


def machines_of(flowsheet: Flowsheet) -> Iterator[tuple[str, str]]:
    """Machines that take orders, with their kind."""
    kinds = {*_ON_CODES, "battery", "pv", "cooling_tower"}
    return ((name, unit.kind) for name, unit in flowsheet.units.items() if unit.kind in kinds)


def look(site: DispatchSite, snapshot: Snapshot, before: dict[str, MachineSeen]) -> Seen:
    """Read a snapshot; `before` is what was seen the last time, so that times in a state are known."""
    eye = _Eye(site, snapshot)
    machines = {
        name: eye.machine(name, kind, before.get(name)) for name, kind in machines_of(site.plant.flowsheet)
    }
    notes: list[Text] = []
    battery = next((name for name, kind in machines_of(site.plant.flowsheet) if kind == "battery"), "")
    soc = eye.value(battery, "soc_frac")
    if battery and soc is None:
        notes.append(said(*_NO_CHARGE, battery=site.speech.name(battery)))
    if soc is not None and not 0.0 <= soc <= 1.0:
        notes.append(said(*_ODD_CHARGE, battery=site.speech.name(battery), soc=f"{soc:.3f}"))
    temperatures = [eye.value(name, "supply_c") for name in site.plant.chiller_ids]
    known = [value for value in temperatures if value is not None]
    loop_c = sum(known) / len(known) if known else None
    low, high = _LOOP_RANGE_C
    if loop_c is not None and not low <= loop_c <= high:
        notes.append(said(*_ODD_WATER, loop_c=f"{loop_c:.1f}", low=f"{low:.0f}", high=f"{high:.0f}"))
        loop_c = min(max(loop_c, low), high)
    if soc is None and battery:
        machines[battery] = MachineSeen(False, None, Availability.DOWN)  # noqa: FBT003  field of a value
    receiver = next(
        (name for name, unit in site.plant.flowsheet.units.items() if unit.kind == "receiver"), ""
    )
    return Seen(
        machines,
        0.5 if soc is None else min(max(soc, 0.0), 1.0),
        loop_c,
        eye.value(battery, "power_kw") or 0.0,
        tuple(notes),
        eye.value(receiver, "header_bar_g"),
    )


def fresh(site: DispatchSite, snapshot: Snapshot, point: str) -> Reading | None:
    """Newest good sample of a point "device/point"; None where it is none, or too old."""
    reading = snapshot.readings.get(point)
    if reading is None or not _usable(reading):
        return None
    most_s = max(STALE_S, site.silence_s.get(point, 0.0) + _ON_THE_WAY_S)
    return reading if snapshot.now_ns - reading.time_ns <= most_s * _NS else None


def _usable(reading: Reading) -> bool:
    """A number without doubt; a device with a wrong clock still tells it, at the instant of the poll."""
    timed = is_good(reading.quality) or reading.quality == Quality.UNCERTAIN_TIME
    return timed and math.isfinite(reading.value)


class _Eye:
    """Looks values up by unit and role."""

    def __init__(self, site: DispatchSite, snapshot: Snapshot) -> None:
        self._flowsheet = site.plant.flowsheet
        self._site = site
        self._snapshot = snapshot
        self._modes = site.modes

    def value(self, unit: str, role: str) -> float | None:
        """A good and fresh value, else None."""
        ref = self._flowsheet.binding(unit, role)
        reading = fresh(self._site, self._snapshot, ref) if ref else None
        return None if reading is None else reading.value

    def machine(self, name: str, kind: str, before: MachineSeen | None) -> MachineSeen:
        """State and availability of one machine."""
        state = self.value(name, "state_code")
        held = before.on if before is not None else False
        on = held if state is None else int(state) in _ON_CODES.get(kind, frozenset())
        since_ns = before.since_ns if before is not None and before.on == on else None
        if before is not None and before.on != on:
            since_ns = self._snapshot.now_ns
        given_kw = self.value(name, "power_kw") if kind == "chp" else None
        seen = MachineSeen(
            on,
            since_ns,
            self._availability(name, state),
            run_h=self._run_h(name),
            starts_ns=self._starts_ns(before, on=on),
            output_kw=None if given_kw is None else -given_kw,
        )
        seen = self._sunny(seen, name) if kind == "pv" else seen
        if seen.availability is not Availability.HELD:
            return seen
        return replace(seen, wanted_on=self._wanted_on(name), wanted_kw=self._held_at(name, _POWER_ROLE))

    def _sunny(self, seen: MachineSeen, name: str) -> MachineSeen:
        """What is seen of PV alone."""
        return replace(
            seen,
            wanted_frac=self._held_at(name, _LIMIT_ROLE),
            kvar_held=self._flowsheet.binding(name, _KVAR_ROLE) in self._snapshot.held,
            wanted_kvar=self._held_at(name, _KVAR_ROLE),
            given_kvar=self.value(name, "reactive_kvar"),
        )

    def _starts_ns(self, before: MachineSeen | None, *, on: bool) -> tuple[int, ...]:
        """Starts of the last day; one before the first look is not known, the edge counts it all the same."""
        if before is None:
            return ()
        now_ns = self._snapshot.now_ns
        kept = tuple(at_ns for at_ns in before.starts_ns if now_ns - at_ns < _DAY_NS)
        return (*kept, now_ns) if on and not before.on else kept

    def _run_h(self, name: str) -> float | None:
        """Its counter of hours however old: counters are read slowly, a machine that is away keeps its."""
        reading = self._snapshot.readings.get(self._flowsheet.binding(name, "run_h") or "")
        return reading.value if reading is not None and _usable(reading) else None

    def _availability(self, name: str, state: float | None) -> Availability:
        bound = self._flowsheet.units[name].bindings
        device = next(iter(bound.values())).split("/")[0] if bound else name
        if self._snapshot.links.get(device) != "up" or ("state_code" in bound and state is None):
            return Availability.DOWN
        local = self.value(name, "local_mode_code")
        if "local_mode_code" in bound and (local is None or local > 0):
            return Availability.LOCAL
        if state is not None and int(state) == FAULT:
            return Availability.TRIPPED
        return Availability.HELD if self._is_held(name) else Availability.FREE

    def _is_held(self, name: str) -> bool:
        """Whether a person or an interlock has what a plan would tell it, or its mode is off."""
        if self._modes.site != "off" and self._modes.of(name) == "off":
            return True
        return any(self._flowsheet.binding(name, role) in self._snapshot.held for role in _HELD_ROLES)

    def _wanted_on(self, name: str) -> bool | None:
        permit, power_kw = self._held_at(name, _PERMIT_ROLE), self._held_at(name, _POWER_ROLE)
        if permit is not None and permit <= 0:
            return False
        return True if power_kw else None

    def _held_at(self, name: str, role: str) -> float | None:
        return self._snapshot.held.get(self._flowsheet.binding(name, role) or "")
