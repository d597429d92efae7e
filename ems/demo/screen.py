"""What the person in front of the screen is told: one line a part as it comes up, one line an event."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Write one line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
