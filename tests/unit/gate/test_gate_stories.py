"""The invariants in short stories; what the random search does at length, seen at a glance."""

from __future__ import annotations

import pytest

from tests.unit.gate.gate_stories import STORIES, tell
from tests.unit.gate.gate_storytelling import Story


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_invariants_hold_in_a_story(story: Story) -> None:
    tell(story)
