"""A stop that reaches a portion of upkeep while it is worked on; nothing of it stays, it is done later."""

from __future__ import annotations

import threading

from protocols.errors import StoreError


class HaltedError(StoreError):
    """The portion was given up; nothing of it counts."""


class Halt:
    """Asked for in one thread, honoured in another, between two steps of its work."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Have the portion that is worked on given up; without one, the next."""
        self._asked.set()

    def check(self) -> None:
        """A place where the work can be given up.

        Raises:
            HaltedError: It was asked for; it is asked for no more.
        """
        if self._asked.is_set():
            self._asked.clear()
            raise HaltedError("the work was given up, since the hub stops; it is done later")
