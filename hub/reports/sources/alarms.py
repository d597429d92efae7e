"""The alarm report: rates by EEMUA 191 and ISA-18.2, the worst ones, what stands, and the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from hub.alarms.figures import Figures, Raise, figures
from hub.alarms.states import unpacked
from hub.alarms.tables import AlarmLineRow, AlarmOfficeRow, AlarmStateRow
from hub.reports.around import Around, Built, nothing
from hub.reports.content import Cell, Chart, Column, Figure, Section, Table
from hub.reports.sources.cells import by_step, edges_of, step_of, time_column
from protocols.config import Text

MOST_LINES: Final = 100_000
"""Lines of the journal in one report. [-]"""

_W: Final = {
    "title": Text(en="How good the alarms were", zh="报警绩效"),
    "raised": Text(en="Alarms raised", zh="触发报警数"),
    "mean": Text(en="Mean of 10 min", zh="每 10 分钟平均"),
    "max": Text(en="Most in any 10 min", zh="任意 10 分钟最多"),
    "flood": Text(
        en="Part of the time in flood (more than 10 in 10 min)", zh="报警泛滥时间占比（10 分钟超过 10 条）"
    ),
    "chattering": Text(en="Chattering alarms", zh="抖动报警数"),
    "standing": Text(en="Standing now", zh="当前仍存在"),
    "old": Text(en="Standing for more than a day", zh="持续超过一天"),
    "course": Text(en="Alarms {0}", zh="报警数（{0}）"),
    "priority": Text(en="Priority {0}", zh="{0} 级"),
    "worst": Text(en="The worst ten", zh="最频繁的十个报警"),
    "alarm": Text(en="Alarm", zh="报警"),
    "times": Text(en="Raised", zh="触发次数"),
    "part": Text(en="Part of all", zh="占比"),
    "journal": Text(en="Journal", zh="报警日志"),
    "kind": Text(en="What", zh="事件"),
    "level": Text(en="Priority", zh="优先级"),
    "actor": Text(en="Who", zh="操作人"),
    "words": Text(en="Words", zh="备注"),
    "value": Text(en="Value", zh="数值"),
    "cut": Text(
        en="The journal has more than {0} lines; these are the first.",
        zh="日志超过 {0} 行，此处仅列出最前面的部分。",
    ),
    "kept": Text(
        en="The journal is kept for {0} days; what came before is not in it.",
        zh="日志保存 {0} 天，更早的记录不在其中。",
    ),
    "calm": Text(en="No alarm was raised in this time.", zh="此期间没有触发报警。"),
}  # fmt: skip
_KINDS: Final = {
    "raised": Text(en="raised", zh="触发"), "cleared": Text(en="over", zh="恢复"),
    "acknowledged": Text(en="acknowledged", zh="确认"), "shelved": Text(en="shelved", zh="搁置"),
    "unshelved": Text(en="off the shelf", zh="取消搁置"), "suppressed": Text(en="suppressed", zh="抑制"),
    "released": Text(en="released", zh="解除抑制"), "out_of_service": Text(en="out of service", zh="停用"),
    "in_service": Text(en="in service", zh="恢复使用"), "comment": Text(en="comment", zh="备注"),
    "removed": Text(en="removed", zh="移除"), "told": Text(en="told", zh="已通知"),
    "not_told": Text(en="not told", zh="通知失败"),
}  # fmt: skip
_PRIORITIES: Final = (1, 2, 3, 4)
_NS: Final = 1_000_000_000


def build(around: Around) -> Built:
    """What it says.

    Raises:
        ReportError: Nobody has watched in that time.
    """
    start_ns, end_ns = around.span_ns
    kept_ns = around.now_ns - around.view.alarms.keep_days * 86_400 * _NS
    lines = _lines(around)
    if not lines and (kept_ns >= end_ns or not _watched(around)):
        raise nothing(around)
    around.tell(0.5)
    raises = [
        Raise(row.time_ns, row.alarm, row.priority) for row in lines if row.kind == "raised" and not row.quiet
    ]
    found = figures(raises, _standing(around), start_ns, end_ns)
    notes = [around.say(_W["kept"]).format(around.view.alarms.keep_days)] if kept_ns > start_ns else []
    notes += [] if raises else [around.say(_W["calm"])]
    known = 100.0 * (end_ns - max(start_ns, min(kept_ns, end_ns))) / (end_ns - start_ns)
    sections = (
        Section(
            around.say(_W["title"]), _figures(around, found, known),
            (_course(around, raises), _worst(around, found, lines)), tuple(notes),
        ),
        _journal(around, lines),
    )  # fmt: skip
    return Built(sections, known)


def _lines(around: Around) -> Sequence[AlarmLineRow]:
    start_ns, end_ns = around.span_ns
    wanted = select(AlarmLineRow).where(
        AlarmLineRow.site == around.site, AlarmLineRow.time_ns >= start_ns, AlarmLineRow.time_ns < end_ns
    )
    ordered = wanted.order_by(AlarmLineRow.time_ns, AlarmLineRow.number).limit(MOST_LINES)
    return around.session.execute(ordered).scalars().all()


def _watched(around: Around) -> bool:
    """Whether a watch looked at or after the begin of the time."""
    office = around.session.get(AlarmOfficeRow, around.site)
    return office is not None and office.watched_ns >= around.span_ns[0]


def _standing(around: Around) -> list[int]:
    wanted = select(AlarmStateRow.body).where(AlarmStateRow.site == around.site)
    states = [unpacked(body) for body in around.session.execute(wanted).scalars()]
    return [one.raised_ns for one in states if one.active and not one.hushed]


def _figures(around: Around, found: Figures, known_pct: float) -> tuple[Figure, ...]:
    say = around.say
    counts = [
        Figure(
            say(_W["priority"]).format(priority), float(found.priorities.get(priority, 0)), "", 0, known_pct
        )
        for priority in _PRIORITIES
    ]
    return (
        Figure(say(_W["raised"]), float(found.raised), "", 0, known_pct), *counts,
        Figure(say(_W["mean"]), found.per_10min_mean, "", 2, known_pct),
        Figure(say(_W["max"]), float(found.per_10min_max), "", 0, known_pct),
        Figure(say(_W["flood"]), 100.0 * found.flood_frac, "%", 2, known_pct),
        Figure(say(_W["chattering"]), float(found.chattering), "", 0, known_pct),
        Figure(say(_W["standing"]), float(found.standing), "", 0),
        Figure(say(_W["old"]), float(found.old), "", 0),
    )  # fmt: skip


def _course(around: Around, raises: Sequence[Raise]) -> Table:
    edges = edges_of(around, step_of(around))
    rows: list[tuple[Cell, ...]] = []
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        counts = Counter(one.priority for one in raises if first <= one.time_ns < last)
        rows.append((around.at(first), *(float(counts[priority]) for priority in _PRIORITIES)))
    title = around.say(_W["course"]).format(by_step(around))
    columns = (
        time_column(around, step_of(around)),
        *(Column(around.say(_W["priority"]).format(one), places=0) for one in _PRIORITIES),
    )
    return Table(title, columns, rows, (Chart(title, "stacked", 0, (1, 2, 3, 4)),))


def _worst(around: Around, found: Figures, lines: Sequence[AlarmLineRow]) -> Table:
    labels = {row.alarm: row.label_zh if around.language == "zh" else row.label_en for row in lines}
    columns = (
        Column(around.say(_W["alarm"]), form="text"), Column(around.say(_W["times"]), places=0),
        Column(around.say(_W["part"]), "%"),
    )  # fmt: skip
    rows = [(labels.get(one.alarm, one.alarm), float(one.times), 100.0 * one.part_frac) for one in found.top]
    title = around.say(_W["worst"])
    return Table(title, columns, rows, (Chart(title, "bar", 0, (1,)),) if rows else ())


def _journal(around: Around, lines: Sequence[AlarmLineRow]) -> Section:
    say = around.say
    columns = (
        time_column(around), Column(say(_W["alarm"]), form="text"), Column(say(_W["kind"]), form="text"),
        Column(say(_W["level"]), places=0), Column(say(_W["value"]), places=3),
        *(Column(say(_W[name]), form="text") for name in ("actor", "words")),
    )  # fmt: skip
    rows = [
        (
            around.at(row.time_ns), row.label_zh if around.language == "zh" else row.label_en,
            say(_KINDS[row.kind]) if row.kind in _KINDS else row.kind, float(row.priority), row.value,
            row.actor, row.words,
        )
        for row in lines
    ]  # fmt: skip
    notes = (say(_W["cut"]).format(MOST_LINES),) if len(lines) >= MOST_LINES else ()
    printed = len(rows) <= 200  # noqa: PLR2004  more pages are read by nobody
    return Section(
        say(_W["journal"]), tables=(Table(say(_W["journal"]), columns, rows, printed=printed),), notes=notes
    )
