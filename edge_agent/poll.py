"""Polling: each device and polling class on its own fixed grid, one frame a poll, good or bad."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from typing_extensions import override

from edge_agent.image import Image
from edge_agent.lines import Lines, RestOfRead
from edge_agent.rounds import Member, call_all, phase_s, step_s
from edge_agent.told_times import ToldTimes
from protocols.clock import Clock, Instant
from protocols.device import protocol_of
from protocols.driver import Reading
from protocols.errors import BadAnswerError, DeviceError, DeviceRefusedError
from protocols.frame import Catalogue, Frame
from protocols.profile import PointSpec
from protocols.quality import Quality
from runtime.clock import NS
from runtime.site import SiteDevices
from runtime.supervise import supervise

HandOn = Callable[[Frame, str], None]
"""Takes a frame and the protocol it came by; must not wait."""


@dataclass(frozen=True, slots=True)
class PollGroup:
    """Points of one device that are read together.

    Attributes:
        device: Device id.
        protocol: What its connection speaks.
        every_s: Period of the grid.
        points: Names, in the order of the catalogue.
        catalogue: What the frames refer to.
        hash: Hash of the catalogue.
    """

    device: str
    protocol: str
    every_s: float
    points: tuple[str, ...]
    catalogue: Catalogue
    hash: bytes


def poll_groups(site: SiteDevices) -> tuple[PollGroup, ...]:
    """Every device and polling class, in the order of the device list."""
    groups = []
    for device in site.edge.devices:
        points = sorted(site.profile_of(device.id).points, key=lambda spec: spec.every_s)
        for every_s, specs in itertools.groupby(points, key=lambda spec: spec.every_s):
            groups.append(_group(site, device.id, protocol_of(device.connection), every_s, tuple(specs)))
    return tuple(groups)


def _group(
    site: SiteDevices, device: str, protocol: str, every_s: float, specs: tuple[PointSpec, ...]
) -> PollGroup:
    catalogue = Catalogue(
        site=site.edge.site,
        device=device,
        points=tuple(spec.name for spec in specs),
        units=tuple(spec.unit for spec in specs),
        kinds=tuple(str(spec.kind) for spec in specs),
    )
    return PollGroup(device, protocol, every_s, catalogue.points, catalogue, catalogue.hash())


class Poller:
    """Owns one task a poll group and one a round; they live exactly as long as `run`."""

    def __init__(
        self, groups: tuple[PollGroup, ...], lines: Lines, image: Image, hand_on: HandOn, clock: Clock
    ) -> None:
        self._groups = groups
        self._lines = lines
        self._image = image
        self._hand_on = hand_on
        self._clock = clock
        self._told = ToldTimes(clock)

    async def run(self) -> None:
        """Poll until cancelled; a group that crashes is restarted alone."""
        step = step_s(sum(len(group.points) / group.every_s for group in self._groups))
        polls = [_Polls(self, group, self._lines, self._clock) for group in self._groups]
        rounds: dict[tuple[float, float], list[Member]] = {}
        try:
            async with asyncio.TaskGroup() as tasks:
                for order, (group, member) in enumerate(zip(self._groups, polls, strict=True)):
                    phase = phase_s(order, group.every_s, step)
                    rounds.setdefault((group.every_s, phase), []).append(member)
                    name = f"poll {group.device} each {group.every_s:g} s"
                    tasks.create_task(supervise(name, member.run), name=name)
                for (every_s, phase), members in rounds.items():
                    name = f"round each {every_s:g} s"
                    tasks.create_task(
                        supervise(name, partial(call_all, members, self._clock, every_s, phase))
                    )
        finally:
            for member in polls:
                member.stop()

    async def poll_once(self, group: PollGroup, at: Instant, rest: RestOfRead | None = None) -> None:
        """Read one group and hand the frame on; a failed read is a frame without a number.

        Args:
            group: What to read.
            at: When its poll was due.
            rest: What is left of the read, where it was begun before.
        """
        try:
            reading = await (self._lines.read(group.device, group.points) if rest is None else rest.read())
        except DeviceError as error:
            reading = _failed(len(group.points), _quality_of(error))
        self.take(group, at, reading)

    def take(self, group: PollGroup, at: Instant, reading: Reading) -> None:
        """Hand the frame of a poll on."""
        self._image.update(group.device, group.points, reading, at.mono_ns / NS)
        frame = Frame(group.hash, at, reading.values, reading.qualities)
        if reading.source_ns is not None:
            frame = self._told.stamped(frame, reading.source_ns, round(group.every_s * NS))
        self._hand_on(frame, group.protocol)


class _Polls(Member):
    """The polls of one group: the usual ones from callbacks of the event loop, the others in a task."""

    def __init__(self, poller: Poller, group: PollGroup, lines: Lines, clock: Clock) -> None:
        super().__init__(clock)
        self._poller = poller
        self._group = group
        self._lines = lines
        self._at = clock.now()
        self._rest: RestOfRead | None = None
        self._stopped = False

    async def run(self) -> None:
        """Do what needs a task until cancelled."""
        while True:
            at = await self.called()
            rest, self._rest = self._rest, None
            await self._poller.poll_once(self._group, at, rest)

    @override
    def begin(self, at: Instant) -> bool:
        self._at = at
        return self._lines.begin_read(self._group.device, self._group.points, self._over)

    def _over(self, answer: Reading | RestOfRead) -> None:
        if isinstance(answer, RestOfRead):
            self._rest = answer
            self._drop() if self._stopped else self.wake(self._at)
            return
        try:
            if not self._stopped:
                self._poller.take(self._group, self._at, answer)
        finally:
            self.ended()

    def stop(self) -> None:
        """There is no task any more: let the line go, and hand nothing on."""
        self._stopped = True
        self._drop()

    def _drop(self) -> None:
        if self._rest is not None:
            self._rest.drop()
            self._rest = None


def _quality_of(error: DeviceError) -> Quality:
    if isinstance(error, BadAnswerError):
        return Quality.BAD_ANSWER
    if isinstance(error, DeviceRefusedError):
        return Quality.BAD_REFUSED
    return Quality.BAD_UNREACHABLE


def _failed(count: int, quality: Quality) -> Reading:
    return Reading(np.full(count, np.nan), np.full(count, quality, np.uint8))
