"""What is wrong with an expression."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

OF_EXPRESSIONS: Final = (
    Phrase(
        "the expression gives {unit} ({kind}), the point has the unit {wanted} ({other}); give the point "
        "that unit or convert in the expression",
        "表达式结果为 {unit}（{kind}），而点位单位为 {wanted}（{other}）；请更改点位单位，或在表达式中换算",
    ),
    Phrase(
        "it gives {unit}, no comparison; write one such as a.power_kw > 5 kW",
        "结果为 {unit}，不是比较；请写成 a.power_kw > 5 kW 之类",
    ),
    Phrase("{count} characters; an expression has at most {most}", "有 {count} 个字符；表达式最多 {most} 个"),
    Phrase(
        "{count} points; an expression has at most {most}, split it",
        "有 {count} 个点位；表达式最多 {most} 个，请拆分",
    ),
    Phrase("at character {at}: {why}", "第 {at} 个字符：{why}"),
    Phrase(
        "at character {at}: {text} means nothing here; points are device.point in small letters, a unit "
        "stands after its number",
        "第 {at} 个字符：{text} 在此无意义；点位写作小写的 设备.点位，单位写在数字之后",
    ),
    Phrase(
        "at character {at}: found {found}, expected {expected}",
        "第 {at} 个字符：此处为 {found}，应为 {expected}",
    ),
    Phrase("at character {at}: nested deeper than {most}", "第 {at} 个字符：嵌套超过 {most} 层"),
    Phrase(
        "at character {at}: {text} is no point; write device.point",
        "第 {at} 个字符：{text} 不是点位；请写 设备.点位",
    ),
    Phrase(
        "at character {at}: no function {text}; there are: {known}",
        "第 {at} 个字符：没有函数 {text}；可用：{known}",
    ),
    Phrase(
        "at character {at}: {text} takes {many} values, found {count}",
        "第 {at} 个字符：{text} 需要 {many} 个值，现有 {count} 个",
    ),
    Phrase("{what} needs {kinds}s: {advice}", "{what}需要 {kinds}：{advice}"),
    Phrase("{what} needs parts of one unit: {advice}", "{what}的各部分须为同一单位：{advice}"),
    Phrase("{what} needs amounts: {advice}", "{what}需要数量：{advice}"),
    Phrase(
        "0 is no {unit}; write the number with its unit, such as 0 {same}",
        "0 不是 {unit}；请写出单位，如 0 {same}",
    ),
    Phrase("a code is a name, compare it with == in an if(…)", "代码只是名称，请在 if（…）中用 == 比较"),
    Phrase("a comparison belongs into an if(…)", "比较须写在 if（…）中"),
    Phrase(
        "{texts}: a level is no amount; take a difference of two levels first, or absolute(…)",
        "{texts}：温度、压力等示值不是数量；请先求两个示值之差，或用 absolute(…)",
    ),
    Phrase(
        "{texts} cannot be put together; multiply or divide one of them into the other's unit",
        "{texts} 不能直接运算；请先乘除换算成另一个的单位",
    ),
    Phrase(
        "`and`, `or` and `not` need comparisons such as a.power_kw > 5 kW",
        "`and`、`or`、`not` 需要比较，如 a.power_kw > 5 kW",
    ),
    Phrase(
        "if(…) needs a comparison first, such as a.power_kw > 5 kW",
        "if（…）首先需要一个比较，如 a.power_kw > 5 kW",
    ),
    Phrase("{unit} has no square root", "{unit} 不能开平方"),
    Phrase(
        "absolute(…) needs a temperature or a pressure as a level, such as °C or bar(g)",
        "absolute（…）需要温度或压力，如 °C 或 bar(g)",
    ),
    Phrase(
        "part {at} must be of a unit like {need}, not {part}",
        "第 {at} 部分的单位应类似 {need}，而不是 {part}",
    ),
    Phrase(
        "{source} ({quantity}) cannot become {target} ({other})",
        "{source}（{quantity}）不能换算成 {target}({other})",
    ),
)  # fmt: skip
