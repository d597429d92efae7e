"""What a plan cannot keep is said in plant words, in both languages, never by its name in the matrix."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from optimizer import flexible, levels, network, problem, starting, supply, switching
from optimizer.build import build
from optimizer.components.balance import SLACK_EUR
from optimizer.conflict import NO_LIMITS, is_slack
from optimizer.limit_words import SENTENCES, need_text
from optimizer.notes import notes
from optimizer.plan import Shortage
from optimizer.problem import FREE, OFF, ON, Commitment, DispatchProblem, Limits, Store
from optimizer.short_words import short_text, short_texts
from optimizer.words import SLACKS, Speech, slack_name, told
from protocols.config import Text
from protocols.errors import SolveError
from tests.unit.optimizer import cases
from tests.unit.optimizer.features import FEATURES

CHINESE = re.compile(r"[\u4e00-\u9fff]")
PRICED = frozenset({"kvarh_over"})
"""What a contract charges for beyond a limit: money of the plan, nothing that is short."""
OWNERS = frozenset({"grid", "station", "chilled", "cooling", "inverter", "fuel", "gas", "charge"})
"""First words of columns that belong to no machine and no contract by name."""


def _wanting() -> DispatchProblem:
    """Contents wanted at the end, reserves and margins of both stations, both contracts."""
    asked = cases.with_need(cases.problem(4), air_m3_min=cases.flat(4, 9.0), cooling_kw=cases.flat(4, 90.0))
    return replace(
        asked,
        compressors=(cases.fixed_speed("a1"), cases.fixed_speed("a2")),
        chillers=(cases.chiller("c1", 4), cases.chiller("c2", 4)),
        batteries=(replace(cases.battery(), end_least_kwh=50.0),),
        stores=(
            Store(name="tank", carrier="air", content=1.0, most=9.0, end_least=5.0),
            Store(name="ice", carrier="cooling", content=10.0, most=90.0, end_least=50.0),
        ),
        limits=Limits(
            import_kw=900.0,
            export_kw=100.0,
            air_reserve_frac=0.1,
            cooling_reserve_frac=0.1,
            without_largest=("air", "cooling"),
        ),
    )


PROBLEMS = {name: make() for name, make in FEATURES.items()} | {"wanting": _wanting()}


def _named(asked: DispatchProblem) -> Iterator[str]:
    yield from (
        one.name
        for group in (
            asked.switched,
            asked.converters,
            asked.batteries,
            asked.stores,
            asked.boilers,
            asked.flexible.all,
            asked.supply.charges,
        )
        for one in group
    )
    if asked.pv is not None:
        yield asked.pv.name


def _in_words(text: Text) -> bool:
    """A sentence of both languages without a name of the matrix in it."""
    return "_" not in text.en + text.zh and " " in text.en and bool(CHINESE.search(text.zh))


def test_every_family_of_shortages_has_words() -> None:
    assert SLACKS.keys() >= SLACK_EUR.keys()
    assert all(_in_words(text) for text in SLACKS.values())


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_every_column_that_can_be_short_is_said_in_plant_words(name: str) -> None:
    asked = PROBLEMS[name]
    own = {*_named(asked), *OWNERS, *PRICED}
    for column in build(asked)[0].columns:
        slack = column not in own and slack_name(column) not in own and not re.match(r"tier\d", column)
        assert slack == is_slack(column), column
        if slack:
            short = Shortage(column, 1, 2.5)
            assert slack_name(column) in SLACKS, column
            for text in (short_text(asked, short), need_text(asked, short, Speech())):
                assert _in_words(_without_ids(asked, text)), (column, text)


def _without_ids(asked: DispatchProblem, text: Text) -> Text:
    """The ids of machines here have an underscore in some problems; people name theirs."""
    en, zh = text.en, text.zh
    for name in sorted(_named(asked), key=len, reverse=True):
        en, zh = en.replace(name, "the machine"), zh.replace(name, "设备")
    return Text(en=en, zh=zh)


def test_the_walk_meets_every_family_of_shortages() -> None:
    met = {
        slack_name(name) for asked in PROBLEMS.values() for name in build(asked)[0].columns if is_slack(name)
    }
    assert met == SLACKS.keys()


def test_every_limit_that_can_conflict_has_words() -> None:
    for module in (problem, flexible, levels, network, starting, supply, switching):
        for kind in vars(module).values():
            if not isinstance(kind, type) or not is_dataclass(kind) or kind.__name__ in _NOT_A_PART:
                continue
            for one in fields(kind):
                made = None if one.default_factory is MISSING else one.default_factory()
                needed = one.default is MISSING and made is None
                assert needed or is_dataclass(made) or one.name in NO_LIMITS | SENTENCES.keys(), one.name


_NOT_A_PART = frozenset(
    {
        *("DispatchProblem", "Begun", "Prices", "Forecasts", "Carrier", "Flow", "Course", "Speech", "Text"),
        *("ShiftLoad", "Batch", "ShedLoad", "Car", "EvGroup", "Ramp"),
        *("DemandCharge", "EnergyTier", "Levy", "Reactive", "ReactiveMonth", "GasContract"),
    }
)
"""Not looked at for limits, or looked at as a whole."""


def test_a_run_that_is_cut_short_from_outside_says_whose_until_when_and_from_when() -> None:
    lock = np.array([ON, ON, OFF, OFF, FREE, FREE])
    owing = Commitment(on=True, state_s=600.0, min_up_s=3600.0, lock=lock)
    asked = replace(cases.problem(6), compressors=(cases.fixed_speed("a1", commitment=owing),))
    labels = {"a1": Text(en="Compressor 1", zh="1 号空压机")}
    (note,) = notes(replace(asked, speech=Speech(labels)))
    until, at = (Speech().clock(asked.start_ns + round(step * 900e9)) for step in (4, 2))
    assert note.en == (
        f"Compressor 1 shall run until {until}, its shortest run is 60 min; from {at} on it is held standing "
        "from outside, and that holds"
    )
    assert note.zh.startswith("1 号空压机 最短运行 60 分钟")
    standing = replace(owing, on=False, state_s=600.0, min_up_s=0.0, min_down_s=3600.0, lock=1 - lock)
    kept = replace(asked, compressors=(cases.fixed_speed("a1", commitment=replace(standing, lock=None)),))
    assert notes(kept) == ()


def test_what_is_short_in_many_steps_is_said_once_by_its_worst() -> None:
    asked = _wanting()
    shortages = [Shortage("air_short", step, 1.0 + step) for step in range(3)]
    shortages.append(Shortage("end_short.tank", 3, 4.0))
    air, tank = short_texts(asked, shortages)
    clock = Speech().clock(asked.start_ns + round(2 * 900e9))
    assert air.en == f"{clock}: compressed air is short, by 3 m³/min, the worst of 3 steps"
    assert tank.en == "tank holds less at the end than is wanted, by 4 m³"


def test_an_error_says_itself_in_both_languages_and_its_text_is_english() -> None:
    error = SolveError("no forecast", zh="没有预测", series="air")
    assert (str(error), told(error)) == ("no forecast [series=air]", Text(en="no forecast", zh="没有预测"))
    assert told(SolveError("as it came")) == Text(en="as it came", zh="as it came")


def _refusals(module: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        name = node.func if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and isinstance(name, ast.Name) and name.id.endswith("SolveError"):
            yield node


def test_every_refusal_that_a_hub_can_meet_is_said_in_chinese_too() -> None:
    top = Path(__file__).parents[3]
    modules = [*(top / "optimizer").glob("inputs*.py"), *(top / "hub" / "dispatch").glob("*.py")]
    modules += [top / "optimizer" / name for name in ("begun.py", "contracted.py", "outlook.py", "water.py")]
    found = [(module.name, call) for module in modules for call in _refusals(module)]
    assert len(found) > 80
    silent = [(name, call.lineno) for name, call in found if "zh" not in {one.arg for one in call.keywords}]
    assert silent == []
