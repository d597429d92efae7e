"""What an outlet counts; read by the metrics of the agent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class OutletMeter:
    """Figures of one outlet since the start of this run.

    Attributes:
        connected: Whether the broker has a session of ours.
        messages: Messages the broker took.
        sent: Samples in them.
        dropped: Samples given up because the queue was full.
        waiting: Polls in the queue.
        sessions: Sessions begun.
        why: Why there is no session; empty while there is one.
    """

    connected: bool = False
    messages: int = 0
    sent: int = 0
    dropped: int = 0
    waiting: int = 0
    sessions: int = 0
    why: str = "not begun"
