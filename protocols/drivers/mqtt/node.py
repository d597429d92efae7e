"""What is known of one Sparkplug B node and one device below it: births, deaths, numbering. Pure.

Values are told when they change, so the last one stands until the node dies, unless a message was missed:
then every value is doubtful until the node tells all anew (rebirth).

Source: Sparkplug 3.0, sections 4 (sessions, births, deaths) and 6.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from protocols.drivers.judge import judge
from protocols.drivers.mqtt.sparkplug import Metric, Payload, number
from protocols.profile import PointSpec
from protocols.quality import Quality

_NUMBERS: Final = 256
_BIRTH_NUMBER: Final = "bdSeq"
_BAD, _STALE = 0, 500


@dataclass(slots=True)
class _Known:
    """A metric since its birth."""

    datatype: int
    last: Metric | None


@dataclass(slots=True)
class _Scope:
    """The metrics of the node itself, or of our device."""

    metrics: dict[str, _Known] = field(default_factory=dict)
    aliases: dict[int, str] = field(default_factory=dict)
    alive: bool = False


class Node:
    """State of a node; `device` is the one below it that is read, None for the node itself."""

    def __init__(self, device: str | None) -> None:
        self._device = device
        self._own = _Scope()
        self._node_alive = False
        self._birth_number: float | None = None
        self._next: int | None = None
        self.doubtful = False
        """A message was missed since the last birth of the node."""

        self.rebirth_wanted = True
        """Only a rebirth can make the state whole."""

        self.heard_s = -math.inf
        """When the node was last heard. [s]"""

    @property
    def alive(self) -> bool:
        """Whether node and device are born and not dead."""
        return self._node_alive and self._own.alive

    def take(self, kind: str, device: str | None, payload: Payload, now_s: float) -> None:
        """One message of the node; `kind` is the third level of its topic."""
        if kind == "NDEATH":
            self._node_dies(payload)
            return
        self.heard_s = now_s
        if kind == "NBIRTH":
            self._node_is_born(payload)
        elif not self._in_order(payload):
            return
        if device == self._device and kind in {"NBIRTH", "DBIRTH"}:
            self._born(payload)
        elif device == self._device and kind in {"NDATA", "DDATA"}:
            self._tell(payload)
        elif device == self._device and kind == "DDEATH":
            self._own.alive = False

    def judge(self, spec: PointSpec, name: str) -> tuple[float, Quality, int]:
        """Value, quality and source time of a point; the time in ms, 0 where none was told."""
        known = self._own.metrics.get(name)
        if not self.alive:
            return math.nan, Quality.BAD_UNREACHABLE, 0
        if known is None:
            return math.nan, Quality.BAD_REFUSED, 0
        if known.last is None:
            return math.nan, Quality.BAD_UNREACHABLE, 0
        value, quality = _judge(spec, known.last, known.last.datatype or known.datatype)
        if self.doubtful or known.last.quality == _STALE:
            quality = max(quality, Quality.UNCERTAIN_STALE)
        return value, quality, known.last.time_ms

    def forget(self, name: str) -> None:
        """Take nothing for true of a metric until it is told again."""
        known = self._own.metrics.get(name)
        if known is not None:
            known.last = None

    def told(self, name: str) -> bool:
        """Whether a metric was told since its birth or since it was forgotten."""
        known = self._own.metrics.get(name)
        return self.alive and known is not None and known.last is not None

    def _node_is_born(self, payload: Payload) -> None:
        self._node_alive, self.doubtful, self.rebirth_wanted = True, False, False
        self._next = None if payload.seq is None else (payload.seq + 1) % _NUMBERS
        self._birth_number = _birth_number(payload)
        if self._device is not None:
            self._own = _Scope()  # the births of its devices follow the node's

    def _node_dies(self, payload: Payload) -> None:
        """Believe a death only when it belongs to the present session."""
        if self._birth_number is None or _birth_number(payload) in {None, self._birth_number}:
            self._node_alive = self._own.alive = False

    def _in_order(self, payload: Payload) -> bool:
        """Whether the node is born; notes what was missed."""
        if not self._node_alive:
            self.rebirth_wanted = True
            return False
        if payload.seq is None or self._next is None or payload.seq != self._next:
            self.doubtful = self.rebirth_wanted = True
        self._next = None if payload.seq is None else (payload.seq + 1) % _NUMBERS
        return True

    def _born(self, payload: Payload) -> None:
        self._own = _Scope(alive=True)
        for metric in payload.metrics:
            self._own.metrics[metric.name] = _Known(metric.datatype, metric)
            if metric.alias is not None:
                self._own.aliases[metric.alias] = metric.name

    def _tell(self, payload: Payload) -> None:
        for metric in payload.metrics:
            name = metric.name or self._own.aliases.get(-1 if metric.alias is None else metric.alias, "")
            known = self._own.metrics.get(name)
            if known is None:
                self.rebirth_wanted = True  # a metric that no birth told
            elif not metric.historical:
                known.last = metric


def _judge(spec: PointSpec, last: Metric, datatype: int) -> tuple[float, Quality]:
    if last.is_null:
        return math.nan, Quality.BAD_NOT_AVAILABLE
    if last.quality == _BAD:
        return math.nan, Quality.BAD_DEVICE
    raw = number(last, datatype)
    return (math.nan, Quality.BAD_ANSWER) if raw is None else judge(spec, raw)


def _birth_number(payload: Payload) -> float | None:
    return next((metric.value for metric in payload.metrics if metric.name == _BIRTH_NUMBER), None)
