"""The page "connect your first device": its commands exist, in both languages, and its table is good."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from edge_agent.commission.csv_profile import read_table
from ems.main import build_app

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [DOCS / "connect-first-device.md", DOCS / "connect-first-device.zh.md"]


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def _commands(page: Path) -> list[list[str]]:
    text = "\n".join(_blocks(page, "sh")).replace("\\\n", " ")
    return [shlex.split(line, comments=True)[1:] for line in text.splitlines() if line.startswith("ems ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_the_page_exists_with_its_options(page: Path) -> None:
    commands = _commands(page)
    assert len(commands) >= 14
    for words in commands:
        command = get_command(build_app(words))
        rest = list(words)
        while hasattr(command, "commands"):
            command = command.commands[rest.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, words


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = ([_without_names(words) for words in _commands(page)] for page in PAGES)
    assert english == chinese


def _without_names(words: list[str]) -> list[str]:
    return [word for before, word in zip(["", *words], words, strict=False) if before != "--person"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_table_of_the_page_is_a_good_one(page: Path, tmp_path: Path) -> None:
    (text,) = _blocks(page, "csv")
    (tmp_path / "meter.csv").write_text(text, encoding="utf-8")
    table = read_table(tmp_path / "meter.csv")
    assert table.faults == ()
    assert [spec.name for _, spec in table.points] == ["power_kw", "frequency_hz", "import_kwh"]
