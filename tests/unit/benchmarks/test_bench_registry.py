from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import benchmarks.run as bench
from benchmarks.account import Ledger
from benchmarks.cases.closed_loop import figures_of
from benchmarks.cases.codec import CASE as CODEC
from benchmarks.registry import Case, Result, cases


@pytest.mark.timeout(60)
def test_every_file_of_the_folder_is_a_case_under_its_own_name() -> None:
    folder = Path(bench.__file__).parent / "cases"
    assert set(cases()) == {file.stem for file in folder.glob("[a-z]*.py")}
    assert all(name == case.name and case.about for name, case in cases().items())


def test_a_result_says_what_was_measured_against_what_where_and_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    case = Case("tiny", "nothing", lambda: Result({"x_s": 1.0}, {"peer": {"x_s": 2.0}}))
    bench.write(case, case.run())
    said = json.loads((tmp_path / "tiny.json").read_text(encoding="utf-8"))
    assert list(said) == ["case", "figures", "against", "environment", "when"]
    assert said["against"]["peer"]["x_s"] == 2.0
    assert said["environment"]["cpus"] >= 1
    assert said["when"].endswith("Z")


def test_the_codec_is_smaller_and_quicker_than_a_list_of_dicts() -> None:
    result = CODEC.run()
    ours, peer = result.figures, result.against["msgpack_dicts_zstd"]
    assert ours["bytes_per_sample"] < 5.0 < peer["bytes_per_sample"]
    assert ours["us_per_1000"] < peer["us_per_1000"]


def ledger(cost: float, days: list[float], peak_kw: float) -> Ledger:
    return Ledger(cost, days, peak_kw, 1000.0 * cost, 5, 288, 1, {})


def test_savings_are_the_mean_of_the_runs_with_the_worst_day_beside_it() -> None:
    own = ledger(100.0, [30.0, 30.0, 40.0], 800.0)
    ems = ledger(90.0, [28.0, 31.0, 31.0], 850.0)
    figures = figures_of([(own, ems)] * 6)
    assert figures["saving_pct"] == pytest.approx(10.0)
    assert figures["saving_min_pct"] == pytest.approx(-100.0 / 30.0)
    assert figures["peak_change_kw"] == 50.0
    assert figures["energy_change_pct"] == pytest.approx(-10.0)
    assert (figures["baseline_outside_limits_s"], figures["ems_outside_limits_s"]) == (30.0, 30.0)


def test_an_unknown_case_is_named_with_those_that_exist() -> None:
    app = typer.Typer()
    app.command()(bench.main)
    answer = CliRunner().invoke(app, ["--case", "nonsense"])
    assert answer.exit_code == 2
    assert "closed_loop" in answer.output
