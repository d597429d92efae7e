from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.cell_table import cell_tables
from benchmarks.registry import cases
from benchmarks.tables import BEGIN, END, PAGE, WANTED, filled, number, table
from protocols.errors import ConfigError

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "docs" / "optimizer-requirements.md"
COUNT = 21
"""Requirements of the optimiser's specification, part 5."""

LINK = re.compile(r"\[`?([a-z0-9_]+)`?\]\((\.\./[^)#]+\.py)\)(?:::`?([a-z0-9_]+)`?)?")


def test_the_page_says_what_the_result_files_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text, "docs/optimizer.md is old; run `python -m benchmarks.tables`"


@pytest.mark.timeout(60)
def test_every_case_that_is_asked_for_is_there() -> None:
    assert {one.case for one in WANTED} <= set(cases())


def test_a_figure_that_misses_what_is_wanted_is_told(tmp_path: Path) -> None:
    said = {"figures": {"worst_excess_pct": 0.5, "max_s": 0.2}, "when": "2026-11-22T00:00:00Z"}
    (tmp_path / "b01_chiller_loading.json").write_text(json.dumps(said), encoding="utf-8")
    lines = table(tmp_path).splitlines()
    assert "| `b01_chiller_loading` | `worst_excess_pct` | 0.5 | ≤ 0.02 | **no** | 2026-11-22 |" in lines
    assert "|  | `max_s` | 0.2 | ≤ 1 | yes | 2026-11-22 |" in lines
    assert "| `b02_chp` | `worst_excess_pct` | not measured | ≤ 0.01 | – |  |" in lines


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ConfigError, match="missing"):
        filled("# a page")
    assert filled(f"a\n{BEGIN}\nold\n{END}\nb", Path("nowhere")).endswith(f"{END}\nb")


def test_each_cell_has_its_row_with_mean_and_worst(tmp_path: Path) -> None:
    def lived(cost: float, starts: int, peak_kw: float) -> dict[str, float]:
        return {
            "cost": cost,
            "energy_kwh": 10.0 * cost,
            "co2_kg": cost,
            "peak_kw": peak_kw,
            "starts": starts,
            "outside_s": 0,
        }

    first = {"ems": lived(90.0, 5, 400.0), "plant": lived(100.0, 3, 380.0), "rules": lived(95.0, 4, 420.0)}
    poor = {"ems_perfect": lived(89.1, 5, 400.0), "ems_poor": lived(91.8, 5, 400.0)}
    second = {"ems": lived(99.0, 9, 500.0), "plant": lived(100.0, 3, 490.0), "rules": lived(98.0, 4, 450.0)}
    said = {
        "figures": {"days": 3.0},
        "when": "2026-11-23T01:00:00Z",
        "results": {"a": first | poor, "b": second},
    }
    (tmp_path / "closed_loop_matrix.json").write_text(json.dumps(said), encoding="utf-8")
    text = cell_tables(tmp_path)
    assert "(3 days a cell, 2026-11-23)" in text
    assert "| a | 90 | +10.00 | +5.26 | – | -5.26 | -5.26 | -20 | 5 / 4 | 0 / 0 | -1.00 / +2.00 |" in text
    assert "| b | 99 | +1.00 | -1.02 | – | +1.02 | +1.02 | +50 | 9 / 4 | 0 / 0 | – |" in text
    assert "| mean | 94 | +5.50 | +2.12 | – | -2.12 | -2.12 | +15 | 7 / 4 | 0 / 0 | -1.00 / +2.00 |" in text
    assert "| worst | 99 | +1.00 | -1.02 | – | +1.02 | +1.02 | +50 | 9 / 4 | 0 / 0 | -1.00 / +2.00 |" in text
    assert "Billing periods are not measured." in text


def test_numbers_are_short() -> None:
    shown = [number(one) for one in (0.46317, 2.0e-6, 49.77, 10.0, 0.0)]
    assert shown == ["0.4632", "2e-06", "49.77", "10", "0"]


def test_each_requirement_is_linked_to_a_test_that_is_there() -> None:
    rows = [line.split("|") for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
    found = {int(row[1]): row[4] for row in rows if len(row) > 5 and row[1].strip().isdecimal()}
    assert sorted(found) == list(range(1, COUNT + 1))
    for number_, cell in found.items():
        links = LINK.findall(cell)
        assert links, f"requirement {number_} is linked to no test"
        for name, path, function in links:
            file = (REQUIREMENTS.parent / path).resolve()
            assert file.is_file(), f"requirement {number_}: {name} is not at {path}"
            if function:
                assert f"def {function}(" in file.read_text(encoding="utf-8"), f"{path} has no {function}"
