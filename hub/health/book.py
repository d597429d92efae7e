"""The newest report of each process of the hub, and what is ill by them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from hub.health.meter import Family, joined
from hub.health.phrases import DISK, NEVER_HEARD, OF_PROCESS, SILENT
from hub.health.report import EVERY_S, Report, decode_report
from hub.health.sealing import behind, damaged
from protocols.clock import Clock
from runtime.supervise import guarded_decode

SILENT_S: Final = 4 * EVERY_S
"""A role that says nothing for this long is away. [s]"""

FORGOTTEN_S: Final = 600.0
"""A process that is away for this long is no longer told of, once another one has its role. [s]"""

EXPECTED: Final = ("ingest", "dispatch", "alarms", "jobs")
"""Roles of every hub, beside the one that shows the page."""

_START_S: Final = 45.0
_DISK_FULL: Final = 0.05


class Ill(NamedTuple):
    """Something that is ill: its code, and what was said of it."""

    code: str
    detail: str


class _Heard(NamedTuple):
    at_s: float
    report: Report


class RoleBook:
    """What the role with the page knows of the others."""

    def __init__(self, clock: Clock, expected: Iterable[str] = EXPECTED) -> None:
        self._clock = clock
        self._begun_s = clock.mono_s()
        self._expected = tuple(expected)
        self._heard: dict[tuple[str, str], _Heard] = {}

    def hear(self, data: bytes) -> None:
        """Take a report that came now."""
        report = guarded_decode(decode_report, data, "report of a role")
        if report is not None:
            now_s = self._clock.mono_s()
            self._heard[report.role, report.instance] = _Heard(now_s, report)
            self._forget(now_s)

    def ill(self) -> list[Ill]:
        """Roles that are away, and work that fails."""
        now_s = self._clock.mono_s()
        found = [Ill(role, self._silence(role, now_s)) for role in self._expected if self._away(role, now_s)]
        for heard in self._heard.values():
            if now_s - heard.at_s <= SILENT_S:
                report = heard.report
                found += [
                    Ill(name, OF_PROCESS.say(instance=report.instance, why=why))
                    for name, why in report.failures.items()
                ]
                found += [*_disk(report), *_sealing(report)]
        return found

    def families(self) -> list[Family]:
        """Figures of all processes that are heard, each with its role and instance."""
        now_s = self._clock.mono_s()
        return joined(
            ({"role": role, "instance": instance}, heard.report.families)
            for (role, instance), heard in sorted(self._heard.items())
            if now_s - heard.at_s <= SILENT_S
        )

    def figure(self, name: str) -> list[tuple[Report, float]]:
        """The newest report of each process that is heard and has a figure of this name, with it."""
        now_s = self._clock.mono_s()
        return [
            (heard.report, value)
            for heard in self._heard.values()
            if now_s - heard.at_s <= SILENT_S
            for family in heard.report.families
            if family.name == name
            for value in list(family.rows.values())[:1]
        ]

    def _away(self, role: str, now_s: float) -> bool:
        newest_s = max((one.at_s for (name, _), one in self._heard.items() if name == role), default=None)
        if newest_s is None:
            return now_s - self._begun_s > _START_S
        return now_s - newest_s > SILENT_S

    def _silence(self, role: str, now_s: float) -> str:
        newest_s = max((one.at_s for (name, _), one in self._heard.items() if name == role), default=None)
        if newest_s is None:
            return NEVER_HEARD.say(role=role)
        return SILENT.say(role=role, seconds=f"{now_s - newest_s:.0f}")

    def _forget(self, now_s: float) -> None:
        self._heard = {key: one for key, one in self._heard.items() if now_s - one.at_s < FORGOTTEN_S}


def _sealing(report: Report) -> list[Ill]:
    told = {"store:sealing": behind(report.families), "store:damaged": damaged(report.families)}
    return [
        Ill(code, OF_PROCESS.say(instance=report.instance, why=words))
        for code, words in told.items()
        if words is not None
    ]


def _disk(report: Report) -> list[Ill]:
    figures = {
        family.name: next(iter(family.rows.values()), 0.0) for family in report.families if family.rows
    }
    free, size = figures.get("disk_free_bytes"), figures.get("disk_bytes")
    if free is None or not size or free / size >= _DISK_FULL:
        return []
    left = DISK.say(free=f"{free / 1e9:.1f}", size=f"{size / 1e9:.0f}")
    return [Ill("disk", OF_PROCESS.say(instance=report.instance, why=left))]
