"""Alarms as the API shows them: what is configured, joined with what the watch has kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select

from hub.alarms.definition import Definition
from hub.alarms.figures import Raise, figures
from hub.alarms.phrases import found_text, minutes_left
from hub.alarms.refusals import refusal_text
from hub.alarms.states import State, unpacked
from hub.alarms.tables import AlarmActRow, AlarmLineRow, AlarmOfficeRow, AlarmStateRow
from hub.api.alarm_models import (
    About,
    Alarm,
    AlarmAct,
    AlarmFigures,
    AlarmLine,
    Alarms,
    Finding,
    Hold,
    WorstAlarm,
)
from hub.api.deps import ApiDeps
from hub.api.models import from_ns
from hub.registry.site import Registry
from protocols.config import Text

UP_NS: Final = 15_000_000_000
"""The watch notes each 3 s that it looked; this long without is a watch that is away. [ns]"""

_URGENT: Final = ("unack", "rtn_unack", "ack", "shelved", "out_of_service", "suppressed", "normal")


async def alarms_of(deps: ApiDeps, *, every: bool) -> Alarms:
    """All alarms that are not normal, or all that there are."""
    site = deps.registry.site.id
    async with deps.sessions() as session:
        rows = (
            (await session.execute(select(AlarmStateRow).where(AlarmStateRow.site == site))).scalars().all()
        )
        office = await session.get(AlarmOfficeRow, site)
    states = {row.alarm: unpacked(row.body) for row in rows}
    shown = [
        alarm_of(deps, one, states.get(name, State()))
        for name, one in deps.alarms.definitions.items()
        if every or (name in states and states[name].phase != "normal")
    ]
    shown.sort(key=lambda one: (_URGENT.index(one.state), one.about.priority, -_seen_s(one)))
    watched_ns = 0 if office is None else office.watched_ns
    return Alarms(
        watched=from_ns(watched_ns) if watched_ns else None, up=is_up(deps, watched_ns), alarms=shown
    )


def is_up(deps: ApiDeps, watched_ns: int) -> bool:
    """Whether the watch looked a moment ago."""
    return abs(deps.clock.now().wall_ns - watched_ns) <= UP_NS


async def changed_since(deps: ApiDeps, commit: int) -> tuple[list[Alarm], int, int]:
    """Alarms written after a commit, the newest commit of them, and when the watch looked last. [ns]."""
    site = deps.registry.site.id
    wanted = select(AlarmStateRow).where(AlarmStateRow.site == site, AlarmStateRow.changed > commit)
    async with deps.sessions() as session:
        rows = (await session.execute(wanted)).scalars().all()
        office = await session.get(AlarmOfficeRow, site)
    known = deps.alarms.definitions
    found = [alarm_of(deps, known[row.alarm], unpacked(row.body)) for row in rows if row.alarm in known]
    newest = max((row.changed for row in rows), default=commit)
    return found, newest, 0 if office is None else office.watched_ns


def alarm_of(deps: ApiDeps, one: Definition, state: State) -> Alarm:
    """One alarm."""
    until_ns = state.shelved_until_ns
    hold = Hold(by=state.by, reason=state.reason, until=from_ns(until_ns) if until_ns else None)
    return Alarm(
        id=one.id,
        about=_about(deps.registry, one),
        state=state.phase,
        occurrence=state.occurrence,
        raised=from_ns(state.raised_ns) if state.raised_ns else None,
        cleared=from_ns(state.cleared_ns) if state.cleared_ns and not state.active else None,
        acked_by=state.acked_by,
        finding=_finding(state),
        hold=hold if state.hushed else None,
        suppressed_by=state.suppressed,
        comment=state.comment,
    )


def _finding(state: State) -> Finding:
    minutes = minutes_left(state.words)
    return Finding(
        value=state.value,
        words=state.words,
        text=found_text(state.words),
        first_out=state.first_out,
        due=None if minutes is None else from_ns(state.raised_ns + round(minutes * 60e9)),
    )


def _about(registry: Registry, one: Definition) -> About:
    cause, consequence, action = one.guide
    points = [f"{registry.site.id}/{point}" for point in one.condition.points]
    return About(
        label=one.label, priority=one.priority, source=one.source, group=one.group, cause=cause,
        consequence=consequence, action=action, points=points, behind=one.behind,
        away=_away(registry, one),
    )  # fmt: skip


def _away(registry: Registry, one: Definition) -> list[str]:
    """Devices that nobody hears of while it stands."""
    name = one.id.partition(":")[2]
    if one.source == "device":
        return [name]
    if one.source != "edge":
        return []
    return [device for device, known in registry.devices.items() if known.edge == name]


async def journal(deps: ApiDeps, before: int | None, limit: int, alarm: str | None) -> list[AlarmLine]:
    """Lines, newest first."""
    wanted = select(AlarmLineRow).where(AlarmLineRow.site == deps.registry.site.id)
    if before is not None:
        wanted = wanted.where(AlarmLineRow.number < before)
    if alarm is not None:
        wanted = wanted.where(AlarmLineRow.alarm == alarm)
    async with deps.sessions() as session:
        rows = await session.execute(wanted.order_by(AlarmLineRow.number.desc()).limit(limit))
        return [_line(row) for row in rows.scalars()]


def _line(row: AlarmLineRow) -> AlarmLine:
    return AlarmLine(
        number=row.number, time=from_ns(row.time_ns), alarm=row.alarm,
        label=Text(en=row.label_en, zh=row.label_zh), kind=row.kind, priority=row.priority,
        occurrence=row.occurrence, actor=row.actor, words=row.words, text=_said(row),
        value=row.value, quiet=row.quiet,
    )  # fmt: skip


def _said(row: AlarmLineRow) -> Text:
    """What was found in both languages; the words of a person as they are."""
    return found_text(row.words) if row.kind == "raised" else Text(en=row.words, zh=row.words)


async def figures_of(deps: ApiDeps, from_ns_: int, to_ns: int) -> AlarmFigures:
    """How good the alarms were between two times."""
    site = deps.registry.site.id
    wanted = select(AlarmLineRow.time_ns, AlarmLineRow.alarm, AlarmLineRow.priority).where(
        AlarmLineRow.site == site, AlarmLineRow.kind == "raised", AlarmLineRow.quiet.is_(False),
        AlarmLineRow.time_ns >= from_ns_, AlarmLineRow.time_ns < to_ns,
    )  # fmt: skip
    stands = select(AlarmStateRow).where(AlarmStateRow.site == site)
    async with deps.sessions() as session:
        rows = await session.execute(wanted.order_by(AlarmLineRow.time_ns))
        raises = [Raise(*row) for row in rows]
        states = [unpacked(row.body) for row in (await session.execute(stands)).scalars()]
    known = figures(
        raises, (one.raised_ns for one in states if one.active and not one.hushed), from_ns_, to_ns
    )
    top = [
        WorstAlarm(alarm=one.alarm, label=_label(deps, one.alarm), count=one.times, part_frac=one.part_frac)
        for one in known.top
    ]
    return AlarmFigures(
        start=from_ns(from_ns_), end=from_ns(to_ns), raised=known.raised, top=top,
        per_10min_mean=known.per_10min_mean, per_10min_max=known.per_10min_max, flood_frac=known.flood_frac,
        chattering=known.chattering, standing=known.standing, old=known.old,
        priorities=dict(known.priorities),
    )  # fmt: skip


def _label(deps: ApiDeps, alarm: str) -> Text:
    known = deps.alarms.definitions.get(alarm)
    return Text(en=alarm, zh=alarm) if known is None else known.label


def act_of(row: AlarmActRow) -> AlarmAct:
    """What became of what a person wanted."""
    over = "refused" if row.refused else "done"
    return AlarmAct(
        id=row.id, kind=row.kind, alarm=row.alarm, actor=row.actor, why=row.refused,
        text=refusal_text(row.refused), state="asked" if row.done_ns is None else over,
    )  # fmt: skip


async def acts_of(deps: ApiDeps, idents: Iterable[str]) -> list[AlarmAct]:
    """Acts by their ids."""
    wanted = select(AlarmActRow).where(
        AlarmActRow.site == deps.registry.site.id, AlarmActRow.id.in_(list(idents))
    )
    async with deps.sessions() as session:
        rows = await session.execute(wanted.order_by(AlarmActRow.number))
        return [act_of(row) for row in rows.scalars()]


def _seen_s(one: Alarm) -> float:
    return one.raised.timestamp() if one.raised is not None else 0.0
