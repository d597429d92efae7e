"""Chinese sentences have Chinese punctuation where people read them; code, numbers and names keep theirs."""

from __future__ import annotations

import pytest

from tests.chinese import (
    FULL,
    ROOT,
    files,
    labels_mended,
    mended,
    messages_mended,
    page_mended,
    python_mended,
)

COMMA, SEMICOLON, COLON, ASKED, CALLED, BEGIN, END = FULL.values()


def test_no_chinese_text_has_half_width_punctuation() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{at}: {line.strip()}"
        for path, was, new in files()
        for at, (line, better) in enumerate(zip(was.splitlines(), new.splitlines(), strict=True), 1)
        if line != better
    ]
    assert wrong == [], "mended by: python -m tests.chinese"


@pytest.mark.parametrize(
    ("was", "better"),
    [
        ("无响应,请重试", f"无响应{COMMA}请重试"),
        ("限值 {limit} kW;请检查", f"限值 {{limit}} kW{SEMICOLON}请检查"),
        ("需量 (15 分钟)", f"需量{BEGIN}15 分钟{END}"),
        ("见[账目](accounts.zh.md)(按月),", f"见[账目](accounts.zh.md){BEGIN}按月{END}{COMMA}"),
        ("第 {at} 条({period},{mark})", f"第 {{at}} 条{BEGIN}{{period}}{COMMA}{{mark}}{END}"),
        ("见图 {point}: {why}", f"见图 {{point}}{COLON}{{why}}"),
        ("时间 12:30:00,单位 kW", f"时间 12:30:00{COMMA}单位 kW"),
        ("坐标 31.2,121.5", "坐标 31.2,121.5"),
        ("`a, b` 之一", "`a, b` 之一"),
        ("确定吗? 是!", f"确定吗{ASKED}是{CALLED}"),
        ("灰色 = 部分, ? = 存疑", f"灰色 = 部分{COMMA}? = 存疑"),
    ],
)
def test_what_stands_beside_chinese_is_full_width(was: str, better: str) -> None:
    assert mended(was) == better
    assert mended(better) == better


def test_strings_of_a_module_are_mended_over_their_seams_and_english_stays() -> None:
    was = (
        'x = Text(\n    en="no, not (now)", zh="没有 {n} kW,"\n    "请重试",\n)\n'
        'y = "without an invoice (不含账单)"\n'
    )
    assert python_mended(was) == was.replace('kW,"', f'kW{COMMA}"')


def test_messages_and_pages_keep_what_is_for_machines() -> None:
    was = '{ "a": "是,否", "b": "yes, no" }'
    assert messages_mended(was) == was.replace("是,否", f"是{COMMA}否")
    page = "是,否\n\n    zh: 是,否  # code\n\n```yaml\nzh: 是,否\n```\n"
    assert page_mended(page) == page.replace("是,否", f"是{COMMA}否", 1)


def test_labels_of_a_configuration_keep_its_form() -> None:
    was = "label: {en: a, zh: 表 (总), x: 1}\n  zh: 表 (总)\n  zh: '是, 否'\nnote: 是, 否\n"
    named, answer = f"zh: 表{BEGIN}总{END}", f"zh: '是{COMMA}否'"
    better = f"label: {{en: a, {named}, x: 1}}\n  {named}\n  {answer}\nnote: 是, 否\n"
    assert labels_mended(was) == better
