"""Words that stand within a sentence about a file and are none by themselves."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

PARTS: Final = (
    Phrase("a mapping", "一组项"),
    Phrase("a list of {count}", "一个 {count} 项的列表"),
    Phrase("row {line}", "第 {line} 行"),
    Phrase(
        "{baud} Bd, parity {parity}, {stop_bits} stop bits",
        "{baud} Bd，校验 {parity}，停止位 {stop_bits}",
    ),
    Phrase("framing {framing}", "帧格式 {framing}"),
    Phrase("{low} to {high}", "{low} 至 {high}"),
    Phrase("machine ids", "机组标识"),
    Phrase("controller ids", "控制器标识"),
    Phrase("{device} has {points}", "{device} 有 {points}"),
    Phrase("an operator such as + - * / or the end", "+ - * / 等运算符或结尾"),
    Phrase("`and` between two comparisons", "两个比较之间的 `and`"),
    Phrase("a point, a number or a bracket", "点位、数字或括号"),
    Phrase("the end", "结尾"),
    Phrase("a sum", "求和"),
    Phrase("a difference", "求差"),
    Phrase("a product", "求积"),
    Phrase("a quotient", "求商"),
    Phrase("a comparison", "比较"),
    Phrase("a root", "开方"),
    Phrase("a sum {advice}", "求和：{advice}"),
    Phrase("a {kind} there", "那里的 {kind}"),
    Phrase("no unit of the flowsheet", "流程图中没有的设备"),
    Phrase("no boiler or chp", "没有锅炉或热电联产"),
    Phrase(
        "the {power} kW of the PV inverters, less would curtail the sun",
        "光伏逆变器的 {power} kW，再小会限制光伏出力",
    ),
    Phrase("allowed are {forms}", "允许 {forms}"),
    Phrase("did you mean {near}?", "是否想写 {near}？"),
    Phrase("{hours} of {days} in month {month}", "{month} 月 {days} 的 {hours}"),
    Phrase("free air flow", "自由空气流量"),
    Phrase("normal gas flow", "标准状态气体流量"),
    Phrase("reactive power", "无功功率"),
    Phrase("volume flow", "体积流量"),
    Phrase("mass flow", "质量流量"),
    Phrase("none", "无"),
)  # fmt: skip
