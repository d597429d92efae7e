"""B1: the bus is killed while edges send 10,000 samples a second; the store has each of them once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cases.hub_kill import RATE, kills
from benchmarks.ingest_rig import ingest_rig

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_bus_that_is_killed_loses_and_doubles_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _kill(tmp_path, record_property, 20)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_bus_that_is_killed_two_hundred_times_loses_and_doubles_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _kill(tmp_path, record_property, 200)


def _kill(folder: Path, record_property: Callable[[str, object], None], count: int) -> None:
    with ingest_rig(folder) as rig:
        said = kills(rig, ("bus",) * count, RATE)
    record_property(
        "figures",
        f"{count} kills at {said['fed_samples_s']:.0f} samples/s, {said['lost']:.0f} lost,"
        f" {said['duplicate']:.0f} duplicate, first row after at most {said['first_row_max_s']:.1f} s",
    )
    assert (said["lost"], said["duplicate"]) == (0, 0)
