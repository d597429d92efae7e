"""Which messages follow from what happened: pure. An escalation is one that waits and may become needless."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from hub.alarms.config import Notify
from hub.alarms.definition import Definition
from hub.alarms.phrases import found_in
from hub.alarms.states import Happened

_NS: Final = 1_000_000_000
_FINDING: Final = re.compile("[:：]")
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


def subject_of(text: str) -> str:
    """What a message is about: what stands before its finding, in either language.

    Example:
        >>> subject_of("P1 Pressure low: 5.9"), subject_of("P1 气压过低：5.9")
        ('P1 Pressure low', 'P1 气压过低')
    """
    return _FINDING.split(text, maxsplit=1)[0]


def _text(line: Happened, definition: Definition | None, language: str) -> str:
    chinese = language == "zh"
    head = f"P{line.priority} {line.label.zh if chinese else line.label.en}{'：' if chinese else ': '}"
    if line.kind == "cleared":
        return head + ("已恢复" if chinese else "over")
    found = "" if line.value is None else f"{line.value:.6g}"
    if line.words:
        words = found_in(line.words, language)
        found += f"（{words}）" if chinese else f" ({words})"
    if definition is not None:
        action = definition.guide[2]
        found += f" → {action.zh if chinese else action.en}"
    return f"{head}{found.strip()}".rstrip()[:_MOST_CHARACTERS]
