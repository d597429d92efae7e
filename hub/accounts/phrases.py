"""What the accounts say about figures that are missing, provisional or refused, as phrases in both languages.

The rooms `accounts` and `hub.accounts` say and keep one English sentence; who shows it reads it back here.
`tests/unit/hub/test_refusals.py` walks both rooms and fails for a sentence that is not in this table.
"""

from __future__ import annotations

from typing import Final

from hub.accounts.words import CARRIERS
from protocols.config import Text
from protocols.phrases import Phrase, both

_LINES: Final = (
    Phrase("mean of the course", "分时价格平均"),
    Phrase("added", "附加"),
    Phrase("share of an earlier demand", "按以往需量的比例"),
    Phrase(
        "drawn up to {kw} kW; the contract has no price for what is above the contracted power",
        "最高用到 {kw} kW；合同没有超出合同功率部分的价格，未计入",
    ),
    Phrase("capacity", "变压器容量"),
    Phrase("measured demand", "实测需量"),
    Phrase("contract demand", "合同需量"),
    Phrase("40 % of the capacity", "变压器容量的 40 %"),
    Phrase("over 105 % of it, twice", "超过其 105 % 的部分，加倍"),
    Phrase("power factor {factor}, standard {standard}", "功率因数 {factor}，标准 {standard}"),
)
"""Notes on lines of an invoice."""

_PERIODS: Final = (
    Phrase("{period} has not begun", "{period} 尚未开始"),
    Phrase(
        "{period} has not begun, or its first quarter of an hour is not over",
        "{period} 尚未开始，或其第一个十五分钟尚未结束",
    ),
    Phrase(
        "{text} is no period: {why}; allowed are 2026-10-22, 2026-W43, 2026-10, 2026 and "
        "2026-10-01..2026-10-15",
        "{text} 不是有效的周期；允许 2026-10-22、2026-W43、2026-10、2026 和 2026-10-01..2026-10-15",
    ),
    Phrase(
        "{text}: a period has 1 to {most} days, from {first} to {last}",
        "{text}：周期为 1 至 {most} 天，年份从 {first} 到 {last}",
    ),
    Phrase(
        "a period from {first} to {after} has no day; give a later end",
        "从 {first} 到 {after} 没有一天，请给出更晚的结束日",
    ),
    Phrase(
        "the period begins or ends within an interval of the readings; shift one of them",
        "周期的起止落在读数间隔之内，请移动其一",
    ),
    Phrase(
        "the readings do not reach over the period: {before} intervals are missing before and {after} after; "
        "give them as missing, or bill a shorter period",
        "读数未覆盖整个周期：之前缺 {before} 个间隔，之后缺 {after} 个；请将其标为缺失，或缩短计费周期",
    ),
)  # fmt: skip

_CLOSING: Final = (
    Phrase(
        "{period} is not over; it can be closed after its last day",
        "{period} 尚未结束，最后一天过后才能结账",
    ),
    Phrase(
        "{period} has an invoice that goes by earlier months, of which {known} % are known; close it despite "
        "them",
        "{period} 的账单取决于以往月份，其数据仅 {known} % 已知；如仍要结账，请选择允许缺失",
    ),
    Phrase(
        "{period} has gaps (up to {part} % of an account is not known); wait for what comes late, or close "
        "it "
        "despite them",
        "{period} 有缺失（某账目最多 {part} % 未知）；请等待补到的数据，或选择允许缺失",
    ),
    Phrase(
        "no invoice can be made of {period}: {why}; mend that, or close it without its invoice",
        "{period} 无法生成账单：{why}；请先处理，或选择不含账单结账",
    ),
    Phrase(
        "{period} is closed since version {version}; restate it with a reason, it is never overwritten",
        "{period} 已在第 {version} 版结账；请注明原因后重述，已结账的数字绝不覆盖",
    ),
    Phrase("{period} is not closed; close it first", "{period} 尚未结账，请先结账"),
    Phrase(
        "a restatement of {period} needs a reason that can be read later",
        "重述 {period} 须注明日后可查的原因",
    ),
    Phrase(
        "{period} comes out as it was reported in version {version}; nothing to restate",
        "{period} 的核算结果与第 {version} 版所报相同，无需重述",
    ),
    Phrase(
        "the closed periods were changed in the database; restore it from a backup: {why}",
        "数据库中的已结账周期被改动，请从备份恢复：{why}",
    ),
    Phrase("{period}, {mark}, is not what its hash was made of", "{period}（{mark}）与其哈希不符"),
    Phrase(
        "record {at} ({period}, {mark}) has no entry in the audit",
        "第 {at} 条（{period}，{mark}）在审计中没有记录",
    ),
    Phrase(
        "the audit tells of {period}, {mark}, which is gone or another",
        "审计中有 {period}（{mark}），但该记录已缺失或不同",
    ),
    Phrase(
        "record {at} ({period}, {mark}) does not follow the one before",
        "第 {at} 条（{period}，{mark}）与前一条不相接",
    ),
    Phrase(
        "record {at} is version {version} of {period}, out of turn",
        "第 {at} 条为 {period} 的第 {version} 版，次序不对",
    ),
    Phrase("say the reason in {most} characters or fewer", "原因最多 {most} 个字符"),
)  # fmt: skip

_CONTRACT: Final = (
    Phrase(
        "the site has no contract: add contracts/{site}.yaml, or tariffs/{tariff}.yaml",
        "本站点没有供电合同：请添加 contracts/{site}.yaml 或 tariffs/{tariff}.yaml",
    ),
    Phrase(
        "no single meter of the book counts what is bought; say which under supply",
        "账簿中没有唯一的购电计量表，请在 supply 下指明",
    ),
    Phrase(
        "the prices of {contract} change after {last}, in the period; bill to that day and from the next on",
        "{contract} 的价格在周期内于 {last} 之后变更；请分别计费至该日和自次日起",
    ),
    Phrase(
        "the contract {contract} has no prices for {first}; it has them for {have}",
        "合同 {contract} 没有 {first} 的价格；已有 {have}",
    ),
    Phrase(
        "found {zone}, no time zone; allowed are IANA names such as Asia/Shanghai",
        "{zone} 不是时区；允许 IANA 名称，如 Asia/Shanghai",
    ),
    Phrase(
        "prices by hours of use need a billing period of a whole year",
        "按利用小时数计价须以整年为计费周期",
    ),
    Phrase("a charge by the month needs a billing period of whole months", "按月收费须以整月为计费周期"),
    Phrase("the basic charge needs a billing period of one month", "基本电费须以一个月为计费周期"),
    Phrase(
        "the part {part} has a price by the month; bill one month at a time",
        "项目 {part} 按月计价，请逐月计费",
    ),
    Phrase(
        "the part {part} has no price for the band {band}; add it under by_band",
        "项目 {part} 没有时段 {band} 的价格，请在 by_band 下添加",
    ),
    Phrase(
        "the part {part} has a price for {band} and no contracted power",
        "项目 {part} 有 {band} 的价格，却没有合同功率",
    ),
    Phrase(
        "the part {part} goes by contract demand; give contract_kw",
        "项目 {part} 按合同需量计费，请填写 contract_kw",
    ),
    Phrase("the part {part} names the band {band}, which is none", "项目 {part} 所列时段 {band} 不存在"),
    Phrase(
        "the contract charges reactive energy; the readings have no kvarh",
        "合同收取无功电费，读数中没有无功电量",
    ),
    Phrase(
        "the contract pays for energy fed in; the readings have no export_kwh",
        "合同对上网电量付费，读数中没有上网电量",
    ),
    Phrase("the contract goes by the prices {name}, which were not given", "合同采用价格 {name}，但未提供"),
    Phrase(
        "the prices {name} have {count} intervals, the readings {readings}",
        "价格 {name} 有 {count} 个间隔，读数有 {readings} 个",
    ),
    Phrase("the prices {name} lack interval {at} of the period", "价格 {name} 缺少周期内第 {at} 个间隔"),
    Phrase(
        "the prices {name} lack {count} of the instants asked for",
        "价格 {name} 缺少所需时刻中的 {count} 个",
    ),
    Phrase(
        "the calendar of the tariff has no hours for month {month}; add its windows",
        "电价日历没有 {month} 月的时段，请添加",
    ),
    Phrase(
        "the calendar of the tariff declares no holidays of {year}; its hours depend on them, add them under "
        "holidays",
        "电价日历未列出 {year} 年的节假日，而时段取决于节假日；请在 holidays 下添加",
    ),
    Phrase(
        "the tariff measures demand over {window} s; give a contract for invoices",
        "电价按 {window} 秒计量需量；生成账单须提供合同",
    ),
)  # fmt: skip

_READINGS: Final = (
    Phrase(
        "{missing} of {count} intervals have no reading; the invoice would be too low. Find them, or ask for "
        "a "
        "provisional one",
        "{count} 个间隔中有 {missing} 个没有读数，账单会偏低；请补齐，或生成暂估账单",
    ),
    Phrase(
        "intervals of {step} s: allowed are whole minutes, or parts of one",
        "间隔 {step} 秒：允许整分钟或一分钟的整分数",
    ),
    Phrase(
        "{name} has another number of intervals than import_kwh; give all or none",
        "{name} 的间隔数与 import_kwh 不同；请全部给出或都不给",
    ),
    Phrase(
        "{name} of interval {at} is {value}; allowed are numbers from 0 on, or none",
        "第 {at} 个间隔的 {name} 为 {value}；允许不小于 0 的数，或缺失",
    ),
    Phrase(
        "a band begins {later} min into interval {at} of {step} min; give readings of shorter intervals",
        "时段从第 {at} 个 {step} 分钟间隔的第 {later} 分钟开始，请给出更短间隔的读数",
    ),
    Phrase(
        "a demand of {window} s {kind} cannot be known from intervals of {step} s; give readings of shorter "
        "intervals, or the metering of the contract as it is",
        "{step} 秒间隔的读数无法得出{kind} {window} 秒需量；请给出更短间隔的读数，或按实际填写合同的计量方式",
    ),
    Phrase("in blocks", "区间式"),
    Phrase("sliding by {slip} s", "滑差 {slip} 秒的"),
    Phrase(
        "a {quantity} in {unit} has no amount; allowed are counters, powers, flows",
        "以 {unit} 计的 {quantity} 没有累计量；允许计数器、功率、流量",
    ),
    Phrase(
        "an amount in {unit} cannot become {wanted}; allowed is {same}, or one it becomes",
        "以 {unit} 计的量无法换算为 {wanted}",
    ),
    Phrase(
        "the table has no column for {names}; add them, empty where nothing is known",
        "数据表缺少 {names} 列；请添加，未知处留空",
    ),
    Phrase(
        "the table has no column {column} with what was made of {product}",
        "数据表没有 {product} 的产量列 {column}",
    ),
    Phrase("meters need an id each and the same intervals", "每块计量表须有编号，且间隔相同"),
    Phrase(
        "the meter {meter} hangs below {above}, which is none of them",
        "计量表 {meter} 的上级 {above} 不存在",
    ),
    Phrase("the meter {meter} hangs below itself; break the circle", "计量表 {meter} 的上级关系成环，请断开"),
    Phrase(
        "{meter} hangs below {above}, which counts something else",
        "{meter} 的上级 {above} 计量的是另一种量",
    ),
    Phrase("shifts and products need the intervals of the meters", "班次和产品须与计量表采用相同间隔"),
)  # fmt: skip

_FIGURES: Final = (
    Phrase("give its price under prices, or a contract", "请在 prices 下给出价格，或提供合同"),
    Phrase("GB/T 2589 has none for it in {unit}", "GB/T 2589 没有以 {unit} 计的折标系数"),
    Phrase(
        "there is no coefficient of standard coal for {unknown}; known are {known}, others are given as "
        "one's own",
        "{unknown} 没有折标煤系数；已知 {known}，其他须自行给出",
    ),
    Phrase(
        "energy stated by the {stated} is wanted by the {wanted}: give the ratio of the two of this fuel, "
        "from 1 to "
        "1.25",
        "以 {stated} 表示的能量需换算为 {wanted}：请给出该燃料高低热值之比，1 至 1.25",
    ),
    Phrase(
        "there is no factor for {carrier} up to {year} that may stand in a report; {only} may not: hourly "
        "and "
        "marginal factors are estimates, later years are not known yet",
        "到 {year} 年为止没有可用于报告的 {carrier} 因子；{only} 不可用：小时因子和边际因子是估算值，"
        "以后年份尚未公布",
    ),
    Phrase(
        "there is no factor for {carrier} up to {year} that may stand in a report",
        "到 {year} 年为止没有可用于报告的 {carrier} 因子",
    ),
    Phrase(
        "attributes for {covered} kWh were bought and only {bought} kWh used; cancel no more",
        "购买了 {covered} kWh 的绿色属性，实际只用电 {bought} kWh；注销量不得超过用电量",
    ),
    Phrase(
        "an intensity needs an output above zero; nothing was made, or it is not counted",
        "单耗须有大于零的产量：没有产出，或未计量",
    ),
    Phrase("the goal {goal} is given a day twice", "目标 {goal} 有一天重复"),
    Phrase(
        "money is shared out by weights from 0 on; a meter below another shows more than it does",
        "分摊权重须不小于 0；有下级计量表的读数大于上级",
    ),
    Phrase("{total} cannot be shared out: nothing was used", "{total} 无法分摊：没有用量"),
    Phrase(
        "the meters below show {more} kWh more than the supply; one stands in another or is counted twice",
        "下级计量表合计比总表多 {more} kWh；有表计重复或嵌套",
    ),
    Phrase(
        "an invoice is shared out below one supply; the book has {count} that are bought",
        "账单按唯一的总表向下分摊；账簿中有 {count} 块购入总表",
    ),
    Phrase(
        "an invoice is shared out by the price of its hours; give the contract it is from",
        "账单按用能时段的电价分摊，请提供其合同",
    ),
    Phrase(
        "the medium {medium} uses {lacking}, which is none of them",
        "介质 {medium} 所用的 {lacking} 不存在",
    ),
    Phrase(
        "the medium {medium} has costs and made nothing; its meter is missing or stands still",
        "介质 {medium} 有成本而无产量；其计量表缺失或停走",
    ),
    Phrase(
        "media that need each other use all that they make; look at their meters",
        "相互供给的介质耗尽了各自的产量，请检查计量表",
    ),
    Phrase(
        "media that need each other use more than they make; look at their meters",
        "相互供给的介质用量大于产量，请检查计量表",
    ),
    Phrase(
        "a CHP with {figures} cannot be split; give energies from 0 on, power or heat above it",
        "热电联产 {figures} 无法分摊；能量须不小于 0，且有电或热",
    ),
    Phrase(
        "a CHP that gives more than it burns: {figures}; its meters or heating values are mixed up",
        "热电联产输出大于燃料：{figures}；计量表或热值有误",
    ),
    Phrase(
        "temperatures rise from outside over return to supply; give them so",
        "温度应由环境、回水到供水依次升高",
    ),
    Phrase("reference efficiencies lie between 0 and 1", "参考效率应在 0 与 1 之间"),
)  # fmt: skip

_OUTLOOK: Final = (
    Phrase(
        "the power factor needs reactive energy: name its counter as kvarh_point under supply",
        "功率因数需要无功电量：请在 supply 下以 kvarh_point 指明其计数器",
    ),
    Phrase("the contract has no basic charge to choose", "合同没有可选择的基本电费"),
    Phrase(
        "no month is known well enough to say what the next one needs",
        "没有数据足够完整的月份，无法推算下月",
    ),
    Phrase(
        "no whole day of the last four weeks is known; the month cannot be foreseen",
        "最近四周没有数据完整的一天，无法预测本月",
    ),
)  # fmt: skip

_CARRIERS: Final = tuple(Phrase(f"'{name}'", text.zh) for name, text in CARRIERS.items())
"""Carriers as a sentence quotes them."""

PHRASES: Final = (*_LINES, *_PERIODS, *_CLOSING, *_CONTRACT, *_READINGS, *_FIGURES, *_OUTLOOK, *_CARRIERS)
"""All of them; the first that fits wins."""


def account_text(said: str) -> Text:
    """A sentence of the accounts in both languages; one that no phrase knows stays as it came."""
    return both(said, PHRASES)
