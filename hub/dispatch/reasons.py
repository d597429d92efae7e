"""Why a plan was wanted, and why a set-point is told: said and kept in English, read back into Chinese.

The reason of a set-point travels with its command to the edge, that of a plan is kept beside it: both are one
English sentence, and whoever shows them looks here for the phrase.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from optimizer.words import FORESEEN
from protocols.config import Text
from protocols.phrases import Phrase, called

PHRASES: Final = (
    Phrase("first plan", "首份计划"),
    Phrase("a new quarter hour", "进入新的一刻钟"),
    Phrase("a new configuration", "新配置生效"),
    Phrase("new prices", "新价格生效"),
    Phrase("other prices of {name} are published", "{name} 公布了新价格"),
    Phrase("{name} was {before}, is {now}", "{name} 由{before}变为{now}"),
    Phrase("{name} is held at something else", "{name} 的外部设定已改变"),
    Phrase("{name} takes no orders and has {done}", "{name} 不接受指令，且已{done}"),
    Phrase("the forecast of {what} has changed by {change}", "{what}的预测变化了 {change}"),
    Phrase(
        "{name} holds {held}, planned were {low} to {high}", "{name} 储量为 {held}，计划为 {low} 至 {high}"
    ),
    Phrase("{what} is {measured}, planned were {planned}", "{what}为 {measured}，计划为 {planned}"),
    Phrase("started", "启动"),
    Phrase("stopped", "停机"),
    Phrase("free", "可用"),
    Phrase("local", "就地"),
    Phrase("down", "离线"),
    Phrase("tripped", "故障停机"),
    Phrase("held", "被外部锁定"),
    *(Phrase(text.en, text.zh) for text in FORESEEN.values()),
    Phrase("runs fully loaded, it carries the base of the air need", "满载运行，承担基本用气"),
    Phrase("follows the air need, it is the one that regulates", "随用气调节，由其承担调节"),
    Phrase("stands by, the others carry the air need", "备用，用气由其他空压机承担"),
    Phrase("runs, that is the cheapest way to meet the need", "运行，这是满足需求的最低成本方式"),
    Phrase("stands still, the others meet the need for less", "停机，其他设备能以更低成本满足需求"),
    Phrase("charges while power is cheap", "低价时段充电"),
    Phrase("discharges or rests for the dear hours", "高价时段放电或静置"),
    Phrase(
        "holds the import of the demand window at {limit}, planned were {planned}",
        "将本需量周期的购电控制在 {limit} 以内，原计划功率为 {planned}",
    ),
    Phrase(
        "no plan can be had: machines run in the order of their efficiency",
        "无法得到计划：设备按效率顺序运行",
    ),
)
"""More special ones first."""


def reason_text(said: str, names: Mapping[str, Text] = MappingProxyType({})) -> Text:
    """A reason in both languages; one of another version as it came.

    Args:
        said: The English sentence.
        names: Machine to what people call it; one that is not in it is called by its id.

    Example:
        >>> reason_text("comp1 was free, is tripped").zh
        'comp1 由可用变为故障停机'
        >>> reason_text("comp1 was free, is tripped", {"comp1": Text(en="Screw 1", zh="螺杆机1")}).zh
        '螺杆机1 由可用变为故障停机'
    """
    return called(said, PHRASES, lambda part, ident: names.get(ident) if part == "name" else None)
