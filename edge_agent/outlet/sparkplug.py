"""An edge node of Sparkplug B: births, data by exception, deaths. Pure.

A device is born when it answers and dies when it does not; then its host marks every metric as stale. A
sample that a birth has overtaken is sent as historical, so that it never takes the place of a newer one.

Source: Sparkplug 3.0, sections 4 (sessions, numbering), 5.10 (commands) and 6.4 (payload).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from typing_extensions import override

from edge_agent.outlet.newest import DeviceState, Newest, Told
from edge_agent.outlet.teller import Message, Teller
from protocols.drivers.mqtt.sparkplug import TYPES, Metric, Payload, decode_payload, encode_payload
from protocols.outlet import SPACE
from protocols.quality import is_bad, is_good
from runtime.supervise import guarded_decode

_NUMBERS: Final = 256
_REBIRTH: Final = "Node Control/Rebirth"
_BAD, _STALE = 0, 500
_MS: Final = 1_000_000


class SparkplugTeller(Teller):
    """One node and its devices.

    Args:
        group: Group id.
        node: Edge node id.
        newest: What births tell.
        wall_ns: Wall clock, the time of a message; nothing is decided by it.
    """

    ordered = True

    def __init__(self, group: str, node: str, newest: Newest, wall_ns: Callable[[], int]) -> None:
        self._group = group
        self._node = node
        self._newest = newest
        self._wall_ns = wall_ns
        self._session = 0
        self._seq = 0
        self._born: dict[str, int] = {}
        """Device to the number of the poll that its birth included; only living ones."""

        self.commands = (self._topic("NCMD"),)

    @override
    def will(self, session: int) -> Message | None:
        self._session = session % _NUMBERS
        return Message(self._topic("NDEATH"), encode_payload(Payload(self._now_ms(), None, (self._bd(),))), 1)

    @override
    def hello(self) -> list[Message]:
        self._seq, self._born = 0, {}
        now_ms = self._now_ms()
        rebirth = Metric(_REBIRTH, datatype=TYPES["boolean"], value=False, time_ms=now_ms)
        births = [self._message("NBIRTH", None, (self._bd(), rebirth))]
        births += [self._birth(state) for state in self._newest.devices.values() if state.reachable]
        return births

    @override
    def told(self, told: Told) -> list[Message]:
        state = told.state
        if not state.reachable:
            if self._born.pop(state.device, None) is None:
                return []
            return [self._message("DDEATH", state.device, ())]
        messages = [] if state.device in self._born else [self._birth(state)]
        late = told.number <= self._born[state.device]
        if late and told.number == self._newest.number:
            return messages  # the birth has said it
        metrics = tuple(_metrics(told, named=False, historical=late))
        return [*messages, self._message("DDATA", state.device, metrics)]

    @override
    def goodbye(self) -> list[Message]:
        will = self.will(self._session)
        return [] if will is None else [will]

    @override
    def rebirth_wanted(self, topic: str, body: bytes) -> bool:
        payload = guarded_decode(decode_payload, body, "Sparkplug command")
        metrics = () if payload is None else payload.metrics
        return any(metric.name == _REBIRTH and metric.value for metric in metrics)

    def _birth(self, state: DeviceState) -> Message:
        self._born[state.device] = self._newest.number
        everything = Told(
            self._newest.number,
            state,
            np.arange(len(state.points)),
            state.values,
            state.qualities,
            state.times_ns,
        )
        metrics = tuple(_metrics(everything, named=True, historical=False))
        return self._message("DBIRTH", state.device, metrics)

    def _message(self, kind: str, device: str | None, metrics: tuple[Metric, ...]) -> Message:
        body = encode_payload(Payload(self._now_ms(), self._seq, metrics))
        self._seq = (self._seq + 1) % _NUMBERS
        return Message(self._topic(kind, device), body)

    def _bd(self) -> Metric:
        return Metric("bdSeq", datatype=TYPES["int64"], value=self._session, time_ms=self._now_ms())

    def _topic(self, kind: str, device: str | None = None) -> str:
        return f"{SPACE}/{self._group}/{kind}/{self._node}" + (f"/{device}" if device else "")

    def _now_ms(self) -> int:
        return self._wall_ns() // _MS


def _metrics(told: Told, *, named: bool, historical: bool) -> Iterator[Metric]:
    columns = (told.at, told.values, told.qualities, told.times_ns)
    for at, value, quality, time_ns in zip(*(column.tolist() for column in columns), strict=True):
        there = math.isfinite(value) and not is_bad(quality)
        doubt = None if is_good(quality) else (_BAD if is_bad(quality) else _STALE)
        yield Metric(
            name=told.state.points[at] if named else "",
            alias=told.state.first + at,
            datatype=TYPES["double"],
            value=value if there else None,
            is_null=not there,
            time_ms=time_ns // _MS,
            historical=historical,
            quality=doubt,
        )
