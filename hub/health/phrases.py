"""What is said of an ill part of the hub, as phrases in both languages; kept in English, shown in either."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

NEVER_HEARD: Final = Phrase("{role}: never heard", "{role}：从未收到消息")
SILENT: Final = Phrase("{role}: silent for {seconds} s", "{role}：已 {seconds} 秒无消息")
DISK: Final = Phrase("{free} GB of {size} GB are free", "共 {size} GB，可用 {free} GB")
BEHIND: Final = Phrase(
    "the oldest sample waits for {hours} h, the same one for {minutes} min",
    "最早的样本已等待 {hours} 小时，且 {minutes} 分钟内未变化",
)
DAMAGED: Final = Phrase(
    "{count} sealed files are damaged and kept aside", "{count} 个归档文件已损坏，已另行保留"
)
OF_PROCESS: Final = Phrase("{instance}: {why}", "{instance}：{why}")
_ROLES: Final = (
    Phrase("ingest", "接收与保存"), Phrase("dispatch", "计划与指令"),
    Phrase("alarms", "监视报警"), Phrase("jobs", "后台任务"),
)  # fmt: skip

ILL: Final = (NEVER_HEARD, SILENT, OF_PROCESS, DISK, BEHIND, DAMAGED, *_ROLES)
"""All of them; a process before what it says."""
