"""Words of the alarms that are there without a rule: links, boxes, and the hub itself; in both languages."""

from __future__ import annotations

from typing import Final, NamedTuple

from hub.health.words import ILLNESSES
from protocols.config import Text
from protocols.trouble import TROUBLE_TEXTS, TroubleCode

BOX_LABELS: Final[dict[TroubleCode, Text]] = {
    TroubleCode.DISK_FULL: Text(en="disk full", zh="磁盘已满"),
    TroubleCode.DISK_REFUSES: Text(en="disk takes no data", zh="磁盘无法写入"),
    TroubleCode.BUS_REFUSES: Text(en="bus takes no samples", zh="总线拒收数据"),
    TroubleCode.SECOND_AGENT: Text(en="two agents with one id", zh="两个代理使用同一编号"),
    TroubleCode.CONTROLLER: Text(en="a local controller failed", zh="本地控制器故障"),
    TroubleCode.ADVICE_ONLY: Text(en="a local controller only advises", zh="本地控制器只给建议"),
    TroubleCode.OTHER: Text(en="a trouble at the box", zh="网关有问题"),
}

PRIORITY_EDGE: Final = 2
PRIORITY_DEVICE: Final = 3
_PRIORITY_BOX: Final[dict[TroubleCode, int]] = {
    TroubleCode.DISK_FULL: 1, TroubleCode.DISK_REFUSES: 1, TroubleCode.BUS_REFUSES: 2,
    TroubleCode.SECOND_AGENT: 1, TroubleCode.ADVICE_ONLY: 4,
}  # fmt: skip
_PRIORITY_HUB: Final[dict[str, int]] = {
    "bus": 1, "series": 1, "database": 1, "dispatch": 2, "disk": 1, "ingest": 1, "edge:hold": 1,
    "configuration": 3,
}  # fmt: skip


class Words(NamedTuple):
    """What is said of an alarm: its name; cause, consequence, action; and its priority."""

    label: Text
    guide: tuple[Text, Text, Text]
    priority: int


def of_edge(edge: str) -> Words:
    """An edge that is silent."""
    return Words(
        Text(en=f"Edge {edge} is silent", zh=f"边缘端 {edge} 无声音"),
        (
            Text(en="Power, network or the box itself.", zh="电源、网络或网关本身。"),
            Text(
                en="All of its points are old. It goes on by itself: set-points go to their fallbacks, "
                "samples are kept there and come later.",
                zh="其所有数据已陈旧。边缘端自行运行：设定值回到后备值，样本保存在本地，稍后补传。",
            ),
            Text(
                en="Look at its power and network, then at its own page of troubles.",
                zh="检查其电源和网络，再查看其本地故障页。",
            ),
        ),
        PRIORITY_EDGE,
    )


def of_device(device: str, label: Text) -> Words:
    """A device that its edge does not reach."""
    return Words(
        Text(en=f"{label.en} does not answer", zh=f"{label.zh}无应答"),
        (
            Text(en="Its power, its bus or its address.", zh="其电源、总线或地址。"),
            Text(
                en=f"All points of {device} are without a value; it takes no set-points.",
                zh=f"{device} 的所有数据无值；不接受设定值。",
            ),
            Text(
                en="Look at the device and its cable; ems edge read at the box says what it answers.",
                zh="检查设备及其线缆；在网关上用 ems edge read 查看其应答。",
            ),
        ),
        PRIORITY_DEVICE,
    )


def of_box(edge: str, code: TroubleCode) -> Words:
    """What a box tells of itself."""
    short, long = BOX_LABELS[code], TROUBLE_TEXTS[code]
    return Words(
        Text(en=f"Edge {edge}: {short.en}", zh=f"边缘端 {edge}：{short.zh}"),
        (
            Text(en="The box says so itself; its words stand below.", zh="由网关自身报告，原文见下。"),
            long,
            Text(en="See to the box; the page Edges shows it.", zh="请处理该网关；见“网关”页。"),
        ),
        _PRIORITY_BOX.get(code, PRIORITY_DEVICE),
    )


def of_hub(code: str) -> Words:
    """A part of the hub that is ill."""
    ill = ILLNESSES[code]
    return Words(
        ill.text,
        (
            Text(en="The hub says so itself; its words stand below.", zh="由中心自身报告，原文见下。"),
            ill.effect,
            Text(
                en="The page System and the log of that role say why.",
                zh="原因见“系统”页和该角色的日志。",
            ),
        ),
        _PRIORITY_HUB.get(code, PRIORITY_DEVICE),
    )
