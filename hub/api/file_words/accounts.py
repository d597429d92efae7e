"""What is wrong with a supply contract and with meters, media and goals of the accounts."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

OF_ACCOUNTS: Final = (
    Phrase("no window holds {where}; each minute needs a band", "{where} 不属于任何时段；每一分钟都须有时段"),
    Phrase("found {name}, no band; allowed are {known}", "{name} 不是时段；允许 {known}"),
    Phrase("found {text}; a whole day is written as 00:00-24:00", "现为 {text}；全天写作 00:00-24:00"),
    Phrase("found {name}; allowed are {known}", "现为 {name}；允许 {known}"),
    Phrase("found {name}, the name of other days; allowed are others", "{name} 是其他日子的名称；请改用其他"),
    Phrase("found {last}, before {first}; allowed is a later day", "{last} 早于 {first}；请给出较晚的日期"),
    Phrase("found {day} in two holidays; a day is in one", "{day} 同属两个假期；一天只属于一个"),
    Phrase("found {day}, which is a holiday; a day is one of the two", "{day} 已是假日；两者只能取一"),
    Phrase(
        "overlaps with {other}: {where}; each minute belongs to one",
        "与 {other} 重叠：{where}；每一分钟只属于一个",
    ),
    Phrase(
        "found {zone}, no time zone; allowed are IANA names such as Asia/Shanghai",
        "{zone} 不是时区；允许 IANA 名称，如 Asia/Shanghai",
    ),
    Phrase("found {first}; the sheet before it ends on {last}", "现为 {first}；前一份价目表到 {last} 为止"),
    Phrase("found {first}; from {follows} on there are no prices", "现为 {first}；自 {follows} 起没有价格"),
    Phrase(
        "lacks {names}; give a price for each, or per_kwh for the others",
        "缺少 {names}；请逐一给出价格，或用 per_kwh 给出其余价格",
    ),
    Phrase(
        "lacks {names}; give the power of each band with a price",
        "缺少 {names}；请给出每个有价格时段的功率",
    ),
    Phrase(
        "lacks {names}; give the power of each band with a factor",
        "缺少 {names}；请给出每个有系数时段的功率",
    ),
    Phrase(
        "found 'contract' without contract_kw; give it, or choose another mode",
        "为 'contract' 但没有 contract_kw；请给出，或改用其他方式",
    ),
    Phrase("last is {last}, before first; give a later day", "last 为 {last}，早于 first；请给出较晚的日期"),
    Phrase(
        "tiers rise, each but the last with until_kwh, the last without",
        "阶梯须递增，除最后一级外都有 until_kwh，最后一级没有",
    ),
    Phrase("found {name}, no meter; allowed are {known}", "{name} 不是计量表；允许 {known}"),
    Phrase(
        "found {name}, which counts {carrier} in {unit}; allowed is the same",
        "{name} 以 {unit} 计量 {carrier}；须与其相同",
    ),
    Phrase("found {name}, so that {meter} hangs below itself", "为 {name} 时 {meter} 会位于自身之下"),
    Phrase(
        "found {name}; allowed are meters of {medium}: {known}",
        "现为 {name}；允许 {medium} 的计量表：{known}",
    ),
    Phrase(
        "found false below {name}; own generation stands at a supply",
        "位于 {name} 之下却为 false；自发电应在供电处",
    ),
    Phrase("found {name}, own generation; put it below what is bought", "{name} 是自发电；请放在外购之下"),
    Phrase(
        "found {basis}, another meter of {carrier} states another",
        "现为 {basis}，{carrier} 的另一计量表与此不同",
    ),
    Phrase(
        "found {basis}, meters have {other}; give it here and there",
        "现为 {basis}，计量表为 {other}；请在两处都给出",
    ),
    Phrase(
        "found {basis}, meters have {other}; give hhv_per_lhv",
        "现为 {basis}，计量表为 {other}；请给出 hhv_per_lhv",
    ),
    Phrase(
        "found {share}; the shares of {year} come to more than 1",
        "现为 {share}；{year} 年各份额之和超过 1",
    ),
    Phrase("found {name}, no product; allowed are {known}", "{name} 不是产品；允许 {known}"),
    Phrase(
        "found {name}, no {field} of the site; allowed are {known}",
        "{name} 不是本站点的 {field}；允许 {known}",
    ),
    Phrase("found {name}, no point of the site; for example {like}", "{name} 不是本站点的点位；例如 {like}"),
    Phrase("found {point}: {why}", "现为 {point}：{why}"),
    Phrase(
        "found {name}; allowed are meters of bought electricity: {known}",
        "现为 {name}；允许外购电的计量表：{known}",
    ),
    Phrase("found {name}; allowed are meters in kWh: {known}", "现为 {name}；允许以 kWh 计量的表：{known}"),
    Phrase(
        "a {quantity} in {unit} has no amount; allowed are counters, powers, flows",
        "以 {unit} 表示的 {quantity} 没有累计量；允许累计量、功率、流量",
    ),
    Phrase(
        "an amount in {unit} cannot become {wanted}; allowed is {unit2}, or one it becomes",
        "以 {unit} 表示的量不能换算成 {wanted}；允许 {unit2}，或可由其换算的单位",
    ),
)  # fmt: skip
