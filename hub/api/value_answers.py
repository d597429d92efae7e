"""Thousands of newest values as one answer, at the price of their numbers alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from pydantic_core import to_json

from hub.api.models import from_ns, quality_class, told_time
from hub.store.port import LastValue
from protocols.point import PointId
from protocols.quality import is_bad

_Mark = tuple[int, int, int]
"""Quality, time and told time of a sample. [-, ns, ns]"""
_CUT: Final = len("{")


class _Marks(dict[_Mark, str]):
    """What stands behind a value; points that were read together share it."""

    def __init__(self, now_ns: int) -> None:
        super().__init__()
        self._now_ns = now_ns

    def __missing__(self, mark: _Mark) -> str:
        quality, time_ns, source_ns = mark
        fields = {
            "quality": quality,
            "quality_class": quality_class(quality),
            "time": from_ns(time_ns),
            "age_s": max(self._now_ns - time_ns, 0) / 1e9,
            "source_time": told_time(source_ns),
        }
        text = self[mark] = to_json(fields).decode()[_CUT:]
        return text


def values_json(found: Mapping[PointId, LastValue], now_ns: int) -> bytes:
    """A list of `Value`: names and numbers of our own, which need no check and no escape.

    Example:
        >>> values_json({PointId("demo", "meter", "p_kw"): LastValue(2.5, 0, 10**9)}, 3 * 10**9).decode()
        '[{"point":"demo/meter/p_kw","value":2.5,"quality":0,"quality_class":"good",\
"time":"1970-01-01T00:00:01Z","age_s":2.0,"source_time":null}]'
    """
    marks = _Marks(now_ns)
    told = (
        f'{{"point":"{"/".join(point)}","value":{_number(last)},'
        f"{marks[last.quality, last.time_ns, last.source_ns]}"
        for point, last in found.items()
    )
    return f"[{','.join(told)}]".encode()


def _number(last: LastValue) -> str:
    return "null" if is_bad(last.quality) or not math.isfinite(last.value) else repr(float(last.value))
