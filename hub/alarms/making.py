"""Makes conditions of declared ones, checked against the points of a site; faults are gathered."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from hub.alarms.conditions import Apart, Beyond, Coming, Condition, Holds, Moving, Old, Unlike
from hub.alarms.config import Deviation, Expressed, Forecast, Limit, Mismatch, Rate, Setpoints, Stale, When
from hub.alarms.setpoints import Missed
from protocols.errors import ConfigError
from protocols.expression import parse
from protocols.point import PointKind
from protocols.rules import in_unit_of, span_in_unit_of
from protocols.units import UNITS

Loc = tuple[int | str, ...]
Fault = tuple[Loc, str]

_POLLS: Final = 4
"""A course is known by so many samples at least. [-]"""

_CODE: Final = "code"


class Known(NamedTuple):
    """What has to be known of a point.

    Attributes:
        unit: Its unit.
        kind: Its kind.
        every_s: How often it is read. [s]
        stale_s: Age from which on a value is old. [s]
        under: Causes that explain whatever is wrong with it.
        valid: Lowest and highest valid value; beyond them it is bad and no value.
    """

    unit: str
    kind: PointKind
    every_s: float
    stale_s: float
    under: tuple[str, ...]
    valid: tuple[float | None, float | None]


class Maker:
    """One look through a file."""

    def __init__(self, known: Mapping[str, Known]) -> None:
        self.faults: list[Fault] = []
        self._known = known
        self._units = {point: one.unit for point, one in known.items()}

    def say(self, place: Loc, text: str) -> None:
        """Note a fault."""
        self.faults.append((place, text))

    def condition(self, place: Loc, when: When) -> Condition | None:
        """What a rule looks at; None where it has a fault, which was noted."""
        return _MAKERS[type(when)](self, place, when)

    def holds(self, place: Loc, text: str) -> Holds | None:
        """A comparison; None where it is none."""
        try:
            expression = parse(text)
        except ConfigError as error:
            self.say(place, str(error))
            return None
        faults = expression.truth_faults(self._units)
        for fault in faults:
            self.say(place, fault)
        if not expression.points:
            self.say(place, "it names no point; write points as device.point")
        if faults or not expression.points:
            return None
        return Holds(expression, {point: self._units[point] for point in expression.points})

    def _limit(self, place: Loc, when: Limit) -> Condition | None:
        found = self._side(place, when, when.point)
        if found is None:
            return None
        limit, sign, unit = found
        band = span_in_unit_of(when.deadband, when.unit or unit, unit)
        self._reachable(place, when.point, limit, sign)
        return Beyond(when.point, limit, sign, band)

    def _side(self, place: Loc, when: Limit | Forecast, point: str) -> tuple[float, int, str] | None:
        """Limit in the unit of the point, its side, and that unit."""
        known = self._amount((*place, "point"), point)
        if known is None:
            return None
        value, sign = (when.above, 1) if when.above is not None else (when.below or 0.0, -1)
        try:
            return in_unit_of(value or 0.0, when.unit or known.unit, known.unit), sign, known.unit
        except ConfigError as error:
            self.say((*place, "unit"), f"{point} is in {known.unit}: {error.args[0]}")
            return None

    def _reachable(self, place: Loc, point: str, limit: float, sign: int) -> None:
        low, high = self._known[point].valid
        if sign > 0 and high is not None and limit >= high:
            self.say((*place, "above"), f"{point} is bad above {high:g}, so it is never above {limit:g}")
        if sign < 0 and low is not None and limit <= low:
            self.say((*place, "below"), f"{point} is bad below {low:g}, so it is never below {limit:g}")

    def _deviation(self, place: Loc, when: Deviation) -> Condition | None:
        one = self._amount((*place, "point"), when.point)
        other = self._amount((*place, "target"), when.target)
        if one is None or other is None:
            return None
        if when.deadband >= when.more_than:
            text = f"{when.deadband:g} is not less than more_than {when.more_than:g}: it would never be over"
            self.say((*place, "deadband"), text)
        try:
            offset = in_unit_of(0.0, other.unit, one.unit)
            scale = in_unit_of(1.0, other.unit, one.unit) - offset
        except ConfigError as error:
            self.say((*place, "target"), f"{when.point} and {when.target}: {error.args[0]}")
            return None
        return Apart(when.point, when.target, when.more_than, when.deadband, scale, offset)

    def _rate(self, place: Loc, when: Rate) -> Condition | None:
        if self._amount((*place, "point"), when.point) is None:
            return None
        self._covered((*place, "over_s"), when.point, when.over_s)
        up, down = when.rises_per_min, when.falls_per_min
        return Moving(
            when.point, when.over_s, None if up is None else up / 60, None if down is None else down / 60
        )

    def _forecast(self, place: Loc, when: Forecast) -> Condition | None:
        found = self._side(place, when, when.point)
        if found is None:
            return None
        self._covered((*place, "over_s"), when.point, when.over_s)
        limit, sign, _ = found
        return Coming(when.point, limit, sign, when.within_min * 60.0, when.over_s)

    def _stale(self, place: Loc, when: Stale) -> Condition | None:
        known = [self._point((*place, "points", at), point) for at, point in enumerate(when.points)]
        found = [one for one in known if one is not None]
        if len(found) < len(known):
            return None
        slowest_s = max(one.every_s for one in found)
        if when.after_s is not None and when.after_s < 2 * slowest_s:
            text = f"{when.after_s:g} s: read each {slowest_s:g} s it needs {2 * slowest_s:g} s at least"
            self.say((*place, "after_s"), text)
        under = tuple(dict.fromkeys(name for one in found for name in one.under))
        return Old(when.points, when.after_s, under)

    def _mismatch(self, place: Loc, when: Mismatch) -> Condition | None:
        for name, point in (("point", when.point), ("wanted", when.wanted)):
            known = self._point((*place, name), point)
            if known is not None and known.unit != _CODE:
                self.say((*place, name), f"{point} is in {known.unit}, no code; use a deviation")
        if any(self._units.get(point) != _CODE for point in (when.point, when.wanted)):
            return None
        return Unlike(when.point, when.wanted, when.allowed)

    def _setpoints(self, place: Loc, when: Setpoints) -> Condition | None:
        known = {(*place, "points", at): point for at, point in enumerate(when.points)}
        found = [self._point(where, point) for where, point in known.items()]
        for where, one in zip(known, found, strict=True):
            if one is not None and one.kind is not PointKind.SETPOINT:
                self.say(where, f"{known[where]} is a {one.kind.value} and never commanded; name set-points")
        if any(one is None or one.kind is not PointKind.SETPOINT for one in found):
            return None
        return Missed(when.points, when.ended, when.for_s)

    def _expressed(self, place: Loc, when: Expressed) -> Condition | None:
        return self.holds((*place, "holds"), when.holds)

    def _covered(self, place: Loc, point: str, over_s: float) -> None:
        every_s = self._known[point].every_s
        if over_s < _POLLS * every_s:
            text = (
                f"{over_s:g} s: {point} is read each {every_s:g} s, so give {_POLLS * every_s:g} s at least"
            )
            self.say(place, text)

    def _amount(self, place: Loc, point: str) -> Known | None:
        known = self._point(place, point)
        if known is not None and known.unit == _CODE:
            self.say(place, f"{point} is a code, which has no more or less; use mismatch or expression")
            return None
        return known

    def _point(self, place: Loc, point: str) -> Known | None:
        known = self._known.get(point)
        if known is None:
            device = point.partition("/")[0]
            same = sorted(name.partition("/")[2] for name in self._known if name.startswith(f"{device}/"))
            like = difflib.get_close_matches(device, {name.partition("/")[0] for name in self._known}, 1)
            hint = f"; did you mean {like[0]!r}?" if like else ""
            rest = f"{device} has {', '.join(same)}" if same else f"there is no device {device!r} here{hint}"
            self.say(place, f"there is no point {point!r}; {rest}")
        elif known.unit not in UNITS:
            self.say(place, f"{point} has the unknown unit {known.unit!r}")
            return None
        return known


_MAKERS: Final[dict[type, Callable[..., Condition | None]]] = {
    Limit: Maker._limit,  # noqa: SLF001  its own table
    Deviation: Maker._deviation,  # noqa: SLF001  as above
    Rate: Maker._rate,  # noqa: SLF001  as above
    Stale: Maker._stale,  # noqa: SLF001  as above
    Mismatch: Maker._mismatch,  # noqa: SLF001  as above
    Setpoints: Maker._setpoints,  # noqa: SLF001  as above
    Expressed: Maker._expressed,  # noqa: SLF001  as above
    Forecast: Maker._forecast,  # noqa: SLF001  as above
}
