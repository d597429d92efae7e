"""What an edge says of a configuration that the hub sent: why it is not tried, or was taken back."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

OF_EDGES: Final = (
    Phrase("for {place}", "属于 {place}"),
    Phrase("holds {files}", "含有 {files}"),
    Phrase("has no {file}", "没有 {file}"),
    Phrase("no device uses {files}", "没有设备使用 {files}"),
    Phrase("{count} points; an edge reads at most {most}", "有 {count} 个点位；一台网关最多读取 {most} 个"),
    Phrase("version {version}, {seen} was decided before", "版本 {version}，此前已处理到 {seen}"),
    Phrase(
        "device_networks: {networks} lies outside the list of this box; widen it there in {file}",
        "device_networks:{networks} 超出本网关的清单；请在网关的 {file} 中放宽",
    ),
    Phrase("device {name} has a write block and is gone", "设备 {name} 有写入许可，却已去掉"),
    Phrase("device {name} has a write block and another connection", "设备 {name} 有写入许可，连接却不同"),
    Phrase("device {name} has a write block and another watchdog", "设备 {name} 有写入许可，看门狗却不同"),
    Phrase(
        "device {name} is new and would take over a write block that lies at the box",
        "设备 {name} 是新设备，会接管网关上已有的写入许可",
    ),
    Phrase(
        "controller {name} is to act and does not stand so at the box; write it there in {file}, or say "
        "mode: advice",
        "控制器 {name} 要动作，但网关上并非如此；请在网关的 {file} 中写明，或写 mode: advice",
    ),
    Phrase("point {point} is gone and writing rests on it", "点位 {point} 已去掉，而写入依赖于它"),
    Phrase("point {point} is changed and writing rests on it", "点位 {point} 已更改，而写入依赖于它"),
    Phrase(
        "the outlet has a login or certificate and a broker that is not known here",
        "外送带有登录信息或证书，而其服务器在此未知",
    ),
    Phrase(
        "device {name} has a login or certificate and a connection that is not known here",
        "设备 {name} 带有登录信息或证书，而其连接在此未知",
    ),
    Phrase("controller {names} failed and was isolated", "控制器 {names} 出现故障，已被隔离"),
    Phrase(
        "{name}: {share} of its samples have a number, {expected} were expected",
        "{name}：{share} 的采样有数值，预期为 {expected}",
    ),
    Phrase(
        "{name}: {share} of its polls came in time, {expected} were expected",
        "{name}：{share} 的轮询按时完成，预期为 {expected}",
    ),
    Phrase("no number from {points} and {count} more", "{points} 及另外 {count} 个点位没有数值"),
    Phrase("no number from {points}", "{points} 没有数值"),
    Phrase("to read it takes more than {seconds} s; send less", "读取超过 {seconds} 秒；请少发一些"),
    Phrase("the process that read it ended with {code}; send less", "读取它的进程以 {code} 结束；请少发一些"),
    Phrase(
        "no process to check a configuration in: {why}; it is tried again",
        "无法启动检查配置的进程：{why}；将再次尝试",
    ),
    Phrase("a configuration of {size} bytes; at most {most}", "配置有 {size} 字节；最多 {most} 字节"),
    Phrase("a configuration is not zstd or unpacks beyond its bound", "配置不是 zstd 格式，或解压后超过上限"),
    Phrase("a configuration has 1 to {most} files", "配置须含 1 至 {most} 个文件"),
    Phrase(
        "a configuration of {size} bytes packed; at most {most}",
        "配置打包后有 {size} 字节；最多 {most} 字节",
    ),
    Phrase("not a configuration", "不是配置"),
    Phrase("not a configuration of a known schema", "不是已知格式的配置"),
    Phrase(
        "{path} is no path of a device list, a profile, controllers or rules",
        "{path} 不是设备清单、设备档案、控制器或规则的路径",
    ),
    Phrase(
        "{file} is missing; give --config, --site and --edge of a configured edge",
        "缺少 {file}；请给出已配置网关的 --config、--site 和 --edge",
    ),
    Phrase("{file}: is for {place}, not {other}", "{file} 属于 {place}，而不是 {other}"),
    Phrase(
        "the serial bus {line} would be busy {share} of the time with {requests} requests/s, but {most} is "
        "the most that leaves room for writes and silent units; poll some points less often (every_s), "
        "raise the symbol rate or use a second bus",
        "串行总线 {line} 会有 {share} 的时间被占用（每秒 {requests} 个请求），而最多 {most} 才能为写入和无响"
        "应的设备留出余地；请降低部分点位的轮询频率（every_s）、提高波特率，或使用第二条总线",
    ),
)  # fmt: skip
