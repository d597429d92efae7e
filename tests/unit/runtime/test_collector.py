"""The cycle collector of a lasting process."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from runtime.collector import settle


class Knot:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def usual_collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_cycles_made_after_settling_are_still_collected() -> None:
    settle()
    knot = weakref.ref(Knot())
    gc.collect()
    assert knot() is None


def test_what_was_frozen_before_is_looked_at_again_when_a_process_settles_anew() -> None:
    kept = Knot()
    seen = weakref.ref(kept)
    settle()
    del kept
    gc.collect()
    assert seen() is not None
    settle()
    assert seen() is None
