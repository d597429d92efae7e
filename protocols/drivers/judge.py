"""Raw number → value and quality, alike for every protocol that delivers single values."""

from __future__ import annotations

import math

from protocols.profile import PointSpec
from protocols.quality import Quality


def judge(spec: PointSpec, raw: float | None) -> tuple[float, Quality]:
    """Value in the unit of the point and its quality; NaN where it is bad.

    Example:
        >>> from protocols.config import Text
        >>> from protocols.profile import OpcuaAddress
        >>> spec = PointSpec(name="a_kw", label=Text(en="a", zh="a"), unit="kW", high=10,
        ...                  address=OpcuaAddress(node="ns=2;s=A"), scale=0.1)
        >>> judge(spec, 50.0)
        (5.0, <Quality.GOOD: 0>)
        >>> judge(spec, 500.0)
        (nan, <Quality.BAD_RANGE: 133>)
    """
    if raw is None or not math.isfinite(raw) or (raw.is_integer() and int(raw) in spec.not_available):
        return math.nan, Quality.BAD_NOT_AVAILABLE
    value = raw * spec.scale + spec.offset
    if (spec.low is not None and value < spec.low) or (spec.high is not None and value > spec.high):
        return math.nan, Quality.BAD_RANGE
    return value, Quality.GOOD
