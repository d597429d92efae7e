"""What several rows stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gate.gate_plant import Plant, PlantDevice, folder, plant_rules


@pytest.fixture
def plant() -> Iterator[Plant]:
    """The gate before a plant in virtual time."""
    with folder() as where:
        plant = Plant(Path(where), plant_rules(), device=PlantDevice())
        plant.start()
        yield plant
        plant.store.close()
