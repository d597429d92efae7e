"""Contracts drawn by lot: engine and second working out agree on every line, whatever a tariff is like."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from accounts.contract import Contract, contract_faults
from accounts.invoice import Beside, Courses, bill
from accounts.readings import Readings
from accounts.used import Before, Period
from benchmarks.invoice_cases import load_of
from benchmarks.judge_invoice import Judge

LABEL = {"en": "x", "zh": "某"}
BANDS = ("a", "b", "c", "d")
ZONES = (
    "Asia/Shanghai",
    "Europe/Berlin",
    "Europe/Lisbon",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
)
GROUPS = ("energy", "grid", "losses", "system", "funds")


def hour_text(quarters: int) -> str:
    return f"{quarters // 4:02}:{quarters % 4 * 15:02}"


def windows_of(dice: random.Random, days: list[str]) -> list[dict[str, Any]]:
    """A day cut at random quarter hours, each piece in a random band."""
    cuts = [0, *sorted(dice.sample(range(1, 96), dice.randint(0, 7))), 96]
    hours: dict[str, list[str]] = {}
    for begin, end in pairwise(cuts):
        hours.setdefault(dice.choice(BANDS), []).append(f"{hour_text(begin)}-{hour_text(end)}")
    return [{"band": band, "hours": texts, "days": days} for band, texts in hours.items()]


def calendar_of(dice: random.Random) -> dict[str, Any]:
    ways: tuple[list[list[str]], ...] = (
        [[]],
        [["workday"], ["weekend", "holiday"]],
        [["mon", "tue", "wed", "thu"], ["fri", "weekend"], ["holiday"]],
    )
    kinds = dice.choice(ways)
    begin = dice.randrange(80)
    return {
        "bands": [{"id": band, "label": LABEL} for band in BANDS],
        "windows": [window for days in kinds for window in windows_of(dice, days)],
        "overrides": [
            {"band": "d", "hours": [f"{hour_text(begin)}-{hour_text(begin + 9)}"], "months": [3, 10, 2]}
        ],
        "holidays": [
            {"id": "feast", "label": LABEL, "first": "2024-03-04", "last": "2024-03-06"},
            {"id": "feast", "label": LABEL, "first": "2024-10-03"},
            {"id": "leap", "label": LABEL, "first": "2024-02-29"},
        ],
        "working_days": ["2024-03-09"],
    }


def price(dice: random.Random, digits: int = 6) -> str:
    return str(Decimal(dice.randrange(-(10**digits) // 10, 10**digits)).scaleb(-digits))


def parts_of(dice: random.Random) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"kind": "energy", "by_band": {band: price(dice) for band in BANDS}},
        {
            "kind": "energy",
            "per_kwh": price(dice),
            "decimals": dice.choice((None, 4, 6)),
            "factors": {band: price(dice, 2) for band in dice.sample(BANDS, 2)},
        },
        {"kind": "energy", "per_kwh": price(dice)},
        {"kind": "course", "course": "spot", "factor": price(dice, 3), "plus_per_kwh": price(dice, 4)},
        {
            "kind": "tiers",
            "tiers": [
                {"until_kwh": 5000, "per_kwh": price(dice)},
                {"until_kwh": 90000, "per_kwh": price(dice)},
                {"per_kwh": price(dice)},
            ],
        },
        {"kind": "standing", "per": dice.choice(("day", "month", "year")), "amount": price(dice, 2)},
        {
            "kind": "demand",
            "per_kw": price(dice, 3),
            "per": dice.choice(("month", "year")),
            "bands": dice.choice(([], ["a"], ["b", "d"])),
            "ratchet": {"share": "0.75", "months": 3},
        },
        {
            "kind": "contracted",
            "per_kw_year": {band: price(dice, 3) for band in BANDS},
            "contracted_kw": {band: dice.randint(1, 900) for band in BANDS},
        },
        {
            "kind": "excess",
            "method": dice.choice(("quarter_hours", "highest")),
            "per_kw": price(dice, 4),
            "contracted_kw": {band: dice.randint(1, 900) for band in BANDS},
            "factors": {band: price(dice, 6).lstrip("-") for band in dice.sample(BANDS, 2)},
        },
        {
            "kind": "basic",
            "mode": dice.choice(("capacity", "contract", "measured")),
            "capacity_kva": dice.randint(100, 2500),
            "per_kva": price(dice, 2),
            "per_kw": price(dice, 2),
            "contract_kw": dice.randint(50, 900),
        },
        {
            "kind": "reactive",
            "per_kvarh": price(dice, 5),
            "free_share": price(dice, 2).lstrip("-"),
            "bands": dice.choice(([], ["a", "c"])),
            "each_band": dice.random() < 0.5,
        },
        {"kind": "feed_in", "per_kwh": price(dice, 4), "course": dice.choice((None, "spot"))},
    ]
    dice.shuffle(found)
    found = found[: dice.randint(4, len(found))]
    for part in found:
        part["group"] = dice.choice(GROUPS)
    found.append(
        {
            "kind": "factor",
            "standard": dice.choice(("0.90", "0.85", "0.80")),
            "of": dice.sample(GROUPS, 3),
            "group": "factor",
        }
    )
    found.append({"kind": "tax", "percent": "5.11269632", "of": dice.sample(GROUPS, 2), "group": "tax"})
    found.append({"kind": "tax", "percent": 19, "group": "tax", "within": dice.random() < 0.3})
    return [{"id": f"part{at}", "label": LABEL, **part} for at, part in enumerate(found)]


def agree(seed: int) -> None:
    """Bill one contract twice and hold the lines against each other."""
    dice = random.Random(seed)  # noqa: S311  a lot, no secret
    zone = dice.choice(ZONES)
    plain: dict[str, Any] = {
        "id": "drawn",
        "label": LABEL,
        "currency": "EUR",
        "time_zone": zone,
        "calendar": calendar_of(dice),
        "rounding": {
            "energy": dice.randint(0, 4),
            "power": dice.randint(0, 4),
            "money": dice.choice((0, 2, 3)),
        },
        "metering": {"window_s": dice.choice((900, 1800, 3600))},
        "sheets": [{"first": "2024-01-01", "last": "2024-12-31", "source": "drawn", "parts": parts_of(dice)}],
    }
    contract = Contract.model_validate(plain)
    assert not list(contract_faults(contract))
    month = dice.choice((2, 3, 10, 11))
    period = Period(dt.date(2024, month, 1), dt.date(2024, month + 1, 1))
    load = load_of(
        {
            "first": period.first,
            "after": period.after,
            "step_s": 900,
            "seed": seed,
            "jitter": 1.2,
            "workday_kw": [dice.uniform(0, 800) for _ in range(24)],
            "weekend_kw": [dice.uniform(0, 500) for _ in range(24)],
            "kvar_share": dice.choice((0, 0.2, 0.484, 0.75, 1.1)),
            "export_kw": [dice.choice((0, 75.3)) for _ in range(24)],
            "price": [dice.uniform(-0.1, 0.3) for _ in range(24)],
        },
        zone,
    )
    before = Before(tuple(Decimal(dice.randint(0, 2000)) for _ in range(4)), Decimal(dice.randint(0, 95_000)))
    readings = Readings(
        load.start_s * 10**9, 900, np.array(load.kwh), np.array(load.export_kwh), np.array(load.kvarh)
    )
    course = Courses(load.start_s * 10**9, 900, np.array(load.prices))
    made = bill(contract, readings, period, Beside({"spot": course}, before))
    peaks = tuple(Fraction(kw) for kw in before.peaks_kw)
    judged = Judge(plain, load, period.first, period.after, Fraction(before.year_kwh), peaks).work()
    lines = [
        (line.part, line.band, Fraction(line.quantity), Fraction(line.amount), line.counted)
        for line in made.lines
    ]
    assert lines == judged


@pytest.mark.parametrize("seed", range(24))
def test_every_line_of_a_contract_drawn_by_lot_comes_out_twice(seed: int) -> None:
    agree(seed)


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_thousands_of_lines_come_out_twice() -> None:
    for seed in range(1000, 1800):
        agree(seed)
