"""Why an act of a person on an alarm was not done, as phrases in both languages; kept in English."""

from __future__ import annotations

from typing import Final

from protocols.config import Text
from protocols.phrases import Phrase, both

GONE: Final = Phrase("there is no alarm {alarm} any more", "报警 {alarm} 已不存在")
RAISED_AGAIN: Final = Phrase(
    "it has been raised again since; look at it and acknowledge that", "该报警已再次发生，请查看后再确认"
)
ACKNOWLEDGED: Final = Phrase("it is acknowledged already", "该报警已确认")
ACKNOWLEDGED_BY: Final = Phrase("it is acknowledged already by {actor}", "该报警已由 {actor} 确认")
SHELF_TOO_LONG: Final = Phrase(
    "a shelf ends within 8 h from now; take it out of service for longer",
    "搁置最长 8 小时；如需更久，请将其退出服务",
)
BRING_BACK_FIRST: Final = Phrase("it is out of service; bring it back first", "该报警已退出服务，请先恢复")
NOT_SHELVED: Final = Phrase("it is not shelved", "该报警未被搁置")
OUT_BY: Final = Phrase("it is out of service already, by {actor}", "该报警已由 {actor} 退出服务")
NOT_OUT: Final = Phrase("it is not out of service", "该报警并未退出服务")

_ALL: Final = (
    GONE, RAISED_AGAIN, ACKNOWLEDGED, ACKNOWLEDGED_BY, SHELF_TOO_LONG, BRING_BACK_FIRST, NOT_SHELVED, OUT_BY,
    NOT_OUT,
)  # fmt: skip


def refusal_text(why: str) -> Text:
    """A refusal in both languages; one that no phrase of ours said stays as it came."""
    return both(why, _ALL)
