"""A subscription: the server tells changes; what it last told stands for as long as it is heard.

The server is asked to speak at least once a second, also when nothing changed. When it falls silent, skips a
number or ends the subscription, nothing that was told is used any more: the driver reads, and subscribes
anew. Only the newest change between two publishings is asked for (a queue of 1): a frame carries one value a
point and poll, so a longer queue would be sent to be thrown away.

Source: OPC UA Part 4, sections 5.13 (monitored items), 5.14 (subscriptions) and 7.25.2 (data changes).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError

from protocols.drivers.opcua.codec import opcua_address
from protocols.drivers.opcua.session import Session
from protocols.profile import PointSpec
from protocols.units import Seconds

_KEEP_ALIVE_S: Final = 1.0
_LIFETIMES: Final = 10
"""The server forgets us after this many keep-alives without a question of ours (3 is the least allowed)."""


class Subscription:
    """One subscription in one session."""

    def __init__(self, session: Session, publish_s: Seconds, patience_s: Seconds) -> None:
        self._session = session
        self._publish_s = publish_s
        self._patience_s = patience_s
        self._id = 0
        self._handles: dict[int, str] = {}
        self._asked: set[str] = set()
        self._last: dict[str, ua.DataValue] = {}
        self._next_number: int | None = None
        self._heard_s = -math.inf
        self._silence_s: Seconds = 0.0
        self._broken = False

    async def start(self) -> None:
        """Make the subscription at the server.

        Raises:
            UaError: The server offers none, or not now.
            OSError: The connection is lost.
        """
        alive = max(1, math.ceil(_KEEP_ALIVE_S / self._publish_s))
        wanted = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=self._publish_s * 1000.0,
            RequestedLifetimeCount=ua.UInt32(alive * _LIFETIMES),
            RequestedMaxKeepAliveCount=ua.UInt32(alive),
            MaxNotificationsPerPublish=ua.UInt32(0),
            PublishingEnabled=True,
            Priority=ua.Byte(0),
        )
        self._heard_s = _now_s()
        made = await self._session.client.uaclient.create_subscription(wanted, self._take)
        self._id = made.SubscriptionId
        told_s = made.RevisedPublishingInterval / 1000.0 * max(1, made.RevisedMaxKeepAliveCount)
        self._silence_s = 2.0 * told_s + self._patience_s

    @property
    def alive(self) -> bool:
        """Whether what was told still stands."""
        return not self._broken and _now_s() - self._heard_s <= self._silence_s

    def told(self, point: str) -> ua.DataValue | None:
        """What the server last told of a point; None when it is not among the items, or not told yet."""
        return self._last.get(point)

    async def watch(self, points: Sequence[tuple[PointSpec, ua.NodeId]]) -> None:
        """Ask for the changes of points that were not asked for yet; those the server refuses stay untold.

        Raises:
            UaError: The server refuses the whole call.
            OSError: The connection is lost.
        """
        fresh = [(spec, node) for spec, node in points if spec.name not in self._asked]
        most = self._session.most_items
        for begin in range(0, len(fresh), most):
            await self._watch(fresh[begin : begin + most])

    async def end(self) -> None:
        """Give the subscription up; a server that does not answer forgets it by itself."""
        self._broken = True
        try:
            await self._session.client.uaclient.delete_subscriptions([self._id])
        except (UaError, OSError, TimeoutError):
            return

    async def _watch(self, part: Sequence[tuple[PointSpec, ua.NodeId]]) -> None:
        first = len(self._handles) + 1
        for number, (spec, _) in enumerate(part, first):
            self._handles[number] = spec.name  # before the answer: the first values may come with it
            self._asked.add(spec.name)
        params = ua.CreateMonitoredItemsParameters(
            SubscriptionId=ua.UInt32(self._id),
            TimestampsToReturn=ua.TimestampsToReturn.Source,
            ItemsToCreate=[_item(number, spec, node) for number, (spec, node) in enumerate(part, first)],
        )
        results = await self._session.client.uaclient.create_monitored_items(params)
        if len(results) != len(part):
            self._broken = True
            return
        for (spec, _), result in zip(part, results, strict=True):
            if not result.StatusCode.is_good():
                self._last.pop(spec.name, None)

    def _take(self, result: ua.PublishResult) -> None:
        """One message of the server; called by the library's task."""
        message = result.NotificationMessage
        self._heard_s = _now_s()
        skipped = 0 if self._next_number is None else message.SequenceNumber - self._next_number
        if not message.NotificationData:  # a keep-alive names the number that comes next, or by some the last
            self._broken = self._broken or skipped not in {0, -1}
            return
        self._broken = self._broken or skipped != 0  # something was told that we did not hear
        self._next_number = message.SequenceNumber + 1
        for part in message.NotificationData:
            if isinstance(part, ua.DataChangeNotification):
                for item in part.MonitoredItems:
                    if item.ClientHandle in self._handles:
                        self._last[self._handles[item.ClientHandle]] = item.Value
            elif isinstance(part, ua.StatusChangeNotification):
                self._broken = True


def _item(number: int, spec: PointSpec, node: ua.NodeId) -> ua.MonitoredItemCreateRequest:
    sampling_ms = opcua_address(spec).sampling_ms
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=ua.UInt32(number),
            SamplingInterval=-1.0 if sampling_ms is None else sampling_ms,
            QueueSize=ua.UInt32(1),
            DiscardOldest=True,
        ),
    )


def _now_s() -> float:
    return asyncio.get_running_loop().time()
