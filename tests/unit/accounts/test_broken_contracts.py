"""Contracts broken by lot: a clear refusal with file and line, or an invoice; never anything else."""

from __future__ import annotations

import copy
import datetime as dt
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from accounts.invoice import bill, month_of
from accounts.pricing import price_series
from accounts.readings import Readings
from hub.accounts.contracts import load_contract
from protocols.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs" / "contracts"
WRONG: tuple[Any, ...] = (
    None,
    "",
    "x",
    -1,
    0,
    1e400,
    "nan",
    [],
    {},
    True,
    "08:00-08:00",
    "25:00-26:00",
    "2024-02-30",
    10**9,
    "Mars/Base",
)
STEPS = 31 * 96


def places(found: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a plain document."""
    here = [path] if path else []
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [*here, *(one for key, value in items for one in places(value, (*path, key)))]


def broken(plain: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """The document with one to three places changed, taken out, doubled or renamed."""
    made = copy.deepcopy(plain)
    for _ in range(dice.randint(1, 3)):
        *way, last = dice.choice(places(made))
        at = made
        for key in way:
            at = at[key]
        act = dice.randrange(4)
        if act == 0 and isinstance(at, dict):
            del at[last]
        elif act == 1 and isinstance(at, dict):
            at[f"{last}_x"] = at.pop(last)
        elif act == 2 and isinstance(at, list):
            at.append(copy.deepcopy(at[last]))
        else:
            at[last] = dice.choice(WRONG)
    return made


@pytest.mark.parametrize("name", ["es_30td", "cn_zhejiang_35kv", "de_malchow_mv"])
def test_a_broken_contract_is_refused_in_words_or_billed(name: str, tmp_path: Path) -> None:
    plain = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "made.yaml"
    refusals: list[str] = []
    for seed in range(60):
        dice = random.Random(f"{name} {seed}")  # noqa: S311  a lot, no secret
        path.write_text(yaml.safe_dump(broken(plain, dice), allow_unicode=True), encoding="utf-8")
        try:
            contract = load_contract(path)
            first = contract.sheets[0].first
            starts = round(dt.datetime(first.year, first.month, 1, tzinfo=contract.zone).timestamp()) * 10**9
            flat = np.ones(STEPS)
            bill(contract, Readings(starts, 900, flat, flat, flat), month_of(first.year, first.month))
            price_series(contract, np.array([starts]))
        except ConfigError as error:
            refusals.append(str(error))
    assert len(refusals) > 30
    with_place = [text for text in refusals if str(path) in text]
    assert all(line.startswith(f"{path}:") for text in with_place for line in text.splitlines())
