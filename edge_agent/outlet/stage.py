"""The outlet as a stage: beside the journal where the site file names one, otherwise nothing at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.outlet.meter import OutletMeter
from edge_agent.outlet.newest import Newest
from edge_agent.poll import HandOn, PollGroup
from protocols.clock import Clock
from protocols.device import EdgeDevices
from protocols.errors import ConfigError
from protocols.frame import Frame
from protocols.outlet import Outlet

if TYPE_CHECKING:
    from edge_agent.outlet.session import OutletSession
    from edge_agent.outlet.teller import Teller

Works = tuple[tuple[str, Callable[[], Awaitable[None]]], ...]

_NAME: Final = "outlet"


class OutletStage:
    """What stands between report by exception and the journal; takes frames on, and a copy for the broker."""

    def __init__(self, edge: EdgeDevices, groups: Sequence[PollGroup], clock: Clock, state: Path) -> None:
        self.session: OutletSession | None = None
        if edge.outlet is not None:
            self.session = made_session(edge, edge.outlet, Newest(edge.outlet, groups), clock, state)

    @property
    def works(self) -> Works:
        """Tasks of the outlet by name."""
        return () if self.session is None else ((_NAME, self.session.run),)

    def meter(self) -> OutletMeter | None:
        """Its figures; None without an outlet."""
        return None if self.session is None else self.session.meter

    def beside(self, hand_on: HandOn) -> HandOn:
        """The same way on for frames, which also tells them; the very same without an outlet."""
        session = self.session
        if session is None:
            return hand_on

        def tell(frame: Frame, protocol: str) -> None:
            hand_on(frame, protocol)
            session.offer(frame)

        return tell


def made_session(
    edge: EdgeDevices, outlet: Outlet, newest: Newest, clock: Clock, state: Path
) -> OutletSession:
    """A session, not begun; its package is loaded only now.

    Raises:
        ConfigError: The package for MQTT is not installed.
    """
    try:
        from edge_agent.outlet.session import Account, OutletSession  # noqa: PLC0415  no outlet, no memory
    except ImportError as error:
        raise ConfigError(
            f"an outlet needs {error.name}; install the extra 'edge' of this package"
        ) from error
    account = Account(outlet.client_id or f"ems_{edge.site}_{edge.edge}", state, networks=edge.networks)
    return OutletSession(outlet, newest, made_teller(edge, outlet, newest, clock), account)


def made_teller(edge: EdgeDevices, outlet: Outlet, newest: Newest, clock: Clock) -> Teller:
    """The shape of the messages."""
    from edge_agent.outlet.teller import DeviceTeller, PointTeller  # noqa: PLC0415  as above

    shape, place = outlet.shape, {"site": edge.site, "edge": edge.edge}
    if shape.kind == "point":
        return PointTeller(shape, place, outlet.status_topic)
    if shape.kind == "device":
        return DeviceTeller(shape, place, outlet.status_topic)
    from edge_agent.outlet.sparkplug import SparkplugTeller  # noqa: PLC0415  loads protobuf only then

    node = shape.node or f"{edge.site}_{edge.edge}"
    return SparkplugTeller(shape.group, node, newest, lambda: clock.now().wall_ns)
