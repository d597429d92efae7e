"""Sentences of the planner about plants, in both languages; one place for the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from protocols.config import Text

CARRIERS: Final = {
    "electric": Text(en="power", zh="电力"),
    "air": Text(en="compressed air", zh="压缩空气"),
    "cooling": Text(en="cooling", zh="制冷"),
    "heat": Text(en="heat", zh="供热"),
}
"""What is balanced."""
UNITS: Final = {"electric": "kW", "air": "m³/min", "cooling": "kW", "heat": "kW"}
"""Unit of a flow of it."""
PRICED_BY: Final = {"electric": "kWh", "air": "m³", "cooling": "kWh", "heat": "kWh"}
"""What its price is for."""
SLACKS: Final = {
    "air_short": Text(en="compressed air is short", zh="压缩空气不足"),
    "cooling_short": Text(en="cooling is short", zh="制冷不足"),
    "heat_short": Text(en="heat is short", zh="供热不足"),
    "air_surplus": Text(en="too much compressed air is made", zh="压缩空气过剩"),
    "cooling_surplus": Text(en="too much cooling is made", zh="制冷过剩"),
    "heat_surplus": Text(en="too much heat is made", zh="供热过剩"),
    "import_over": Text(en="the contracted import is exceeded", zh="超过合同购电功率"),
    "export_over": Text(en="the permitted export is exceeded", zh="超过允许售电功率"),
    "reserve_air": Text(en="the reserve of compressed air is not held", zh="压缩空气备用不足"),
    "reserve_cooling": Text(en="the reserve of cooling is not held", zh="制冷备用不足"),
    "spare_air": Text(
        en="the air need is not covered without the largest machine", zh="最大空压机停机时供气不足"
    ),
    "spare_cooling": Text(
        en="the cooling need is not covered without the largest machine", zh="最大冷机停机时制冷不足"
    ),
    "import_under": Text(en="less is bought than must be", zh="购电低于最小值"),
    "gas_over": Text(en="more gas is taken than the contract gives", zh="用气超过合同"),
    "short": Text(en="a carrier of the plant is short", zh="自有介质不足"),
    "surplus": Text(en="too much of a carrier of the plant is made", zh="自有介质过剩"),
    "window_over": Text(en="a limit of the whole window is exceeded", zh="超过整个时段的限值"),
    "missed": Text(en="a load does not get what it wants", zh="可调负荷未得到所需能量"),
    "end_short": Text(en="less is stored at the end than is wanted", zh="期末储量低于要求"),
}
"""What a named shortage means."""
_NS: Final = 1_000_000_000
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Speech:
    """How machines and times are called.

    Attributes:
        labels: Machine to what people call it; others by their id.
        zone: Zone in which times are told.
    """

    labels: Mapping[str, Text] = field(default_factory=dict)
    zone: tzinfo = UTC

    def name(self, machine: str) -> Text:
        """What people call a machine."""
        return self.labels.get(machine, Text(en=machine, zh=machine))

    def clock(self, at_ns: int) -> str:
        """Hour and minute."""
        return f"{datetime.fromtimestamp(at_ns / _NS, self.zone):%H:%M}"


def said(en: str, zh: str, **parts: object) -> Text:
    """A sentence in both languages; a part that is a Text goes in by language.

    Example:
        >>> said("{what} at {t}", "{t} 时的{what}", what=CARRIERS["heat"], t="10:00").zh
        '10:00 时的供热'
    """
    return Text(
        en=en.format(**{name: part.en if isinstance(part, Text) else part for name, part in parts.items()}),
        zh=zh.format(**{name: part.zh if isinstance(part, Text) else part for name, part in parts.items()}),
    )


def joined(parts: list[Text]) -> Text:
    """Clauses as one sentence.

    Example:
        >>> joined([Text(en="it runs", zh="运行"), Text(en="air is short", zh="缺气")]).en
        'it runs; air is short.'
    """
    return Text(en="; ".join(one.en for one in parts) + ".", zh=";".join(one.zh for one in parts) + "。")


def listed(parts: list[Text]) -> Text:
    """Names in a row."""
    return Text(en=", ".join(one.en for one in parts), zh="、".join(one.zh for one in parts))


def slack_text(name: str) -> Text:
    """What a named shortage means; what it is about is in brackets where it has a name of its own.

    Example:
        >>> slack_text("short.hydrogen").en
        'a carrier of the plant is short (hydrogen)'
    """
    family, _, of = name.partition(".")
    text = SLACKS.get(family, Text(en=family, zh=family))
    return said("{text} ({of})", "{text}({of})", text=text, of=of) if of else text


def slack_unit(name: str) -> str:
    """Unit of the amount of a named shortage."""
    family = slack_name(name)
    if family in {"end_short", "missed"}:
        return "kWh"
    return "m³/min" if family.endswith("air") or family.startswith("air") else "kW"


def slack_name(name: str) -> str:
    """Family of a named shortage: `end_short.ice` is one of `end_short`."""
    return name.split(".", 1)[0]


def minutes(duration_s: float) -> str:
    """A duration without needless digits.

    Example:
        >>> minutes(1800.0), minutes(90.0)
        ('30', '1.5')
    """
    return f"{duration_s / _MINUTE_S:g}"
