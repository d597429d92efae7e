"""What is wrong with write limits, rules and controllers."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

OF_CONTROL: Final = (
    Phrase("condition on {input}: say low, high or both", "关于 {input} 的条件：请给出 low、high 或两者"),
    Phrase(
        "condition on {input}: low {low} must not be above high {high}",
        "关于 {input} 的条件：low {low} 不能大于 high {high}",
    ),
    Phrase("two_persons needs two_step", "two_persons 须与 two_step 同用"),
    Phrase(
        "a two-step act takes no timetable: horizon_s must be 0",
        "两步操作不接受时间表：horizon_s 须为 0",
    ),
    Phrase("low {low} must not be above high {high}", "low {low} 不能大于 high {high}"),
    Phrase("readback 'effective' needs effective_point", "readback 为 'effective' 时须给出 effective_point"),
    Phrase("fallback {value} lies outside {low} … {high}", "回退值 {value} 不在 {low} … {high} 之内"),
    Phrase("step {step} is smaller than the tolerance {tolerance}", "步长 {step} 小于容差 {tolerance}"),
    Phrase("points there twice: {names}", "点位重复：{names}"),
    Phrase("rule ids there twice: {names}", "规则标识重复：{names}"),
    Phrase("{what} there twice: {names}", "{what}重复：{names}"),
    Phrase("{count} conditions; a rule has at most {most}", "有 {count} 个条件；一条规则最多 {most} 个"),
    Phrase("conditions nested deeper than {most}", "条件嵌套超过 {most} 层"),
    Phrase("sets {names} twice", "两次设定 {names}"),
    Phrase(
        "reads {names}, which it sets itself: it would switch itself",
        "读取了自己设定的 {names}：会触发自身",
    ),
    Phrase(
        "{point} is set by {other} already; a point has one writer, join the two",
        "{point} 已由 {other} 设定；一个点位只有一个写入者，请合并",
    ),
    Phrase(
        "{point} is set by {other} already; a point has one writer",
        "{point} 已由 {other} 设定；一个点位只有一个写入者",
    ),
    Phrase(
        "{point} has the unit {unit}; `is` is for codes, take above or below",
        "{point} 的单位为 {unit};`is` 用于代码，请用 above 或 below",
    ),
    Phrase("{point} is no set-point that may be written here", "{point} 不是此处可写的设定点"),
    Phrase("there is no device {device} on this edge", "此网关没有设备 {device}"),
    Phrase("there is no device {device} on this site", "本站点没有设备 {device}"),
    Phrase("there is no point {point}; {known}", "没有点位 {point}；{known}"),
    Phrase("there is no point {point} on this edge", "此网关没有点位 {point}"),
    Phrase(
        "{value} lies outside {low} … {high} of the point: this can never be",
        "{value} 不在该点位的 {low} … {high} 之内：不可能成立",
    ),
    Phrase("{point} cannot be above and below these limits at once", "{point} 不可能同时高于和低于这些限值"),
    Phrase(
        "{name} is the name of a controller; a writer has a name of its own",
        "{name} 已是控制器的名称；写入者须有自己的名称",
    ),
    Phrase(
        "{name} is the name of a device; a controller is one too",
        "{name} 已是设备的名称；控制器也是设备",
    ),
    Phrase(
        "{point} has no signed limits with `writer: {writer}`; sign a write block that names it, or say "
        "mode: advice",
        "{point} 没有带 `writer: {writer}` 的签名限值；请签署写明它的写入许可，或写 mode: advice",
    ),
    Phrase(
        "the limits of {target} let {range} be wanted of {point}, whose own are {own}; narrow the former",
        "{target} 的限值允许对 {point} 要求 {range}，而其自身限值为 {own}；请收窄前者",
    ),
    Phrase("{point} is read and set by the same controller", "同一控制器既读取又设定 {point}"),
    Phrase("{point} is there twice", "{point} 重复"),
    Phrase(
        "{name} would be longer than {most} letters ({pattern}); shorten the device's id",
        "{name} 会超过 {most} 个字母（{pattern}）；请缩短设备标识",
    ),
    Phrase(
        "{point} has the unit {unit}; here a point in {wanted} is needed",
        "{point} 的单位为 {unit}；此处需要单位为 {wanted} 的点位",
    ),
    Phrase("{point} is no set-point", "{point} 不是设定点"),
    Phrase(
        "{value} may be wanted, and lies outside {low} … {high} of {point}",
        "可能要求的 {value} 不在 {point} 的 {low} … {high} 之内",
    ),
    Phrase(
        "pumps_set and `pumps: true` in `machine` belong together",
        "pumps_set 与 `machine` 中的 `pumps: true` 须同时给出",
    ),
    Phrase(
        "soc_min_frac {low} must be below soc_max_frac {high}",
        "soc_min_frac {low} 须小于 soc_max_frac {high}",
    ),
    Phrase("peak_shave needs import_max_kw", "peak_shave 须给出 import_max_kw"),
    Phrase(
        "recharge_below_kw {low} must be below import_max_kw {high}",
        "recharge_below_kw {low} 须小于 import_max_kw {high}",
    ),
    Phrase("drop_frac {low} must be below full_frac {high}", "drop_frac {low} 须小于 full_frac {high}"),
    Phrase("flow_min_m3_min must be below flow_max_m3_min", "flow_min_m3_min 须小于 flow_max_m3_min"),
    Phrase(
        "down_plr_frac {low} must be below up_plr_frac {high}",
        "down_plr_frac {low} 须小于 up_plr_frac {high}",
    ),
)  # fmt: skip
