"""What is wrong with devices, profiles, outlets and write limits of an edge."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

OF_DEVICES: Final = (
    Phrase(
        "give either `file` or `env`, the place of the password, never the password itself",
        "请给出 `file` 或 `env` 之一，即密码所在之处，不要写密码本身",
    ),
    Phrase(
        "a device behind a router needs both `network` and `mac`, any other one neither",
        "路由器后的设备须同时给出 `network` 和 `mac`，其他设备两者都不要",
    ),
    Phrase(
        "give either `login` or `user_certificate`, a session has one user",
        "`login` 与 `user_certificate` 只能二选一，一个会话只有一个用户",
    ),
    Phrase(
        "`user_certificate` proves nothing on an open channel; add `security`",
        "未加密的通道上 `user_certificate` 不起作用；请加上 `security`",
    ),
    Phrase(
        "a password needs `security`; `plain: true` in `login` sends it unprotected",
        "使用密码须有 `security`；在 `login` 中写 `plain: true` 则明文发送",
    ),
    Phrase(
        "a password needs `tls`; `plain: true` in `login` sends it unprotected",
        "使用密码须有 `tls`；在 `login` 中写 `plain: true` 则明文发送",
    ),
    Phrase(
        "an absolute dead_band has the unit of one point; give it in the profile",
        "绝对死区 dead_band 属于单个点位的单位；请写在设备档案中",
    ),
    Phrase("two devices share the address {where}", "两台设备使用同一地址 {where}"),
    Phrase(
        "device {name} has a connection to a controller; its inputs are a device by themselves",
        "设备 {name} 连接到控制器；控制器的输入本身就是一台设备",
    ),
    Phrase(
        "devices {first} and {second} share {line} but say {known} and {settings}",
        "设备 {first} 与 {second} 共用 {line}，但设置不同：{known} 与 {settings}",
    ),
    Phrase(
        "{text} is no network; write it like 10.20.0.0/16, or one address",
        "{text} 不是网段；请写成 10.20.0.0/16，或单个地址",
    ),
    Phrase(
        "{text} is a network in which no device is ever connected to; leave it out",
        "从不连接网段 {text} 中的设备；请去掉",
    ),
    Phrase(
        "`status_topic` is not for Sparkplug B, whose births and deaths say the same",
        "Sparkplug B 不用 `status_topic`，其上线、下线消息已说明状态",
    ),
    Phrase(
        "`retain` needs `status_topic`; without it an old number could not be told from a present one",
        "使用 `retain` 须有 `status_topic`；否则无法区分旧值与当前值",
    ),
    Phrase("the braces of {topic} do not close; allowed are {shown}", "{topic} 的花括号未闭合；允许 {shown}"),
    Phrase("{topic} names {{{name}}}; allowed are {shown}", "{topic} 中有 {{{name}}}；允许 {shown}"),
    Phrase(
        "{topic} needs {{{name}}}, or two of them would share a topic",
        "{topic} 须含 {{{name}}}，否则两个对象会共用一个主题",
    ),
    Phrase(
        "{topic} lies in the name space of Sparkplug B; use the shape sparkplug",
        "{topic} 属于 Sparkplug B 的命名空间；请使用 sparkplug 形式",
    ),
    Phrase(
        "a {type} at {address} reaches beyond the last address 65535",
        "地址 {address} 处的 {type} 超出最大地址 65535",
    ),
    Phrase(
        "a bit field needs type u16 in the table holding or input",
        "位段须为 holding 或 input 表中的 u16 类型",
    ),
    Phrase(
        "a bit field of {bits} bits from bit {bit} does not fit one register",
        "从第 {bit} 位起的 {bits} 位超出一个寄存器",
    ),
    Phrase("a bit field has no scale factor", "位段没有比例因子寄存器"),
    Phrase("the table {table} holds single bits, not {type}", "表 {table} 只含单个位，不含 {type}"),
    Phrase("write: mask is for bit fields; give `bit`", "write: mask 用于位段；请给出 `bit`"),
    Phrase(
        "write: read_write is for whole registers of the table holding",
        "write: read_write 用于 holding 表的整寄存器",
    ),
    Phrase("last {last} must not be below first {first}", "last {last} 不能小于 first {first}"),
    Phrase(
        "give either `topic` or, for Sparkplug B, `metric`",
        "请给出 `topic`，或对 Sparkplug B 给出 `metric`",
    ),
    Phrase("unknown unit {symbol}; known are: {known}", "未知单位 {symbol}；可用：{known}"),
    Phrase("unknown unit {symbol}; allowed are {known}", "未知单位 {symbol}；允许：{known}"),
    Phrase(
        "name {name} must end in {suffix}, the suffix of its unit {symbol}",
        "名称 {name} 须以 {suffix} 结尾，这是单位 {symbol} 的后缀",
    ),
    Phrase(
        "a scale of 0 makes every value the same; leave it out for 1",
        "比例为 0 会使所有值相同；为 1 时可省略",
    ),
    Phrase("low {low} must be below high {high}", "low {low} 须小于 high {high}"),
    Phrase(
        "{name} is a {kind}; only a state is debounced, leave out debounce_s",
        "{name} 是 {kind}；只有状态量才去抖动，请去掉 debounce_s",
    ),
    Phrase("certainty two_sources needs two sources or more", "two_sources 须有两个或更多来源"),
    Phrase(
        "point {name} has a {kind} address in a {protocol} profile",
        "{protocol} 设备档案中的点位 {name} 使用了 {kind} 地址",
    ),
    Phrase("watchdog_point {name} is no point of this profile", "watchdog_point {name} 不是此设备档案的点位"),
    Phrase(
        "point {name} takes {registers} registers, max_registers is {most}",
        "点位 {name} 占 {registers} 个寄存器，而 max_registers 为 {most}",
    ),
    Phrase(
        "point {name} lies in the forbidden range {first} to {last}",
        "点位 {name} 位于禁止读取的范围 {first} 至 {last}",
    ),
    Phrase(
        "points {first} and {second} share the address {where}",
        "点位 {first} 与 {second} 使用同一地址 {where}",
    ),
    Phrase(
        "{text} is no point id; expected site/device/point of [a-z0-9_]",
        "{text} 不是点位标识；应为 站点/设备/点位，只含 [a-z0-9_]",
    ),
    Phrase(
        "device {name} has a {kind} connection, its profile {profile} speaks {protocol}",
        "设备 {name} 的连接为 {kind}，而其设备档案 {profile} 使用 {protocol}",
    ),
    Phrase(
        "found {pattern}, which fits no point; allowed are patterns of device/point such as {one} or {all}",
        "{pattern} 不匹配任何点位；允许 设备/点位 的通配写法，如 {one} 或 {all}",
    ),
    Phrase(
        "found profile {name}; there is no {path}; allowed: {known}",
        "设备档案 {name} 不存在，没有 {path}；允许：{known}",
    ),
    Phrase("{path}: id is {id} but the file is named {name}", "{path} 的 id 为 {id}，但文件名为 {name}"),
    Phrase("id is {id} but the file is named {name}", "id 为 {id}，但文件名为 {name}"),
    Phrase("{path}: is for {place}, not for this place", "{path} 属于 {place}，不属于此处"),
    Phrase("profile {profile} has no point {name}", "设备档案 {profile} 没有点位 {name}"),
    Phrase(
        "{point} has an interlock on {input}, which does not exist at this edge",
        "{point} 的联锁引用了 {input}，此网关没有该点位",
    ),
    Phrase("{point} is no set-point of profile {profile}", "{point} 不是设备档案 {profile} 的设定点"),
    Phrase(
        "{point} has the unit {unit}, the limits say {wanted}",
        "{point} 的单位为 {unit}，限值中写的是 {wanted}",
    ),
    Phrase(
        "{point} has limits of {low} to {high}; profile {profile} calls {ends} valid, so some could never "
        "be read back",
        "{point} 的限值为 {low} 至 {high}，而设备档案 {profile} 的有效范围为 {ends}，部分值将无法回读",
    ),
    Phrase(
        "{point} is a bit field; it is written with function 22 only, say `write: mask` in the profile",
        "{point} 是位段，只能用功能码 22 写入；请在设备档案中写 `write: mask`",
    ),
    Phrase(
        "{point} is an input of a controller and goes back to what its file says; write: fallback: "
        "{fallback}",
        "{point} 是控制器的输入，回到其文件所写的值；请写 fallback: {fallback}",
    ),
    Phrase(
        "{point} has no priority slot to empty over {protocol}; say which value gives it back",
        "{point} 经 {protocol} 没有可清空的优先级；请写明归还时的值",
    ),
    Phrase(
        "device {name}: {where} is never connected to: no device has such an address, give its own",
        "设备 {name}：从不连接 {where}，设备不会使用此类地址；请给出设备自己的地址",
    ),
    Phrase(
        "device {name}: {where} has an IPv4 address written into an IPv6 one: give the IPv4 address itself",
        "设备 {name}：{where} 把 IPv4 地址写成了 IPv6 形式；请直接写 IPv4 地址",
    ),
    Phrase(
        "device {name}: {where} lies outside device_networks ({networks}): correct it, or add its network "
        "there",
        "设备 {name}：{where} 不在 device_networks（{networks}）之内；请改正，或在其中加入其网段",
    ),
    Phrase(
        "the outlet: {where} is never connected to: no device has such an address, give its own",
        "外送：从不连接 {where}，此类地址不属于任何设备；请给出其自己的地址",
    ),
    Phrase(
        "the outlet: {where} has an IPv4 address written into an IPv6 one: give the IPv4 address itself",
        "外送：{where} 把 IPv4 地址写成了 IPv6 形式；请直接写 IPv4 地址",
    ),
    Phrase(
        "the outlet: {where} lies outside device_networks ({networks}): correct it, or add its network there",
        "外送：{where} 不在 device_networks（{networks}）之内；请改正，或在其中加入其网段",
    ),
)  # fmt: skip
