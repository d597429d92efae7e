"""Reasons of controllers as sentences, and as codes for the point `reason_code`; a code never changes."""

from __future__ import annotations

from typing import Final

from protocols.config import Text


def _say(en: str, zh: str) -> Text:
    return Text(en=en, zh=zh)


REASONS: Final = {
    "none": _say("nothing said yet", "尚无说明"),
    "sequencer.begin": _say("it has begun and found who trims", "已开始，已选定调节机"),
    "sequencer.no_pressure": _say("the header pressure is unknown", "母管压力未知"),
    "sequencer.nobody": _say("no compressor is available", "没有可用的空压机"),
    "sequencer.trim_high": _say("the trim machine came to its upper end", "调节机已到上限"),
    "sequencer.pressure_low": _say("the pressure fell below the band", "压力低于压力带"),
    "sequencer.surplus": _say("one machine was too many", "有一台机器多余"),
    "sequencer.replaced": _say("a machine that was lost is replaced", "失去的机器已被替换"),
    "sequencer.not_started": _say("a machine did not start and is replaced", "有机器未能启动，已替换"),
    "sequencer.all_in": _say("every machine that may run runs", "可用的机器已全部投入"),
    "staging.begin": _say("it has begun", "已开始"),
    "staging.no_temperature": _say("the supply temperature is unknown", "供水温度未知"),
    "staging.nobody": _say("no chiller is available", "没有可用的冷水机组"),
    "staging.load_high": _say("the running chillers are nearly full", "运行机组接近满载"),
    "staging.warm": _say("the supply is too warm", "供水温度过高"),
    "staging.load_low": _say("the others carry the load", "其余机组足以承担负荷"),
    "staging.replaced": _say("a chiller that was lost is replaced", "失去的机组已被替换"),
    "staging.not_started": _say("a chiller did not start and is replaced", "有机组未能启动，已替换"),
    "staging.all_in": _say("every chiller that may run runs", "可用的机组已全部投入"),
    "demand.no_meter": _say("the meter gives no reading", "电表无读数"),
    "demand.shed": _say("the window would end above its limit", "本窗口将超过限值"),
    "demand.free": _say("the window ends below its limit", "本窗口低于限值"),
    "follower.no_data": _say("a reading is missing", "缺少读数"),
    "follower.in_band": _say("the grid power is where it should be", "电网功率合适"),
    "follower.follows": _say("the battery follows the grid power", "电池跟随电网功率"),
    "follower.full": _say("the battery is nearly full", "电池将满"),
    "follower.empty": _say("the battery is nearly empty", "电池将空"),
    "follower.power_limit": _say("the battery is at its largest power", "电池已达最大功率"),
    "rules.act": _say("at least one rule acts", "至少有一条规则动作"),
    "rules.rest": _say("no rule acts", "没有规则动作"),
}
"""Key of a reason to its sentence; new ones go to the end, their place is the code."""

CODES: Final = {key: float(code) for code, key in enumerate(REASONS)}
"""Key of a reason to its code."""
