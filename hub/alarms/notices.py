"""Which messages follow from what happened: pure. An escalation is one that waits and may become needless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from hub.alarms.config import Notify
from hub.alarms.definition import Definition
from hub.alarms.phrases import found_in
from hub.alarms.states import Happened

_NS: Final = 1_000_000_000
_MOST_CHARACTERS: Final = 900


class Notice(NamedTuple):
    """One message that is due at a time.

    Attributes:
        alarm: Of which alarm.
        occurrence: Which time it was raised.
        kind: `raised` or `cleared`.
        rule: Place of the rule in `notify`.
        sender: Name of the sender.
        to: Addresses.
        text: What it says.
        language: `en` or `zh`.
        escalation: Only while nobody has acknowledged it.
        due_ns: When. [ns]
    """

    alarm: str
    occurrence: int
    kind: str
    rule: int
    sender: str
    to: tuple[str, ...]
    text: str
    language: str
    escalation: bool
    due_ns: int


def notices_of(
    happened: Iterable[Happened], notify: Sequence[Notify], definitions: dict[str, Definition]
) -> Iterator[Notice]:
    """Messages for lines of the journal; what is quiet is told to nobody."""
    for line in happened:
        if line.quiet or line.kind not in {"raised", "cleared"}:
            continue
        for at, one in enumerate(notify):
            if line.priority in one.priorities and (line.kind == "raised" or one.cleared):
                text = _text(line, definitions.get(line.alarm), one.language)
                yield Notice(
                    line.alarm, line.occurrence, line.kind, at, one.sender, one.to, text, one.language,
                    one.after_s > 0 and line.kind == "raised",
                    line.time_ns + int(one.after_s * _NS) * (line.kind == "raised"),
                )  # fmt: skip


def _text(line: Happened, definition: Definition | None, language: str) -> str:
    label = line.label.zh if language == "zh" else line.label.en
    head = f"P{line.priority} {label}"
    if line.kind == "cleared":
        return f"{head}: {'已恢复' if language == 'zh' else 'over'}"
    found = "" if line.value is None else f" {line.value:.6g}"
    words = f" ({found_in(line.words, language)})" if line.words else ""
    act = ""
    if definition is not None:
        action = definition.guide[2]
        act = f" → {action.zh if language == 'zh' else action.en}"
    return f"{head}:{found}{words}{act}"[:_MOST_CHARACTERS]
