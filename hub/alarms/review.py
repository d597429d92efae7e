"""The yearly review of ISA-18.2: one row an alarm, with what a team needs to keep it or mend it. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub.alarms.definition import Definition
from hub.alarms.figures import Raise, chattering
from hub.alarms.states import Happened
from runtime import spreadsheet

_NS: Final = 1e9
_HEAD: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "alarm", "name", "priority", "raised", "part of all", "chattering", "acknowledged",
        "mean time to acknowledge [s]", "mean time standing [s]",
        "shelved", "out of service", "suppressed", "cause", "consequence", "action",
    ),
    "zh": (
        "报警", "名称", "优先级", "触发次数", "占比", "抖动", "确认次数", "平均确认时间 [s]",
        "平均持续时间 [s]", "搁置次数", "停用次数", "抑制次数", "原因", "后果", "处置",
    ),
}  # fmt: skip


@dataclass(slots=True)
class _Sum:
    raised: int = 0
    acked: int = 0
    acked_s: float = 0.0
    cleared: int = 0
    stood_s: float = 0.0
    shelved: int = 0
    out: int = 0
    suppressed: int = 0
    since_ns: int = 0
    open_ns: int = 0
    """When what nobody has acknowledged yet was raised; 0: nothing waits."""


def review(lines: Iterable[Happened], definitions: Mapping[str, Definition], language: str) -> str:
    """The review as CSV, also of alarms that never came: those are asked about too.

    Args:
        lines: The journal of the time, by time.
        definitions: What is watched now.
        language: `en` or `zh`.
    """
    sums: dict[str, _Sum] = {name: _Sum() for name in definitions}
    labels = {name: one.label for name, one in definitions.items()}
    raises: list[Raise] = []
    for line in lines:
        labels.setdefault(line.alarm, line.label)
        _add(sums.setdefault(line.alarm, _Sum()), line)
        if line.kind == "raised" and not line.quiet:
            raises.append(Raise(line.time_ns, line.alarm, line.priority))
    restless = chattering(raises)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(_HEAD[language])
    for name, one in sorted(sums.items(), key=lambda row: (-row[1].raised, row[0])):
        known = definitions.get(name)
        label = labels[name].zh if language == "zh" else labels[name].en
        guide = [] if known is None else [text.zh if language == "zh" else text.en for text in known.guide]
        row: Sequence[object] = (
            name, label, "" if known is None else known.priority, one.raised,
            f"{one.raised / max(len(raises), 1):.4f}", int(name in restless), one.acked,
            _mean(one.acked_s, one.acked), _mean(one.stood_s, one.cleared), one.shelved, one.out,
            one.suppressed, *guide,
        )  # fmt: skip
        table.writerow(spreadsheet.row(row))
    return "\ufeff" + out.getvalue()


def _add(one: _Sum, line: Happened) -> None:
    if line.kind == "raised" and not line.quiet:
        one.raised += 1
        one.since_ns = one.open_ns = line.time_ns
    elif line.kind == "cleared" and one.since_ns:
        one.cleared += 1
        one.stood_s += (line.time_ns - one.since_ns) / _NS
        one.since_ns = 0
    elif line.kind == "acknowledged" and one.open_ns:
        one.acked += 1
        one.acked_s += (line.time_ns - one.open_ns) / _NS
        one.open_ns = 0
    one.shelved += line.kind == "shelved"
    one.out += line.kind == "out_of_service"
    one.suppressed += line.kind == "suppressed"


def _mean(total: float, count: int) -> str:
    return f"{total / count:.0f}" if count else ""
