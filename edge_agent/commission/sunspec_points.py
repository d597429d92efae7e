"""The registers of one SunSpec model → points of a profile. Pure.

What a device does not implement is left out; every other value becomes a point whose scale factor stays a
register, as the device may change it. Why something is left out is said in a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_agent.commission.sunspec_chain import HEAD, Place
from edge_agent.commission.sunspec_models import (
    NO_FACTOR,
    READ_AS,
    TO_THE_END,
    SunspecGroup,
    SunspecModel,
    SunspecPoint,
)
from protocols.config import Text
from protocols.point import PointKind
from protocols.profile import ModbusAddress, PointSpec

LONGEST_NAME: Final = 32
"""Signs of an id part."""

_NOT_NOW: Final = "not given now, though the standard demands it (look again while the machine runs)"
_SLOW_COUNTER_S: Final = 10.0
_MOST_EXPONENT: Final = 10
_NOT_COUNTED: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of one model.

    Attributes:
        points: Its points, named as in the table.
        notes: What was left out, and why; a sentence each.
        fault: Why nothing of it can be believed; empty when it can.
    """

    points: tuple[PointSpec, ...] = ()
    notes: tuple[str, ...] = ()
    fault: str = ""


@dataclass(slots=True)
class _Job:
    """One model on its way; collects what is left out, by reason."""

    table: SunspecModel
    place: Place
    words: Sequence[int]
    curves: bool
    left_out: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Part:
    """One group in one of its repetitions; the fixed part of the model is one too."""

    at: int
    prefix: str
    label: Text
    points: tuple[SunspecPoint, ...]
    groups: tuple[SunspecGroup, ...]
    size: int


def map_model(table: SunspecModel, place: Place, words: Sequence[int], *, curves: bool = False) -> Mapped:
    """Points of a model.

    Args:
        table: The definition.
        place: Where the device has it.
        words: Its registers, id and length included.
        curves: Whether groups within groups (curves and their points) become points too.
    """
    job = _Job(table, place, words, curves)
    fault = _length_fault(job)
    if fault:
        return Mapped(fault=fault)
    label = table.label if table.prefix else Text(en="", zh="")
    root = _Part(0, table.prefix or "", label, table.points, table.groups, table.size)
    points = tuple(_points_of(job, root))
    notes = [f"{place.title}, {reason}: {', '.join(names)}" for reason, names in job.left_out.items()]
    return Mapped(points, (*_count_notes(job), *notes))


def _length_fault(job: _Job) -> str:
    said, usual = HEAD + job.place.length, _size(job, job.table.size, job.table.groups)
    if said in {usual, usual + 1} or (said == usual - 1 and _used(job.table) <= said):
        return ""
    if _endless(job.table):
        return "" if said >= job.table.size else _too_short(job, usual)
    return (
        f"{job.place.title} says {job.place.length} registers, the standard's has {usual - HEAD}: another "
        "layout, a draft of it, or a wrong length"
    )


def _too_short(job: _Job, usual: int) -> str:
    return f"{job.place.title} says {job.place.length} registers, its fixed part alone has {usual - HEAD}"


def _endless(table: SunspecModel) -> bool:
    return any(group.repeat == TO_THE_END for group in table.groups)


def _used(table: SunspecModel) -> int:
    """Registers up to the last one that the table names; behind it there is padding."""
    ends = [point.at + _registers(point) for point in table.points]
    return max([HEAD, *ends, *(at + 1 for at in table.factors.values())])


def _size(job: _Job, own: int, groups: Sequence[SunspecGroup]) -> int:
    return own + sum(_times(job, group) * _size(job, group.size, group.groups) for group in groups)


def _times(job: _Job, group: SunspecGroup) -> int:
    """How often a group is there: once, as a register says, or as often as the length allows."""
    if group.repeat is None:
        return 1
    if group.repeat == TO_THE_END:
        return max(0, HEAD + job.place.length - job.table.size) // group.size
    at = job.table.counts[group.repeat]
    count = job.words[at] if at < len(job.words) else 0
    return 0 if count == _NOT_COUNTED else count


def _count_notes(job: _Job) -> Iterator[str]:
    """A register that counts what the length counts too, and says otherwise."""
    fitting = [_times(job, group) for group in job.table.groups if group.repeat == TO_THE_END]
    for name, at in job.table.counts.items():
        if fitting and job.words[at] not in {fitting[0], _NOT_COUNTED}:
            yield (
                f"{job.place.title}: {name} says {job.words[at]} groups, its {job.place.length} registers "
                f"hold {fitting[0]}: {fitting[0]} read"
            )


def _points_of(job: _Job, part: _Part) -> Iterator[PointSpec]:
    for point in part.points:
        reason = _absent(job, part.at + point.at, point) or _too_long(_name(part, point))
        if reason:
            job.left_out.setdefault(reason, []).append(_name(part, point))
        else:
            yield _spec(job, part, point)
    at = part.at + part.size
    for group in part.groups:
        for number in range(1, _times(job, group) + 1):
            yield from _group_points(job, part, group, (at, number))
            at += _size(job, group.size, group.groups)


def _group_points(job: _Job, part: _Part, group: SunspecGroup, where: tuple[int, int]) -> Iterator[PointSpec]:
    """Points of one repetition, `where` it begins and its number; curves only where they are asked for."""
    at, number = where
    if _is_curve(group) and not job.curves:
        job.left_out.setdefault("as --curves was not given", []).append(_joined(part.prefix, group, number))
        return
    sign = f" {number}" if group.repeat else ""
    inner = _Part(
        at,
        _joined(part.prefix, group, number),
        Text(
            en=f"{part.label.en} {group.label.en}{sign}".strip(),
            zh=f"{part.label.zh} {group.label.zh}{sign}".strip(),
        ),
        group.points,
        group.groups,
        group.size,
    )
    yield from _points_of(job, inner)


def _is_curve(group: SunspecGroup) -> bool:
    return bool(group.groups)


def _joined(prefix: str, group: SunspecGroup, number: int) -> str:
    own = f"{group.prefix}{number}" if group.repeat else group.prefix
    return f"{prefix}_{own}" if prefix else own


def _name(part: _Part, point: SunspecPoint) -> str:
    return f"{part.prefix}_{point.name}" if part.prefix else point.name


def _absent(job: _Job, at: int, point: SunspecPoint) -> str:
    """Why a value is no point; empty when it is one."""
    if _raw(job, at, point) == READ_AS[point.type][1] and not _may_be_zero(point):
        return _NOT_NOW if point.must else "not implemented by the device"
    if point.factor is None:
        return ""
    factor = job.words[job.table.factors[point.factor]]
    if factor == NO_FACTOR:
        return "as its scale factor is not implemented"
    exponent = factor - 0x10000 if factor > NO_FACTOR else factor
    return "" if abs(exponent) <= _MOST_EXPONENT else f"as its scale factor is {exponent}"


def _too_long(name: str) -> str:
    return "" if len(name) <= LONGEST_NAME else f"as the name has more than {LONGEST_NAME} signs"


def _may_be_zero(point: SunspecPoint) -> bool:
    """A counter that every such device has may not have counted yet."""
    return point.must and point.type.startswith("acc")


def _raw(job: _Job, at: int, point: SunspecPoint) -> int:
    raw = 0
    for word in job.words[at : at + _registers(point)]:
        raw = raw << 16 | word
    return raw


def _registers(point: SunspecPoint) -> int:
    return ModbusAddress(address=0, type=READ_AS[point.type][0]).registers


def _spec(job: _Job, part: _Part, point: SunspecPoint) -> PointSpec:
    kind, absent = READ_AS[point.type]
    at = part.at + point.at
    never = _may_be_zero(point) and _raw(job, at, point) == absent
    return PointSpec(
        name=_name(part, point),
        label=Text(
            en=f"{part.label.en}: {point.label.en}" if part.label.en else point.label.en,
            zh=f"{part.label.zh}：{point.label.zh}" if part.label.zh else point.label.zh,
        ),
        unit=point.unit,
        kind=point.kind,
        address=ModbusAddress(
            address=job.place.at + at,
            type=kind,
            scale_factor=None if point.factor is None else job.place.at + job.table.factors[point.factor],
            write="multiple" if point.kind is PointKind.SETPOINT else "auto",
        ),
        scale=point.scale,
        low=point.low,
        high=point.high,
        not_available=() if never else (absent,),
        every_s=max(job.table.every_s, _SLOW_COUNTER_S)
        if point.kind is PointKind.COUNTER
        else job.table.every_s,
    )
