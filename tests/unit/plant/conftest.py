"""The demo plant, validated once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plant.flowsheet import Flowsheet
from plant.state import Plant, compile_plant

FLOWSHEET = Path(__file__).parents[3] / "configs/sites/demo/flowsheet.yaml"


@pytest.fixture(scope="session")
def demo_document() -> dict[str, Any]:
    """The file as a dict; tests copy it before they break it."""
    document: dict[str, Any] = yaml.safe_load(FLOWSHEET.read_text())
    return document


@pytest.fixture(scope="session")
def flowsheet(demo_document: dict[str, Any]) -> Flowsheet:
    return Flowsheet.model_validate(demo_document)


@pytest.fixture(scope="session")
def plant(flowsheet: Flowsheet) -> Plant:
    return compile_plant(flowsheet)
