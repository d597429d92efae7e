"""Every figure a period can be closed with has words in both languages."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from accounts.carbon import Emission, Scope
from accounts.fuels import STANDARD_COAL
from accounts.invoice import Invoice
from accounts.ledger import Account
from accounts.used import Group, Line
from hub.accounts.billing import Billed
from hub.accounts.closed_periods import figures_of
from hub.accounts.counted import Counted
from hub.accounts.figure_words import figure_name, naming
from hub.accounts.making import PeriodStatement
from hub.accounts.periods import named
from hub.accounts.statement import Statement
from hub.accounts.tables import Table
from hub.accounts.words import CARRIERS, carrier_text
from protocols.config import Text
from tests.unit.accounts.site_series import accounts_with

ONE = Decimal(1)
CHINESE = re.compile("[\u4e00-\u9fff]")


def codes() -> list[str]:
    """Of a site that buys everything there is a name for, and whose invoice has a line of each group."""
    accounts = [Account((name,), name, "m³", ONE, ONE, ONE, 0.0) for name in CARRIERS]
    scopes = get_args(Scope)
    carbon = [Emission(one, "heat", ONE, "GJ", ONE, ONE, "made up", 2026, "average_year") for one in scopes]
    coal = dict.fromkeys(STANDARD_COAL, ONE)
    stated = Statement(accounts, [], coal, carbon, [], {}, {}, [], [])
    month = named("2026-10")
    made = PeriodStatement(month, 0, stated, Counted(Table(0, 900, {})), ())
    label = Text(en="a line", zh="一行")
    lines = tuple(Line("x", label, group, ONE, "kWh", ONE, ONE) for group in get_args(Group))
    invoice = Invoice("x", "CNY", month.days, "made up", lines, {}, 0, 96, None)
    return list(figures_of(made, Billed(invoice, 0, 1.0, over=True, before_known_frac=1.0)))


@pytest.mark.parametrize("code", codes())
def test_a_figure_is_called_by_words_and_never_by_its_code(code: str) -> None:
    label, unit = figure_name(code, "CNY", carrier_text)
    assert unit
    assert CHINESE.search(label.zh)
    assert not re.search("[a-z]", label.zh), "no id shines through"
    assert not CHINESE.search(label.en)
    assert not re.search(r"[a-z][_.][a-z]", label.en), "nor in English"


def test_two_figures_are_not_called_the_same() -> None:
    names = [figure_name(code, "CNY", carrier_text).label for code in codes()]
    for language in ("en", "zh"):
        assert len({getattr(name, language) for name in names}) == len(names)


def test_media_are_called_as_the_book_calls_them_and_a_code_of_old_stays_itself(tmp_path: Path) -> None:
    book = """\
meters: [{id: main}, {id: made, carrier: air, unit: m³}]
media: [{id: air, label: {en: Air of hall 3, zh: 三号车间压缩空气}, made: made, inputs: [main]}]
"""
    name = naming(accounts_with(tmp_path, book), "EUR")
    assert name("air.air.m³") == (Text(en="Air of hall 3, amount", zh="三号车间压缩空气·用量"), "m³")
    assert name("x") == (Text(en="x", zh="x"), "")
