"""The page of every field, option and command is that of the code it stands beside."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import Field

from ems.reference_fields import ROOTS, kind_of, models_of, table_of
from protocols.config import Config
from protocols.errors import ContractError

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "configuration-reference.md"


def test_the_reference_is_as_the_code_says() -> None:
    made = subprocess.run([sys.executable, "-m", "ems.reference"], capture_output=True, text=True, check=True)
    said = "the reference is old: .venv/bin/python -m ems.reference > docs/configuration-reference.md"
    assert made.stdout == PAGE.read_text(), said


def test_every_link_of_the_reference_leads_to_a_model_and_every_field_says_what_it_is() -> None:
    page = PAGE.read_text()
    headings = {line[4:].lower() for line in page.splitlines() if line.startswith("### ")}
    assert set(re.findall(r"\]\(#([a-z0-9_]+)\)", page)) <= headings | {
        "files",
        "fields",
        "commands",
    }
    assert "| anything |" not in page
    options = [line.split(" | ") for line in page.splitlines() if line.startswith("| `--")]
    assert len(options) > 100
    assert all(re.fullmatch(r"\S.*\|", columns[-1]) for columns in options)


def test_every_file_of_the_shipped_configuration_has_its_model() -> None:
    patterns = [re.sub(r"<\w+>", r"[^/.]+", root.path).replace(".yaml", r"\.yaml") for root in ROOTS]
    known = ("sunspec/",)
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        name = path.relative_to(ROOT / "configs").as_posix()
        assert name.startswith(known) or any(re.fullmatch(one, name) for one in patterns), name


class Band(Config):
    """Where a value may stand."""

    low_kw: float = Field(ge=0, lt=5)
    """Lowest. | never below"""

    names: tuple[str, ...] = ()
    """People."""

    by_name: dict[str, int] = Field(default_factory=dict)
    """Counts."""


def test_a_model_becomes_a_table_with_bounds_and_usual_values() -> None:
    (name, schema), *_ = models_of((Band,)).items()
    lines = table_of(name, schema).splitlines()
    assert lines[1:4] == ["### Band", "", "Where a value may stand."]
    assert lines[-3] == r"| `low_kw` | number, ≥ 0, < 5 | required | Lowest. \| never below |"
    assert lines[-2] == "| `names` | list of text |  | People. |"
    assert lines[-1] == "| `by_name` | mapping to whole number |  | Counts. |"
    assert kind_of({"anyOf": [{"type": "null"}, {"enum": ["a", "b"]}]}) == "none or `a`, `b`"


def test_two_models_of_one_name_are_refused() -> None:
    other = type("Band", (Config,), {"__annotations__": {"high": float}})
    with pytest.raises(ContractError, match="called Band"):
        models_of((Band, other))
