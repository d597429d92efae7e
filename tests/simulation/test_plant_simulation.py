"""A whole plant in virtual time: edges, bus, two hubs, machines, people, and everything that can go wrong.

What decides is the real code: gate and its store, signed messages, desks, issuer, leader, ledger. `judge.py`
watches from outside. A seed that fails replays exactly: `python -m tests.simulation.run --seed N`.
"""

from __future__ import annotations

import pytest

from tests.simulation.breaks import BREAKS, found
from tests.simulation.many import play_many

SEEDS = 50


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_is_written_wrongly_and_nothing_stays_stuck_in_any_of_fifty_plants() -> None:
    tally = play_many(0, SEEDS)
    assert not tally.findings, tally.told()
    assert tally.seeds == SEEDS
    assert tally.writes > 20 * SEEDS, "hardly anything was written: the plants prove nothing"


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_seed_replays_exactly() -> None:
    once, again = play_many(3, 4, processes=1), play_many(3, 4, processes=1)
    assert once.digests == again.digests


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_nothing_is_written_wrongly_in_a_thousand_plants() -> None:
    tally = play_many(SEEDS, SEEDS + 1000)
    assert not tally.findings, tally.told()


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_gate_whose_fallback_never_begins_is_found_at_once() -> None:
    assert play_many(0, 3, processes=1, broken="the fallback never begins").count("stuck")


def test_every_break_fits_the_code_as_it_is() -> None:
    for name in BREAKS:
        for piece in BREAKS[name].pieces:
            function, source = found(piece)
            assert piece.old in source, f"{name}: {function} has no {piece.old!r} any more"


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", BREAKS)
def test_every_break_of_gate_or_hub_is_found_within_a_hundred_plants(name: str) -> None:
    tally = play_many(0, 100, broken=name)
    assert any(tally.count(kind) for kind in BREAKS[name].kinds), tally.told()
