"""What can be ill at the hub, what that means for the plant, and what to do: in both languages."""

from __future__ import annotations

from typing import Final, NamedTuple

from protocols.config import Text


class Illness(NamedTuple):
    """One thing that can be ill.

    Attributes:
        text: What is so.
        effect: What it means for the plant, and what a person does.
    """

    text: Text
    effect: Text


def _of(en: str, zh: str, effect_en: str, effect_zh: str) -> Illness:
    return Illness(Text(en=en, zh=zh), Text(en=effect_en, zh=effect_zh))


_KEPT_EN: Final = (
    "Nothing is lost: the edges keep their samples as long as their disks have room, by default for days. "
    "Set-points in force are renewed as before."
)
_KEPT_ZH: Final = "数据不会丢失：只要磁盘有空间（默认可达数天），边缘端会保留样本。生效中的设定值照常续期。"
_BACK_EN: Final = (
    "Set-points are not renewed: within seconds each point goes to its proven fallback, the machines' own "
    "control goes on. Data is taken in as before."
)
_BACK_ZH: Final = "设定值不再续期：几秒内各点回到经验证的后备值，设备自主控制继续。数据照常接收。"

ILLNESSES: Final[dict[str, Illness]] = {
    "series": _of(
        "The series store cannot be read.", "时序库无法读取。",
        "The page shows no history and no new plan is made. The edges keep samples and send them later.",
        "页面不显示历史，也无法据此制定新计划。样本保存在边缘端，稍后补传。",
    ),
    "database": _of(
        "The business database cannot be read.", "业务数据库无法读取。",
        "No sign-in, no new order and no new plan; set-points in force are renewed until their plan ends. "
        "Data is taken in as before.",
        "无法登录、下达新指令或制定新计划；生效中的设定值续期至计划结束。数据照常接收。",
    ),
    "bus": _of(
        "The bus does not answer.", "总线无响应。",
        "Set-points are not renewed: each point goes to its proven fallback, local control goes on. "
        "The edges keep all samples and send them later.",
        "设定值不再续期：各点回到经验证的后备值，本地控制继续。边缘端保留全部样本，稍后补传。",
    ),
    "edge": _of(
        "An edge is silent.", "有边缘端没有声音。",
        "Its points are old. It goes on by itself: when leases end its set-points go to their fallbacks, its "
        "samples are kept there. Look at its power, its network and its page of troubles.",
        "其数据已陈旧。边缘端会自行运行：租约到期后设定值回到后备值，样本保存在本地。请检查其电源、网络和故障页。",
    ),
    "ingest": _of("Samples are not taken in.", "样本未被接收。", _KEPT_EN, _KEPT_ZH),
    "ingest:commit": _of("The store takes no data.", "存储不接收数据。", _KEPT_EN, _KEPT_ZH),
    "ingest:shift": _of(
        "The workers that take in cannot share their parts.", "接收进程无法分配任务。", _KEPT_EN, _KEPT_ZH
    ),
    "ingest:part": _of(
        "Rows are not fetched from the bus.", "无法从总线取得数据。", _KEPT_EN, _KEPT_ZH
    ),
    "ingest:heartbeats": _of(
        "Heartbeats are not kept.", "心跳未被保存。",
        "After a restart the page knows less of the edges until they are heard. Samples are taken in.",
        "重启后，在收到心跳之前，页面对边缘端了解较少。样本照常接收。",
    ),
    "registry:delivery": _of(
        "Configurations do not get to the edges.", "配置未能下发到边缘端。",
        "The edges go on by what they have.", "边缘端按现有配置继续运行。",
    ),
    "dispatch": _of("Nothing is planned and commanded.", "没有计划和指令。", _BACK_EN, _BACK_ZH),
    "dispatch:act": _of("Commands and renewals do not go out.", "指令和续期未能发出。", _BACK_EN, _BACK_ZH),
    "dispatch:lead": _of(
        "This hub cannot hold the office of the one that commands.", "本中心无法保持指挥权。",
        _BACK_EN, _BACK_ZH,
    ),
    "dispatch:solve": _of(
        "No new plan can be made.", "无法制定新计划。",
        "The last good plan stays in force to its end; then the machines' own control goes on.",
        "最后一个有效计划执行到结束；之后由设备自主控制。",
    ),
    "dispatch:receipts": _of(
        "Receipts are not read.", "回执未被读取。",
        "What was written is not shown as verified until they are; the points are as the edges wrote them.",
        "在读取之前，写入结果不显示为已核实；各点本身以边缘端写入为准。",
    ),
    "configuration": _of(
        "A newer configuration is accepted than this part of the hub goes by.",
        "已采纳更新的配置，但中心的这一部分尚未采用。",
        "It goes on by the one before. The page Configuration says why; accept one it can use, or go back.",
        "该部分按上一版本继续运行。原因见“配置”页；请采纳可用的版本或回退。",
    ),
    "alarms": _of(
        "Alarms are not watched.", "报警无人监视。",
        "Nobody is told of anything until it works again; what happened meanwhile is found then. Control "
        "goes on. Watch the plant on the page Overview.",
        "在恢复之前不会有任何报警通知；其间发生的情况恢复后会补查。控制照常。请在“总览”页观察现场。",
    ),
    "alarms:watch": _of(
        "Alarms are not watched.", "报警无人监视。",
        "As long as this fails nobody is told of anything; the log of `alarms` says why. Control goes on.",
        "故障期间不会有任何报警通知，原因见 `alarms` 的日志。控制照常。",
    ),
    "alarms:notices": _of(
        "Messages about alarms do not go out.", "报警消息未能发出。",
        "The page shows all alarms; mail and robots are silent. Look at senders.yaml and the database.",
        "页面显示所有报警；邮件和机器人无消息。请检查 senders.yaml 文件或数据库。",
    ),
    "jobs": _of(
        "Reports are not made and not mailed.", "报表未生成，也未发送。",
        "Those that are asked for or due wait, and are made when it works again; plant and alarms are not "
        "affected. Look whether the role `jobs` runs, and at its log.",
        "已请求或到期的报表会等待，恢复后补做；现场和报警不受影响。请检查角色 `jobs` 是否在运行及其日志。",
    ),
    "disk": _of(
        "The disk of the hub is nearly full.", "中心的磁盘即将写满。",
        "When it is full the store takes no more: the edges keep their samples. Make room, or keep less.",
        "写满后存储不再接收数据，由边缘端保留样本。请腾出空间或缩短保留期。",
    ),
    "store:upkeep": _of(
        "Old samples are not sealed and rolled up.", "旧样本未能归档和汇总。",
        "Nothing is lost; the store grows and long charts get slower until it works again.",
        "数据不会丢失；在恢复之前，存储会变大，长时段图表会变慢。",
    ),
    "store:sealing": _of(
        "Old samples have waited for hours to be sealed and rolled up.", "旧样本已等待数小时仍未归档和汇总。",
        "Nothing is lost; the store grows and long charts get slower. Look at the disk and at the log of "
        "`ingest`; a restart of that role does no harm.",
        "数据不会丢失；存储会变大，长时段图表会变慢。请检查磁盘和 `ingest` 的日志；重启该角色无害。",
    ),
    "store:damaged": _of(
        "A sealed file of samples is damaged.", "有归档样本文件已损坏。",
        "Its time is missing from charts and reports; everything else is answered. Bring the file back from "
        "a backup: the log of `ingest` names it. The plant is not affected.",
        "图表和报表缺少该时段，其余照常。请从备份中恢复该文件，`ingest` 的日志中有其名称。现场不受影响。",
    ),
    "edge:hold": _of(
        "An edge will soon have no room for its samples.", "有边缘端即将没有空间保存样本。",
        "It keeps what the hub has not taken. When its room is used up it gives up the oldest samples and "
        "counts them; control is not affected. Bring bus and hub back, or give the box room, before that.",
        "边缘端保留着中心尚未接收的样本。空间用尽后将放弃最旧的样本并计数；控制不受影响。"
        "请在此之前恢复总线和中心，或为其增加空间。",
    ),
    "backup:telling": _of(
        "The edges are not told of backups.", "未能将备份情况告知边缘端。",
        "They keep more rows than they need, as far as their disks allow.",
        "边缘端会在磁盘允许的范围内多保留一些数据。",
    ),
    "other": _of(
        "A part of the hub fails again and again.", "中心的某个部分反复失败。",
        "The log of that role says why; the other parts go on.", "原因见该角色的日志；其他部分继续运行。",
    ),
}  # fmt: skip


def illness(code: str) -> Illness:
    """The words for a code, a number at its end left out; those of `other` for one that has none.

    What takes configurations is ill alike in every role.
    """
    name = "configuration" if code.endswith(":configuration") else code.rstrip("0123456789")
    return ILLNESSES.get(name, ILLNESSES["other"])
