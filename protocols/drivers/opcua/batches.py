"""Reading in batches of the size the server takes; the questions are made once and kept.

Source: OPC UA Part 4, section 5.11.2 (Read).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import (
    BadEncodingLimitsExceeded,
    BadRequestTooLarge,
    BadResponseTooLarge,
    BadTooManyOperations,
)

from protocols.drivers.opcua.codec import opcua_address
from protocols.drivers.opcua.kept import Kept
from protocols.drivers.opcua.session import Session
from protocols.errors import BadAnswerError
from protocols.profile import PointSpec

_TOO_MUCH: Final = (
    BadTooManyOperations,
    BadResponseTooLarge,
    BadRequestTooLarge,
    BadEncodingLimitsExceeded,
)
_UNKNOWN_NODE: Final = ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(StatusCodes.BadNodeIdUnknown)))
_MOST_KEPT: Final = 32
"""Questions kept; a device has a few polling classes, and what a subscription lacks changes rarely."""


class Batches:
    """The reads of one session."""

    def __init__(self, session: Session, base: str) -> None:
        self._session = session
        self._base = base
        self._nodes: dict[str, ua.NodeId | None] = {}
        self._questions: dict[tuple[str, ...], tuple[ua.ReadParameters, ...]] = {}

    def node(self, spec: PointSpec) -> ua.NodeId | None:
        """Node of a point in this session; None when the server has no such name space."""
        text = opcua_address(spec).node_at(self._base)
        if text not in self._nodes:
            self._nodes[text] = self._session.node_id(text)
        return self._nodes[text]

    async def read(self, points: Sequence[PointSpec]) -> list[ua.DataValue]:
        """One answer a point; a point without a name space is answered by us.

        Raises:
            BadAnswerError: Another number of values came than was asked for.
            UaError: The server refuses the whole request.
            OSError: The connection is lost; TimeoutError: no answer in time.
        """
        found = iter(await self._all(points))
        return [_UNKNOWN_NODE if self.node(spec) is None else next(found) for spec in points]

    async def _all(self, points: Sequence[PointSpec]) -> list[ua.DataValue]:
        while True:
            try:
                return [answer for part in self._asked(points) for answer in await self._one(part)]
            except _TOO_MUCH:
                if self._session.most_nodes == 1:
                    raise
                self._session.most_nodes = max(1, min(self._session.most_nodes, len(points)) // 2)
                self._questions.clear()

    async def _one(self, question: ua.ReadParameters) -> list[ua.DataValue]:
        answers = await self._session.client.uaclient.read(question)
        if len(answers) != len(question.NodesToRead):
            raise BadAnswerError(f"{len(answers)} values came for {len(question.NodesToRead)} nodes")
        return answers

    def _asked(self, points: Sequence[PointSpec]) -> tuple[ua.ReadParameters, ...]:
        key = tuple(spec.name for spec in points)
        if key not in self._questions:
            if len(self._questions) >= _MOST_KEPT:
                self._questions.clear()
            nodes = [node for spec in points if (node := self.node(spec)) is not None]
            most = self._session.most_nodes
            self._questions[key] = tuple(
                _question(nodes[begin : begin + most]) for begin in range(0, len(nodes), most)
            )
        return self._questions[key]


def _question(nodes: Sequence[ua.NodeId]) -> ua.ReadParameters:
    wanted = Kept(ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value) for node in nodes)
    source = ua.TimestampsToReturn.Source
    return ua.ReadParameters(MaxAge=0.0, TimestampsToReturn=source, NodesToRead=wanted)
