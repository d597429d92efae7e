"""`ems edge rules`: faults with file and line, and when a rule would have acted in an exported period."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.export import export_journal
from edge_agent.journal import Journal, JournalPlace
from edge_agent.rules_file import load_tried, not_allowed
from edge_agent.rules_try import load_history
from edge_agent.settings import Place, load_accepted
from protocols.clock import Instant
from protocols.errors import ConfigError
from protocols.frame import Catalogue, Frame
from protocols.rules import RuleBook
from runtime.clock import NS, SystemClock
from runtime.fitting import point_facts
from runtime.yaml_config import load_config

CONFIGS = Path(__file__).parents[3] / "configs"
GOOD = """\
rules:
  - id: high_header
    label: {en: High header, zh: 母管压力高}
    when: {kind: above, point: comp4/header_bar_g, limit: 7.2, unit: bar(g), hysteresis: 0.1, for_s: 5}
    then: [{point: comp4/role_set_code, value: 0, unit: code}]
  - id: cold_outside
    label: {en: Cold outside, zh: 室外寒冷}
    when: {kind: below, point: weather1/outdoor_c, limit: 0, unit: °C}
    then: [{point: chiller1/permit_set_code, value: 0, unit: code}]
"""
BEGIN_NS = 1_700_000_000 * NS


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "edge1.rules.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def ems(tmp_path: Path) -> Callable[..., str]:
    def call(*args: str, code: int = 0) -> str:
        where = [
            "--config",
            str(CONFIGS),
            "--state",
            str(tmp_path / "edge"),
            "--keys",
            str(tmp_path / "keys"),
        ]
        result = CliRunner().invoke(app, ["rules", *args, *where])
        if code == 0 and result.exception is not None:
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output if code == 0 else f"{result.exception}"

    return call


async def exported(tmp_path: Path, headers: list[float]) -> Path:
    """A period of one sample a second, polled into a journal and exported as a person would."""
    catalogue = Catalogue("demo", "comp4", ("header_bar_g",), ("bar(g)",), ("measurement",))
    clock = SystemClock()
    async with Journal(
        JournalPlace(tmp_path / "journal.db", "edge1", 10_000_000), clock, lambda _: None
    ) as journal:
        await journal.name_rows([catalogue])
        for second, value in enumerate(headers):
            at = Instant(clock.now().boot, second * NS, BEGIN_NS + second * NS)
            quality = np.array([129 if math.isnan(value) else 0], np.uint8)
            journal.put(Frame(catalogue.hash(), at, np.array([value]), quality), "modbus")
        await journal.flush()
    out = tmp_path / "period.parquet"
    export_journal(tmp_path / "journal.db", (0, 2**62), out)
    return out


async def test_a_trial_says_when_a_rule_would_have_acted_and_notes_that_it_was_tried(
    tmp_path: Path, rules: Path, ems: Callable[..., str]
) -> None:
    data = await exported(tmp_path, [7.0] * 20 + [7.3] * 30 + [7.15] * 10 + [7.0] * 20 + [7.3] * 20)
    said = json.loads(ems("try", str(rules), "--data", str(data), "--json"))
    high, cold = said
    assert high["episodes"] == [
        {"from": "2023-11-14T22:13:45.000Z", "to": "2023-11-14T22:14:20.000Z"},
        {"from": "2023-11-14T22:14:45.000Z", "to": None},
    ]
    assert high["wants"] == {"comp4/role_set_code": {"value": 0.0, "unit": "code"}}
    assert cold["unseen"] == ["weather1/outdoor_c"]
    tried = load_tried(tmp_path / "edge")
    assert [trial.rule for trial in tried.values()] == ["high_header"]
    book = load_config(rules, RuleBook)
    limited = frozenset({"comp4/role_set_code", "chiller1/permit_set_code"})
    assert not_allowed(book.rules[0], limited, tried) == ""
    assert "was not tried as it is now" in not_allowed(book.rules[1], limited, tried)
    changed = book.rules[0].model_copy(update={"min_on_s": 1.0})
    assert "was not tried as it is now" in not_allowed(changed, limited, tried)
    assert "has no signed limits" in not_allowed(book.rules[0], frozenset(), tried)
    text = ems("try", str(rules), "--data", str(data))
    assert "high_header: 2 times, 49 s in all" in text
    assert "cold_outside: not tried; the file has no sample of weather1/outdoor_c" in text


async def test_a_failed_read_and_an_old_value_are_missing_inputs(
    tmp_path: Path, rules: Path, ems: Callable[..., str]
) -> None:
    data = await exported(tmp_path, [7.3] * 10 + [math.nan] * 5 + [7.3] * 10)
    high = json.loads(ems("try", str(rules), "--data", str(data), "--json"))[0]
    assert high["unknown_s"] == 5.0
    assert len(high["episodes"]) == 2, "the duration begins anew"


def test_rules_of_the_demo_are_checked_and_every_fault_is_named_with_its_line(
    rules: Path, ems: Callable[..., str]
) -> None:
    assert "2 rules fit demo/edge1; 0 of them are to act" in ems("check", str(rules))
    rules.write_text(
        GOOD.replace("comp4/header_bar_g", "comp4/pressure")
        .replace("unit: °C", "unit: K")
        .replace("chiller1/permit_set_code", "comp4/role_set_code"),
        encoding="utf-8",
    )
    said = ems("check", str(rules), code=1)
    assert f"{rules}:4: rules.0.when.point: there is no point 'comp4/pressure'" in said
    assert f"{rules}:8: rules.1.when.unit: weather1/outdoor_c: K (temperature difference) cannot" in said
    assert f"{rules}:9: rules.1.then.0.point: comp4/role_set_code is set by high_header already" in said


def test_a_wrong_key_is_named_with_its_line(rules: Path, ems: Callable[..., str]) -> None:
    rules.write_text(GOOD.replace("for_s: 5", "script: x"), encoding="utf-8")
    said = ems("check", str(rules), code=1)
    assert f"{rules}:4: rules.0.when.script: unknown field; allowed: kind, point, limit" in said


def test_a_file_that_is_no_export_is_refused_with_a_sentence(tmp_path: Path) -> None:
    text = tmp_path / "a.parquet"
    text.write_text("no")
    with pytest.raises(ConfigError, match="is no Parquet file that can be read"):
        load_history(text, ["comp4/header_bar_g"])
    other = tmp_path / "b.parquet"
    pq.write_table(pa.table({"x": [1]}), other)
    with pytest.raises(ConfigError, match=r"has no column|no Parquet file"):
        load_history(other, ["comp4/header_bar_g"])


def test_a_spoiled_record_of_trials_is_named(tmp_path: Path) -> None:
    (tmp_path / "rules_tried.json").write_text("[]")
    with pytest.raises(ConfigError, match="is no record of trials"):
        load_tried(tmp_path)


def test_limits_of_a_signed_block_bound_what_a_rule_may_want(tmp_path: Path) -> None:
    accepted = load_accepted(Place(CONFIGS, "demo", "edge1", tmp_path, tmp_path, ""))
    facts = point_facts(accepted.site, {})
    assert facts["comp4/role_set_code"].settable
    assert (facts["comp4/role_set_code"].low, facts["comp4/role_set_code"].high) == (0.0, 3.0)
    assert not facts["comp4/power_kw"].settable
