"""Wiring of the controllers into one run of the edge: image in, journal and gate out."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from typing_extensions import override

from edge_agent.controllers.file import load_controllers
from edge_agent.controllers.runner import ControllerRunner, Gate, Ports
from edge_agent.gate.events import ControllerOutput
from edge_agent.image import Image
from edge_agent.local_server import JSON, Pages
from edge_agent.settings import Accepted
from protocols.clock import Clock
from protocols.frame import Catalogue, Frame
from protocols.trouble import Trouble

PROTOCOL = "controller"
"""In place of a protocol, where frames are counted by it."""


@dataclass(frozen=True, slots=True)
class Around:
    """The parts of the run that controllers touch.

    Attributes:
        put: Takes frames for the journal, with their protocol.
        feed: Takes outputs for the gate.
        ready: Points `site/device/point` the gate would write now.
    """

    put: Callable[[Frame, str], None]
    feed: Callable[[ControllerOutput], Awaitable[None]]
    ready: Callable[[], set[str]]


@dataclass(slots=True)
class ToGate(Gate):
    """Outputs for the gate; what it would refuse now is let go instead, so that it is not asked in vain."""

    site: str
    around: Around | None = None
    held: set[str] = field(default_factory=set)
    open: bool = True

    @override
    async def put(self, writer: str, point: str, value: float | None) -> None:
        if self.around is None:
            return
        name = f"{self.site}/{point}"
        wanted = value if self.open and name in self.around.ready() else None
        if wanted is None and name not in self.held:
            return
        if wanted is None:
            self.held.discard(name)
        else:
            self.held.add(name)
        await self.around.feed(ControllerOutput(writer, name, wanted))


class ControllerStage:
    """The controllers of one run; `join` before they run."""

    def __init__(self, accepted: Accepted, image: Image, clock: Clock) -> None:
        """Load them.

        Raises:
            ConfigError: All faults of their files.
        """
        found, site = load_controllers(accepted), accepted.site
        every_s = {
            f"{device.id}/{spec.name}": spec.every_s
            for device in site.edge.devices
            for spec in site.profile_of(device.id).points
        }
        self._gate = ToGate(site.edge.site)
        ports = Ports(site.edge.site, image, self._hand_on, clock, every_s.__getitem__, self._gate)
        self.runner = ControllerRunner(found.hosted, found.notes, ports)

    def join(self, around: Around) -> None:
        """Where frames and outputs go."""
        self._gate.around = around

    def _hand_on(self, frame: Frame) -> None:
        if self._gate.around is not None:
            self._gate.around.put(frame, PROTOCOL)

    @property
    def catalogues(self) -> list[Catalogue]:
        """Of the controllers' own devices."""
        return [host.device.catalogue for host in self.runner.hosts]

    @property
    def works(self) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
        """What runs beside the others; nothing where there are no controllers."""
        if not self.runner.hosts:
            return ()
        return (("controllers", self.runner.run), ("controller outputs", self.runner.outputs))

    @property
    def pages(self) -> Pages:
        """What the local server shows of them."""
        return {"/controllers": (JSON, partial(_page, self.runner))}

    def links(self) -> dict[str, str]:
        """Controllers that do not follow their inputs now: `down`, as a device that does not answer."""
        return dict.fromkeys(self.runner.isolated, "down")

    def troubles(self) -> list[Trouble]:
        """What a person should see to."""
        return self.runner.troubles

    def silence(self) -> None:
        """Let no output pass any more: the run is about to end."""
        self._gate.open = False


async def _page(runner: ControllerRunner) -> str:
    return json.dumps(runner.page())
