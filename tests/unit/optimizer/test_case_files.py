"""Files that are no case, or one of a published form with nonsense in it: one sentence says where."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from ems.optimize_cli import app
from protocols.errors import ConfigError

RUN: Final = CliRunner()


def _run(path: Path) -> dict[str, Any]:
    done = RUN.invoke(app, ["dispatch", str(path), "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _aliases(depth: int) -> str:
    return "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]\n" for k in range(1, depth))


FILES: Final[dict[str, tuple[str, bytes, str]]] = {
    "empty": ("case.yaml", b"", "the file is empty"),
    "a list": ("case.yaml", b"[1, 2]", "a case is a mapping"),
    "binary": ("case.yaml", bytes(range(256)), "not valid YAML"),
    "too large": ("case.yaml", b"#" * 5_000_000, "a configuration has at most 4000000"),
    "a bomb": ("case.yaml", _aliases(40).encode(), "aliases are not allowed"),
    "a key twice": ("case.yaml", b"kind: plant\nsteps: 4\nsteps: 8\n", ":3: steps: this key cannot be used"),
    "too deep": ("case.yaml", b"[" * 20_000, "more than 100 levels"),
    "empty JSON": ("case.json", b"", "is no JSON"),
    "binary JSON": ("case.JSON", bytes(range(256)), "is no JSON"),
    "too large JSON": ("case.json", b" " * 5_000_000, "larger than 4000000 bytes"),
    "a key twice in JSON": (
        "case.json",
        b'{"kind": "plant", "limits": {"import_kw": 10, "import_kw": 2000}}',
        "the key 'import_kw' is there twice; leave one out",
    ),
    "too deep JSON": ("case.json", b"[" * 200_000, "is no JSON"),
    "another JSON": ("package.json", b'{"name": "web", "version": "1"}', "its keys tell no kind of case"),
    "a plant without its kind": ("case.json", b'{"machines": []}', "kind: is missing"),
    "another kind": ("case.json", b'{"kind": "factory"}', "kind: Input should be 'plant'"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_case_is_told_in_one_sentence(tmp_path: Path, name: str) -> None:
    file, body, words = FILES[name]
    path = tmp_path / file
    path.write_bytes(body)
    with pytest.raises(ConfigError) as refused:
        _run(path)
    assert words in str(refused.value)
    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize("file", ["case.yaml", "case.json"])
def test_a_folder_and_a_file_that_is_not_there_are_told(tmp_path: Path, file: str) -> None:
    with pytest.raises(ConfigError, match=f"{file}: .*[Nn]o such file"):
        _run(tmp_path / file)
    (tmp_path / file).mkdir()
    with pytest.raises(ConfigError, match=f"{file}: cannot be read: Is a directory"):
        _run(tmp_path / file)


def _chillers() -> dict[str, Any]:
    return {
        "plr_min": 0.3,
        "chillers": [{"coef": [100.95, 818.61, -973.43, 788.55], "cap": 800}],
        "loads": [{"load_rt": 400}],
    }


def _thermal() -> dict[str, Any]:
    unit = {"pmin": 10, "pmax": 50, "a": 5, "b": 2, "c": 0.01, "mu": 1, "md": 1, "hsc": 1, "csc": 2, "csh": 1}
    return {"spinning_reserve_fraction": 0.1, "load_mw": [20, 30], "units": [unit | {"init": 5}]}


def _valves() -> dict[str, Any]:
    unit = {"pmin": 100, "pmax": 600, "a": 500, "b": 8, "c": 0.0016, "e": 300, "f": 0.03}
    return {"units": [unit], "demands": [{"mw": 300}]}


def _day() -> dict[str, Any]:
    four = [5.0] * 4
    series = {"air": four, "cool": four, "base": four, "pv": [0.0] * 4, "price": [0.1] * 4}
    return {
        "compressors_fixed": [{"cls": "A", "count": 1, "flow_m3_min": 10, "load_kw": 60, "unload_kw": 20}],
        "compressors_vsd": [{"flow_power": [[2, 20], [8, 50]]}],
        "receiver": {"usable_m3": 5, "start_m3": 2},
        "chillers": [{"capacity_kw": 100, "cop": 5}],
        "eir_plr": [0.2, 0.3, 0.5],
        "cold_store": {"capacity_kwh": 100, "power_kw": 50, "start_kwh": 20},
        "battery": {"min_kwh": 0, "max_kwh": 50, "power_kw": 20, "efficiency_one_way": 0.95, "start_kwh": 10},
        "grid": {"import_max_kw": 500, "export_max_kw": 0, "export_price": 0.05},
        "step_h": 0.25,
        "series": series | {"capft": [1.0] * 4, "eirft": [1.0] * 4},
    }


def _put(case: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    node: Any = case
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = to
    return case


def _renamed(case: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in case.items()}


FORMS: Final[dict[str, tuple[Callable[[], dict[str, Any]], str]]] = {
    "a misspelt reserve": (
        lambda: _renamed(_thermal(), "spinning_reserve_fraction", "spining_reserve_fraction"),
        "'spining_reserve_fraction' is not known; did you mean 'spinning_reserve_fraction'?",
    ),
    "a misspelt least load": (
        lambda: _renamed(_chillers(), "plr_min", "plr_minn"),
        "'plr_minn' is not known; did you mean 'plr_min'?",
    ),
    "no coefficients": (
        lambda: _put(_chillers(), "chillers", 0, "coef", to=[]),
        "chillers.0.coef: Tuple should",
    ),
    "a switch as a capacity": (
        lambda: _put(_chillers(), "chillers", 0, "cap", to=True),
        "chillers.0.cap: Value error, a number is wanted, true is none",
    ),
    "a run of a thousand years": (
        lambda: _put(_thermal(), "units", 0, "mu", to=1e7),
        "units.0.mu: Input should be less than or equal to 1000",
    ),
    "least above most": (
        lambda: _put(_thermal(), "units", 0, "pmin", to=80),
        "pmin is 80, above pmax of 50; exchange or mend them",
    ),
    "too many valve points": (
        lambda: _put(_valves(), "units", 0, "f", to=3e5),
        "f of 300000 makes 4.77e+07 valve points; it is in 1/MW, look at its unit",
    ),
    "a million machines": (
        lambda: _put(_day(), "compressors_fixed", 0, "count", to=1_000_000),
        "compressors_fixed.0.count: Input should be less than or equal to 1000",
    ),
    "a curve of one corner": (
        lambda: _put(_day(), "compressors_vsd", 0, "flow_power", to=[[2, 20]]),
        "the flow of flow_power has 1 corners",
    ),
    "series of other lengths": (
        lambda: _put(_day(), "series", "capft", to=[1.0]),
        "each series needs as many values, 1 to 1000; they have",
    ),
    "steps of a year": (
        lambda: _put(_day(), "step_h", to=8760),
        "step_h: Input should be less than or equal",
    ),
}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("make", [_chillers, _thermal, _valves, _day])
def test_the_forms_that_follow_are_answered_as_they_are(
    tmp_path: Path, make: Callable[[], dict[str, Any]]
) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(make()), encoding="utf-8")
    assert _run(path)["status"] == "optimal"


@pytest.mark.parametrize("name", FORMS)
def test_nonsense_in_a_published_form_is_refused_where_it_stands(tmp_path: Path, name: str) -> None:
    make, words = FORMS[name]
    path = tmp_path / "case.json"
    path.write_text(json.dumps(make()), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        _run(path)
    assert words in str(refused.value)


def test_the_kind_that_is_written_outranks_what_the_keys_look_like(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(_chillers() | {"kind": "plant"}), encoding="utf-8")
    with pytest.raises(ConfigError, match="loads: unknown field"):
        _run(path)
    path.write_text(json.dumps(_chillers() | {"kind": "chiller_loading"}), encoding="utf-8")
    assert _run(path)["kind"] == "chiller_loading"
