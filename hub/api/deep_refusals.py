"""Refusals that come from below the routes, read back into Chinese: sign-ins, people, configurations, plans.

Those rooms say one English sentence; the tables here and in `hub.accounts.phrases` know it with its parts.
`tests/unit/hub/test_refusals.py` walks those rooms and fails for a sentence that no table knows.
"""

from __future__ import annotations

from typing import Final

from hub.accounts.phrases import PHRASES as OF_ACCOUNTS
from protocols.config import Text
from protocols.errors import EmsError
from protocols.phrases import Phrase, in_chinese

_SIGNING_IN: Final = (
    Phrase("this needs a sign-in", "请先登录"),
    Phrase("no session; sign in", "没有登录会话，请登录"),
    Phrase("no session; there is nothing to end", "没有登录会话，无需退出"),
    Phrase("the session is over; sign in again", "登录会话已结束，请重新登录"),
    Phrase(
        "the token is not good, or its sign-in is over; sign in again",
        "令牌无效，或其登录已结束，请重新登录",
    ),
    Phrase("there is no such person any more", "该人员已不存在"),
    Phrase("wrong name or password", "用户名或密码错误"),
    Phrase("too many wrong passwords; wait and try again", "密码错误次数过多，请稍候重试"),
    Phrase("many people sign in at this moment; try again soon", "此刻登录人数较多，请稍后重试"),
    Phrase("many people sign in at this moment; try again soon", "当前登录人数较多，请稍后重试"),
    Phrase("too many wrong join tokens from this address", "该地址的错误接入令牌过多"),
    Phrase("the code of the second factor is wanted too", "还需要第二验证因素的验证码"),
    Phrase(
        "that is not the code of the second factor now, or it was used before",
        "验证码不是当前的，或已使用过",
    ),
    Phrase(
        "you sign in with your company account; this password is for acts alone",
        "请使用企业账号登录；此密码仅用于操作确认",
    ),
    Phrase("an admin of this hub has removed you; ask them", "本中心的管理员已将您移除，请联系管理员"),
    Phrase(
        "your groups at the provider of identities give you no role here",
        "您在身份服务中的组在此处没有角色",
    ),
    Phrase("this is not the sign-in that was begun here; begin again", "这不是在此处发起的登录，请重新开始"),
    Phrase("this browser began no sign-in here; begin again", "此浏览器未在此处发起登录，请重新开始"),
    Phrase("the sign-in took too long; begin again", "登录超时，请重新开始"),
    Phrase(
        "the provider of identities did not take the code; begin again",
        "身份服务未接受该代码，请重新开始",
    ),
    Phrase("the token of the provider is not good; begin again", "身份服务的令牌无效，请重新开始"),
    Phrase("the provider's name of this person is empty or too long", "身份服务给出的人员名为空或过长"),
    Phrase(
        "the token of the provider is signed with a key that it does not publish",
        "身份服务的令牌所用签名密钥未由其公布",
    ),
)  # fmt: skip

_PEOPLE: Final = (
    Phrase(
        "{name} is no name; write it like olga or o.smith",
        "{name} 不是有效的用户名，格式如 olga 或 o.smith",
    ),
    Phrase(
        "there is a person {name} already; `ems hub person password` gives a new password, "
        "`ems hub person role` another role",
        "已有人员 {name}；新密码或其他角色可在人员页面设置",
    ),
    Phrase(
        "{name} stays an admin, so that somebody always can say who may do what",
        "{name} 始终为管理员，以保证总有人能分配权限",
    ),
    Phrase(
        "{name} stays, so that somebody can always sign in; `ems hub admin reset` gives a password",
        "{name} 不能移除，以保证总有人能登录；密码可用 `ems hub admin reset` 重置",
    ),
    Phrase("{name} has no second factor", "{name} 没有第二验证因素"),
    Phrase("{name} is blocked already; `ems hub person let-in` forgets that", "{name} 已被禁止登录"),
    Phrase("{name} is not blocked", "{name} 未被禁止登录"),
    Phrase("{name} is blocked; let them in again first", "{name} 已被禁止登录，请先重新允许"),
    Phrase("there is no person {name}; `ems hub person list` names all", "没有人员 {name}"),
    Phrase(
        "{name} is known at other sites or a provider of identities too; an admin of all sites does this, or "
        "`ems hub person` on the machine of the hub; here their role at this site can be changed",
        "{name} 同时属于其他站点或身份服务；此操作须由全部站点的管理员，"
        "或在中心主机上用 `ems hub person` 执行；此处可更改其在本站点的角色",
    ),
    Phrase("{role} is no role; known are {roles}", "{role} 不是角色；已有 {roles}"),
)  # fmt: skip

_CONFIGURATIONS: Final = (
    Phrase(
        "version {now} is in force, not version {seen} that this was made on; look at it first",
        "当前生效的是版本 {now}，而非本次修改所依据的版本 {seen}；请先查看",
    ),
    Phrase(
        "version {now} is in force, not version {seen} that this was made on; look at it and ask again",
        "当前生效的是版本 {now}，而非本次修改所依据的版本 {seen}；请查看后重新提交",
    ),
    Phrase(
        "it has faults, nothing was changed; mend them and send it again",
        "存在错误，未做任何更改；请改正后重新提交",
    ),
    Phrase(
        "site {site} has no configuration yet; `ems hub config import DIR` makes the first",
        "站点 {site} 还没有配置；用 `ems hub config import DIR` 建立第一份",
    ),
    Phrase(
        "site {site} has no version {version}; there are 1 to {most}",
        "站点 {site} 没有版本 {version}；已有 1 至 {most}",
    ),
    Phrase(
        "the hub knows no such join token; make one with `ems bus token`",
        "中心不认识该接入令牌；请用 `ems bus token` 生成",
    ),
    Phrase(
        "this join token is over; make a new one with `ems bus token`",
        "该接入令牌已过期；请用 `ems bus token` 重新生成",
    ),
    Phrase(
        "this join token was used by another box; make a new one, and look who used it",
        "该接入令牌已被另一台网关使用；请重新生成，并查明使用者",
    ),
)  # fmt: skip

_PLANS: Final = (
    Phrase(
        "{count} questions about plans are waiting already; ask again",
        "已有 {count} 个计划问题在等待，请重试",
    ),
    Phrase("no explanation within {limit} s; ask again", "{limit} 秒内未得到解释，请重试"),
    Phrase(
        "the process that explains plans ended with {code}; see its log",
        "解释计划的进程以 {code} 结束，见其日志",
    ),
    Phrase(
        "what this plan was made from cannot be read ({why}); make a new plan",
        "无法读取该计划的依据（{why}），请重新生成计划",
    ),
    Phrase(
        "what was kept beside this plan is no problem; make a new plan",
        "该计划保存的依据不是优化问题，请重新生成计划",
    ),
    Phrase(
        "more than {most} windows; ask for a shorter time or longer windows",
        "时间窗多于 {most} 个，请缩短时间或加长时间窗",
    ),
    Phrase("that time is beyond the calendar", "该时间超出日历范围"),
)  # fmt: skip

DEEP: Final = (*_SIGNING_IN, *_PEOPLE, *_CONFIGURATIONS, *_PLANS, *OF_ACCOUNTS)
"""All that is known; the first that fits wins."""
_UNKNOWN: Final = "（英文说明）{en}"


def heard(error: Exception) -> Text:
    """What an error says, in both languages: by its own `zh`, or by the phrase it was said with."""
    en = str(error.args[0]) if isinstance(error, EmsError) else str(error)
    own = error.context.get("zh") if isinstance(error, EmsError) else None
    return Text(en=en, zh=str(own)) if own else told(en)


def told(en: str) -> Text:
    """A sentence in both languages; one that no phrase knows is marked as English."""
    zh = in_chinese(en, DEEP)
    return Text(en=en, zh=_UNKNOWN.format(en=en) if zh == en else zh)
