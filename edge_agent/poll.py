"""Polling: each device and polling class on its own fixed grid, one frame a poll, good or bad."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from edge_agent.image import Image
from edge_agent.lines import Lines
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
        rounds: dict[tuple[float, float], list[Member]] = {}
        async with asyncio.TaskGroup() as tasks:
            for order, group in enumerate(self._groups):
                member = Member(self._clock)
                rounds.setdefault((group.every_s, phase_s(order, group.every_s, step)), []).append(member)
                name = f"poll {group.device} each {group.every_s:g} s"
                tasks.create_task(supervise(name, partial(self._poll, group, member)), name=name)
            for (every_s, phase), members in rounds.items():
                name = f"round each {every_s:g} s"
                tasks.create_task(supervise(name, partial(call_all, members, self._clock, every_s, phase)))

    async def _poll(self, group: PollGroup, member: Member) -> None:
        while True:
            await self.poll_once(group, await member.called())

    async def poll_once(self, group: PollGroup, at: Instant) -> None:
        """Read one group and hand the frame on; a failed read is a frame without a number."""
        try:
            reading = await self._lines.read(group.device, group.points)
        except DeviceError as error:
            reading = _failed(len(group.points), _quality_of(error))
        self._image.update(group.device, group.points, reading, at.mono_ns / NS)
        frame = Frame(group.hash, at, reading.values, reading.qualities)
        if reading.source_ns is not None:
            frame = self._told.stamped(frame, reading.source_ns, round(group.every_s * NS))
        self._hand_on(frame, group.protocol)


def _quality_of(error: DeviceError) -> Quality:
    if isinstance(error, BadAnswerError):
        return Quality.BAD_ANSWER
    if isinstance(error, DeviceRefusedError):
        return Quality.BAD_REFUSED
    return Quality.BAD_UNREACHABLE


def _failed(count: int, quality: Quality) -> Reading:
    return Reading(np.full(count, np.nan), np.full(count, quality, np.uint8))
