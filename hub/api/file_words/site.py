"""What is wrong with a site's own files: areas, calendars, alarms, values."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

OF_SITE: Final = (
    Phrase("found a file that nothing reads; {instead}", "此文件不会被读取；{instead}"),
    Phrase(
        "found a file of {name}, which is no edge of the site; allowed are {given}, or name it in {file}; "
        "{instead}",
        "此文件属于 {name}，它不是本站点的网关；允许 {given}，或在 {file} 中写明；{instead}",
    ),
    Phrase(
        "found limits of {name}, no device of the site; allowed are its devices",
        "此限值属于 {name}，它不是本站点的设备；允许本站点的设备",
    ),
    Phrase(
        "found {name}, which is no point of this site; allowed are its points, for example {like}",
        "{name} 不是本站点的点位；允许本站点的点位，如 {like}",
    ),
    Phrase(
        "{name} is no IANA time zone, for example Europe/Berlin",
        "{name} 不是 IANA 时区名称，如 Asia/Shanghai",
    ),
    Phrase("{path}: id is {id} but the folder is named {site}", "{path} 的 id 为 {id}，但文件夹名为 {site}"),
    Phrase(
        "device {name} is on the edges {first} and {second}",
        "设备 {name} 同时属于网关 {first} 和 {second}",
    ),
    Phrase("{path}: machine_modes: {name} is no device", "{path}:machine_modes:{name} 不是设备"),
    Phrase("found {name}, which is taken; allowed are others", "{name} 已被占用；请改用其他"),
    Phrase("found {name}, which is no area; allowed are {known}", "{name} 不是区域；允许 {known}"),
    Phrase("it stands within itself: {way}; break the circle", "它位于自身之内：{way}；请断开循环"),
    Phrase(
        "found {name}, which is no device of this site; allowed are its devices",
        "{name} 不是本站点的设备；允许本站点的设备",
    ),
    Phrase(
        "found {name}, which is in {first} already; allowed is one area",
        "{name} 已属于 {first}；只允许属于一个区域",
    ),
    Phrase(
        "found {name}, which is no point of this site; write it as device/point",
        "{name} 不是本站点的点位；请写成 设备/点位",
    ),
    Phrase(
        "found {until}, {days} days; allowed are 1 to {most} days",
        "{until} 为 {days} 天；允许 1 至 {most} 天",
    ),
    Phrase(
        "{day} is in {other} already; a day is in one holiday",
        "{day} 已属于 {other}；一天只属于一个假期",
    ),
    Phrase(
        "found {day}, which is a day of {other}; allowed is one of the two",
        "{day} 已是 {other} 的一天；两者只能取一",
    ),
    Phrase("found {day} twice; allowed is once", "{day} 出现两次；只允许一次"),
    Phrase(
        "found {day}, a {weekday}, which is worked anyway; allowed: days off",
        "{day} 是 {weekday}，本来就上班；只允许休息日",
    ),
    Phrase("it overlaps with {met}; a moment lies in one shift", "与 {met} 重叠；同一时刻只属于一个班次"),
    Phrase(
        "it overlaps with itself on the day after; a moment lies in one shift",
        "与次日的自身重叠；同一时刻只属于一个班次",
    ),
    Phrase(
        "give one of above and below; two limits are two alarms with two responses",
        "above 与 below 只给一个；两个限值是两条报警，各有应对",
    ),
    Phrase("give rises_per_min, falls_per_min or both", "请给出 rises_per_min、falls_per_min 或两者"),
    Phrase(
        "is empty; an alarm says in both languages what a person does",
        "为空；报警须用两种语言说明人应做什么",
    ),
    Phrase(
        "write https://host/path?parameters, without a name and password in it",
        "请写成 https://主机/路径?参数,其中不含用户名和密码",
    ),
    Phrase(
        "no rule; give low, high, most_per_min, flat_s or spike",
        "没有规则；请给出 low、high、most_per_min、flat_s 或 spike",
    ),
    Phrase(
        "flat_except without flat_s has no effect; give flat_s or leave it out",
        "没有 flat_s 时 flat_except 不起作用；请给出 flat_s 或去掉",
    ),
    Phrase(
        "{name} is a device of the site already; leave it out here",
        "{name} 已是本站点的设备；请在此去掉",
    ),
    Phrase(
        "there is no device {device}; name it in `devices`, with a label",
        "没有设备 {device}；请在 `devices` 中写明并给出名称",
    ),
    Phrase("there is a point {name} already; take another id", "已有点位 {name}；请改用其他标识"),
    Phrase(
        "{name} must end in {suffix}, the suffix of {unit}",
        "{name} 须以 {suffix} 结尾，这是 {unit} 的后缀",
    ),
    Phrase(
        "it is calculated from itself: {circle}; break the circle",
        "它由自身计算得出：{circle}；请断开循环",
    ),
    Phrase("it names no point; write points as device.point", "其中没有点位；点位请写成 设备.点位"),
    Phrase("more than {most} measured points in the end; split it", "展开后超过 {most} 个测点；请拆分"),
    Phrase(
        "more than {most} parts with all virtual points put in; split it",
        "代入全部虚拟点后超过 {most} 个部分；请拆分",
    ),
    Phrase("there is a balance {name} already; take another id", "已有平衡 {name}；请改用其他标识"),
    Phrase("{point} is in the balance twice", "{point} 在该平衡中出现两次"),
    Phrase("{point} is a {kind}, no counter", "{point} 是 {kind}，不是累计量"),
    Phrase("{point} is declared twice", "{point} 声明了两次"),
    Phrase(
        "{point} counts {unit} and {power} is in {other}; take energy and power",
        "{point} 累计 {unit}，而 {power} 的单位为 {other}；请用能量与功率",
    ),
    Phrase(
        "{point} is a virtual point, which has no samples to mark; mark its inputs",
        "{point} 是虚拟点，没有可标记的采样；请标记其输入",
    ),
    Phrase(
        "{point} is in {unit}, which cannot be summed; take power or a flow",
        "{point} 的单位为 {unit}，不能求和；请用功率或流量",
    ),
    Phrase("{child} and {parent}: {why}", "{child} 与 {parent}：{why}"),
)  # fmt: skip
