"""Rules of the house that a machine can check."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import re
import tomllib
from pathlib import Path
from typing import TypeVar

import pytest

import protocols
from protocols import errors
from protocols.config import Config
from protocols.units import UNITS, Unit, convert, unit

K = TypeVar("K")
API_MODELS = ("hub.api.models", "hub.api.order_models", "hub.api.series_models")
"""Answers follow the contract of the API, however many fields it names."""

for _module in pkgutil.iter_modules(protocols.__path__):
    if not _module.ispkg:
        importlib.import_module(f"protocols.{_module.name}")


def _subclasses(root: type[K]) -> list[type[K]]:
    return [root, *(c for s in root.__subclasses__() for c in _subclasses(s))]


@pytest.mark.parametrize("kind", _subclasses(errors.EmsError))
def test_every_error_survives_a_process_boundary(kind: type[errors.EmsError]) -> None:
    error = kind("it broke", device="meter-7")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.context) == ("it broke [device=meter-7]", {"device": "meter-7"})


@pytest.mark.parametrize("kind", _subclasses(errors.EmsError))
def test_every_error_is_drawn_in_the_tree(kind: type[errors.EmsError]) -> None:
    assert kind.__name__ in str(errors.__doc__)


@pytest.mark.parametrize("model", _subclasses(Config), ids=lambda m: m.__name__)
def test_suffix_unit_and_text_of_every_field_agree(model: type[Config]) -> None:
    for name, info in model.model_fields.items():
        for found in (m for m in info.metadata if isinstance(m, Unit)):
            assert name.endswith(found.suffix), f"{model.__name__}.{name}: {found.symbol}"
        assert info.description or name == "kind", f"{model.__name__}.{name} has no text below it"
    if model.__module__ not in API_MODELS:
        assert len(model.model_fields) <= 13, f"{model.__name__} has too many fields"


@pytest.mark.parametrize("symbol", list(UNITS))
def test_every_unit_converts_to_itself(symbol: str) -> None:
    assert convert(12.5, symbol, symbol) == pytest.approx(12.5)


def test_a_difference_never_becomes_a_level() -> None:
    with pytest.raises(errors.ConfigError, match="cannot become"):
        convert(5.0, "K", "°C")


def test_an_unknown_unit_lists_the_known_ones() -> None:
    with pytest.raises(errors.ConfigError, match=r"unknown unit 'kilowatt'; known are: .*kW"):
        unit("kilowatt")


@pytest.mark.parametrize("page", ["docs/flow.md", "docs/conventions.md", "README.md", "CONTRIBUTING.md"])
def test_every_file_a_page_names_is_there(page: str) -> None:
    root = Path(__file__).parents[3]
    named = re.findall(
        r"`([a-z_]+(?:/[A-Za-z_0-9]+)*\.(?:py|vue|md|yaml))`", (root / page).read_text("utf-8")
    )
    assert [name for name in named if "/" in name and not (root / name).exists()] == []


def test_every_contract_module_stands_behind_the_wall() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    wall = next(c for c in contracts if c["name"] == "contracts know neither drivers nor links")
    modules = {f"protocols.{m.name}" for m in pkgutil.iter_modules(protocols.__path__) if not m.ispkg}
    assert set(wall["source_modules"]) == modules
