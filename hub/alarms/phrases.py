"""What is found when an alarm is raised, as phrases in both languages; kept in English, shown in either."""

from __future__ import annotations

from typing import Final

from hub.health.phrases import ILL
from hub.ledger.queries import CODE_TEXTS
from protocols.config import Text
from protocols.phrases import Phrase, both, in_chinese
from protocols.trouble import TROUBLE_PHRASES

SILENT: Final = Phrase("nothing heard for {seconds} s", "已 {seconds} 秒无消息")
NO_BUS: Final = Phrase("the bus does not answer this role", "总线对本角色无应答")
NOT_REACHED: Final = Phrase("{edge} does not reach it", "{edge} 无法连接该设备")
PER_MIN: Final = Phrase("{slope} per min", "每分钟 {slope}")
IN_MIN: Final = Phrase("limit reached in {minutes} min", "{minutes} 分钟后达到限值")
REACHED: Final = Phrase("the limit is reached", "已达到限值")
WANTED: Final = Phrase("{value} was asked for", "要求值为 {value}")
STOPPED: Final = Phrase("{point} stopped", "{point} 已被人员停止")
OVERRIDDEN: Final = Phrase("{point} overridden: {rung}", "{point} 被接管：{rung}")
ENDED_WHY: Final = {
    "refused": Phrase("{point} refused: {why}", "{point} 被拒绝：{why}"),
    "failed": Phrase("{point} failed: {why}", "{point} 失败：{why}"),
    "expired": Phrase("{point} expired: {why}", "{point} 租约到期：{why}"),
}
ENDED: Final = {
    "refused": Phrase("{point} refused", "{point} 被拒绝"),
    "failed": Phrase("{point} failed", "{point} 失败"),
    "expired": Phrase("{point} expired", "{point} 租约到期"),
}
_RUNGS: Final = (
    Phrase("safety", "安全"), Phrase("local", "就地"),
    Phrase("locked_out", "挂牌锁定"), Phrase("interlock", "联锁"),
)  # fmt: skip
_MOST: Final = 400
"""Characters of words from elsewhere. [-]"""

LIST: Final = Phrase("{first} | {rest}", "{first} | {rest}")

FOUND: Final = (
    SILENT, NO_BUS, NOT_REACHED, PER_MIN, IN_MIN, REACHED, WANTED, *TROUBLE_PHRASES, LIST, STOPPED,
    OVERRIDDEN, *ENDED_WHY.values(), *ENDED.values(), *_RUNGS,
    *(Phrase(one.en, one.zh) for one in CODE_TEXTS.values()), *ILL,
)  # fmt: skip
"""All of them; a list before its parts."""


def found_text(words: str) -> Text:
    """A finding in both languages; what was said with no phrase of ours stays as it came."""
    return both(words, FOUND)


def found_in(words: str, language: str) -> str:
    """A finding in `en` or `zh`."""
    return in_chinese(words, FOUND) if language == "zh" else words


def minutes_left(words: str) -> float | None:
    """How soon an early warning says the limit is reached; None where it is none. [min].

    Example:
        >>> minutes_left(IN_MIN.say(minutes="12")), minutes_left(REACHED.say())
        (12.0, None)
    """
    parts = IN_MIN.parts(words)
    return None if parts is None else float(parts["minutes"])


def one_line(words: str) -> str:
    """Words from elsewhere as every database and every page takes them: one line, no signs that are none."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in words[:_MOST]).split())
