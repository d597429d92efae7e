"""Every refusal that a route makes itself: a code for programs, a status and one sentence in both languages.

A route says `raise refused("site", site=name)`; no sentence stands in a route. Refusals that come from below
are read back into Chinese by `deep_refusals`; those of orders say their words where they are checked.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException

from protocols.config import Text
from protocols.phrases import Phrase

NOTHING: Final = Text(en="none", zh="无")
"""Where a sentence names what there is, and there is nothing."""


class Refusal(NamedTuple):
    """One row of the table."""

    status: int
    words: Phrase


class RefusedError(HTTPException):
    """A request that is not answered; an `HTTPException`, so that the framework lets it pass everywhere.

    Attributes:
        code: Which, for programs.
        text: Why, for people.
    """

    def __init__(self, code: str, text: Text, headers: dict[str, str] | None = None) -> None:
        super().__init__(REFUSALS[code].status, text.en, headers)
        self.code = code
        self.text = text


def refused(code: str, *, wait_s: float | None = None, **parts: object) -> RefusedError:
    """A refusal of the table.

    Args:
        code: Its code.
        wait_s: When to ask again, told as `Retry-After`; None: it is not said. [s]
        parts: What its sentence names; a `Text` is said in its language.

    Example:
        >>> refused("site", site="x").text.zh
        "此处没有站点 'x'"
    """
    headers = None if wait_s is None else {"Retry-After": str(max(math.ceil(wait_s), 1))}
    return RefusedError(code, worded(code, **parts), headers)


def worded(code: str, **parts: object) -> Text:
    """The sentence of a code in both languages."""
    words = REFUSALS[code].words
    in_en = {name: part.en if isinstance(part, Text) else part for name, part in parts.items()}
    in_zh = {name: part.zh if isinstance(part, Text) else part for name, part in parts.items()}
    return Text(en=words.en.format(**in_en), zh=words.zh.format(**in_zh))


def _no(status: int, en: str, zh: str) -> Refusal:
    return Refusal(status, Phrase(en, zh))


REFUSALS: Final[dict[str, Refusal]] = {
    # what the hub itself cannot do, and what nobody can read
    "unexpected": _no(
        500, "the hub could not answer this; its log says why",
        "中心端无法处理该请求，原因见其日志",
    ),
    "database_away": _no(503, "the database cannot answer now; try again", "数据库暂时无法响应，请稍后重试"),
    "store_away": _no(503, "the store cannot answer now; try again", "数据存储暂时无法响应，请稍后重试"),
    "provider_away": _no(
        503, "the provider of identities cannot answer now; try again, or sign in with name and password",
        "身份服务暂时无法响应，请重试，或使用用户名和密码登录",
    ),
    "no_json": _no(422, "body: this is no JSON that can be read", "请求正文不是可读取的 JSON"),
    "database_value": _no(422, "a value is none the database can hold", "有一个值无法存入数据库"),
    "form": _no(422, "{faults}", "{faults}"),
    "route": _no(404, "there is no such route; see /api/v1", "没有此路径，请参见 /api/v1"),
    "method": _no(405, "this route does not take this method", "此路径不接受该方法"),
    "file": _no(404, "not here", "此处没有该文件"),
    "body_size": _no(413, "a request has at most {most} bytes", "请求最多 {most} 字节"),
    # who may, and how often
    "pace": _no(429, "too many requests; wait", "请求过于频繁，请稍候"),
    "pace_address": _no(429, "too many requests from this address; wait", "该地址的请求过于频繁，请稍候"),
    "scope": _no(
        403, "a token of scope {scope!r} may not do this; it needs a person, or another scope",
        "范围为 {scope!r} 的令牌无权执行此操作；须由人员操作，或使用其他范围的令牌",
    ),
    "role": _no(403, "{who} may not do this; ask {whom}", "{who}无权执行此操作，请联系{whom}"),
    "metrics": _no(
        403, "metrics are for this machine, or for who sends the token of the hub's folder",
        "运行指标仅供本机，或持有中心目录中令牌者读取",
    ),
    "provider": _no(
        404, "no provider of identities is set up here; sign in with name and password",
        "此处未配置身份服务，请使用用户名和密码登录",
    ),
    # a request sent twice
    "once_key": _no(
        422, "{header}: allowed are 1 to 200 letters, digits and signs of ASCII",
        "{header}：允许 1 至 200 个 ASCII 字母、数字和符号",
    ),
    "once_ended": _no(
        409, "{header}: another question just ended; send it again",
        "{header}：另一请求刚刚结束，请重新发送",
    ),
    "once_other": _no(
        422, "{header}: this key was used for another question; take a new one",
        "{header}：该键已用于另一请求，请换用新键",
    ),
    "once_under_way": _no(
        409, "{header}: the first question is under way, or broke off; look at what became of it",
        "{header}：首次请求仍在处理或已中断，请查看其结果",
    ),
    "once_secret": _no(
        409, "{header}: it was done, and its secret was shown once",
        "{header}：已执行，其密文仅显示一次",
    ),
    # people and their sign-ins
    "person_here": _no(404, "there is no person {name!r} at this site", "本站点没有人员 {name!r}"),
    "person": _no(404, "there is no person {name!r}", "没有人员 {name!r}"),
    "person_elsewhere": _no(
        403, "{name!r} belongs to other sites too; an admin of all sites sees where they are signed in",
        "{name!r} 同时属于其他站点；其登录情况只有全部站点的管理员可以查看",
    ),
    "yourself": _no(409, "this is you; somebody else has to do it", "这是您本人，须由他人操作"),
    "new_password": _no(
        422, "new: this is the old one or your name; choose another", "新密码与旧密码或您的用户名相同，请另选"
    ),
    "password": _no(403, "that is not your password", "您的密码不正确"),
    "factor_again": _no(403, "code: {why}", "验证码：{why}"),
    "factor_there": _no(
        409, "there is a second factor already; take it away first", "已设有第二验证因素，请先移除"
    ),
    "factor_code": _no(
        422, "code: not the one of now; is the clock of the generator right?",
        "验证码不是当前的，请检查验证器的时钟",
    ),
    "factor": _no(404, "there is no second factor", "没有第二验证因素"),
    "token_scope": _no(
        422, "scope: {scope!r} goes beyond your rights; take a smaller one",
        "范围 {scope!r} 超出您的权限，请选更小的范围",
    ),
    "tokens": _no(
        409, "there are {most} tokens already; take one away first", "已有 {most} 个令牌，请先移除一个"
    ),
    "token": _no(404, "you have no token {ident!r}", "您没有令牌 {ident!r}"),
    "sign_in": _no(404, "there is no sign-in {ident!r} that goes on", "没有仍有效的登录 {ident!r}"),
    # the site, its points and its series
    "site": _no(404, "there is no site {site!r} here", "此处没有站点 {site!r}"),
    "point": _no(404, "there is no point {point!r} on this site", "本站点没有测点 {point!r}"),
    "point_id": _no(
        422, "{point!r} is no point id; expected site/device/point of [a-z0-9_]",
        "{point!r} 不是测点编号，应为 site/device/point，仅含 [a-z0-9_]",
    ),
    "balance": _no(
        404, "there is no balance {balance!r} on this site; there are: {known}",
        "本站点没有平衡 {balance!r}；已有：{known}",
    ),
    "counter": _no(
        422, "{point} is no counter; ask /series for its energy_kwh",
        "{point} 不是计数器；其电量请查询 /series",
    ),
    "calculated": _no(
        422, "{point} is calculated and has no samples; those of its inputs are: {inputs}",
        "{point} 为计算值，没有采样；其输入为：{inputs}",
    ),
    "calculated_file": _no(
        422, "{point} is calculated and has no samples; ask for windows of it",
        "{point} 为计算值，没有采样；请按时间窗查询",
    ),
    "not_yet": _no(422, "that time has not come yet", "该时间尚未到来"),
    "from_to": _no(422, "`from` must lie before `to`", "开始时间须早于结束时间"),
    "one_window": _no(
        422, "give one of `window_s`, `calendar` and `pixels`",
        "`window_s`、`calendar`、`pixels` 须且只能给出一项",
    ),
    "export_window": _no(
        422, "give `window_s` or `calendar`, or neither for samples",
        "`window_s` 与 `calendar` 只能给出一项；都不给则导出采样",
    ),
    "windows": _no(
        422, "more than {most} windows; ask for a shorter time or longer windows",
        "时间窗多于 {most} 个，请缩短时间或加长时间窗",
    ),
    "export_windows": _no(
        422, "more than {most} windows a point; ask for a shorter time or longer windows",
        "每个测点的时间窗多于 {most} 个，请缩短时间或加长时间窗",
    ),
    "calendar": _no(422, "{why}", "{why}"),
    "cells": _no(
        422, "more than {most} numbers a column; ask for fewer points or windows",
        "每列多于 {most} 个数，请减少测点或时间窗",
    ),
    "trace_span": _no(
        422, "rows are looked up over two days at most; ask for a shorter time",
        "追溯来源最长两天，请缩短时间",
    ),
    "export_years": _no(
        422, "more than {most} years in one file; ask for several", "单个文件最多 {most} 年，请分成几个文件"
    ),
    "exports": _no(
        429, "as many files are being written as may be; try again soon", "正在导出的文件已达上限，请稍后重试"
    ),
    # accounts, alarms, orders, reports, forecasts
    "closed_tampered": _no(409, "{why}", "{why}"),
    "accounts_busy": _no(
        503, "other accounts are being worked out; ask again in {seconds} s",
        "正在核算其他账目，请 {seconds} 秒后重试",
    ),
    "nobody_waits": _no(
        503, "it was given up, since nobody waited for it any more; ask again",
        "已无人等待结果，核算已中止；请重新查询",
    ),
    "journal_year": _no(
        404, "the journal is kept for {days} days; {year} is not in it",
        "报警日志保存 {days} 天，其中没有 {year} 年",
    ),
    "alarm_act": _no(404, "there is no act {ident!r} on this site", "本站点没有该报警操作 {ident!r}"),
    "order": _no(404, "there is no order {ident!r} on this site", "本站点没有指令 {ident!r}"),
    "report_before": _no(404, "there is no report {ident!r} on this site", "本站点没有报告 {ident!r}"),
    "forecast": _no(
        404, "there is no forecast yet; the first is made some minutes after the start",
        "尚无预测；首次预测在启动数分钟后生成",
    ),
    # plans
    "no_plan_yet": _no(404, "there is no plan yet", "尚无计划"),
    "plan": _no(404, "there is no such plan", "没有该计划"),
    "plan_old": _no(
        404,
        "this plan was made by an earlier version, which kept nothing to explain it by; ask the next one",
        "该计划由早期版本生成，未保存解释所需的数据；请查看下一个计划",
    ),
    "plan_page_old": _no(
        404, "this plan was made by an earlier version, which kept nothing for a page; ask a newer one",
        "该计划由早期版本生成，未保存报告页所需的数据；请查看较新的计划",
    ),
    "plan_unreadable": _no(
        404, "this plan cannot be read any more: {why}", "该计划已无法读取：{why}"
    ),
    "plan_unit": _no(
        422, "the plan has no machine {unit!r}; it has {units}",
        "该计划没有设备 {unit!r}；已有 {units}",
    ),
    "plan_step": _no(
        422, "the plan holds {first} to {last}; ask inside it",
        "该计划覆盖 {first} 至 {last}，请在此范围内查询",
    ),
    "plan_why": _no(503, "{why}", "{why}"),
    "approval_machine": _no(
        422, "{machine!r} waits for no approval; machines of this plan that do: {waiting}",
        "{machine!r} 无需批准；该计划中待批准的设备：{waiting}",
    ),
    "approval_twice": _no(422, "machines: one is named twice; name each once", "有设备重复，每台只列一次"),
    "approval_over": _no(
        409, "what this plan decides exactly was over at {until}; approve the newest",
        "该计划的确定时段已于 {until} 结束，请批准最新计划",
    ),
    # configurations and boxes that join
    "config_file": _no(
        404, "version {version} has no file {file!r}; its documents list those it has",
        "版本 {version} 没有文件 {file!r}；其文件见版本文档列表",
    ),
    "config_version": _no(404, "{why}", "{why}"),
    "config_busy": _no(
        429, "another configuration is being checked; try again in {seconds} s",
        "正在检查另一份配置，请 {seconds} 秒后重试",
    ),
    "config_reason": _no(
        422, "reason: found none; say what the change is for, everybody sees it",
        "未填写原因；请说明变更目的，所有人可见",
    ),
    "config_seen": _no(
        428, 'send the version you looked at as If-Match: "7"; its list has it as ETag',
        '请以 If-Match: "7" 发送所查看的版本；版本列表的 ETag 即为版本',
    ),
    "config_match": _no(
        412, 'If-Match: found {found!r}, allowed is a version as "7"',
        'If-Match 为 {found!r}，应为版本号，如 "7"',
    ),
    "join": _no(
        404, "there is no such join token, or the bus has no certificate", "没有该接入令牌，或总线没有证书"
    ),
    "person_act": _no(409, "{why}", "{why}"),
}  # fmt: skip
"""Code to refusal."""
