"""The process one law runs in: asked over a pipe, answers, and does nothing else.

It is forked from a small server that has the laws loaded, so it costs little memory. An error ends it with a
traceback on stderr, a hang ends with a kill from outside; neither reaches the agent or another law. It dies
with the agent.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from edge_agent.controllers.laws import Law, Said
from plant.control.controllers import Loc
from runtime.children import die_with_parent

_KILLED_WITHIN_S: Final = 2.0

Question = tuple[float, tuple[float, ...]]
"""Boot clock [s], and the values of the inputs in their order."""


def serve(make: Callable[[], Law], locs: Sequence[Loc], pipe: Connection) -> None:
    """Answer questions until the other end closes."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    law = make()
    said: Said | None = None
    while True:
        try:
            pipe.send(said)  # nothing said yet is the sign that the law is ready
            now_s, values = pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return  # the agent has gone
        said = law.step(dict(zip(locs, values, strict=True)), now_s)


class Worker:
    """The agent's end: one question at a time."""

    def __init__(self, name: str, make: Callable[[], Law], locs: Sequence[Loc]) -> None:
        """Start the process; blocks some tens of milliseconds, call it in a thread."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=serve, args=(make, tuple(locs), theirs), name=f"ems controller {name}", daemon=True
        )
        self._process.start()
        theirs.close()
        self._waits = True

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return self._process.pid

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._waits

    def fileno(self) -> int:
        """To be told of answers."""
        return self._pipe.fileno()

    def ask(self, question: Question) -> bool:
        """Send a question; False when the process has ended."""
        try:
            self._pipe.send(question)
        except OSError:
            return False
        self._waits = True
        return True

    def answer(self) -> Said | None:
        """Take the answer; None is the sign that the law is ready.

        Raises:
            EOFError: The process has ended.
            OSError: The same.
        """
        found: Said | None = self._pipe.recv()
        self._waits = False
        return found

    def end(self) -> int | None:
        """Kill the process and give its exit code; blocks until it is gone, call it in a thread."""
        self._process.kill()
        self._process.join(_KILLED_WITHIN_S)
        code = self._process.exitcode
        self._pipe.close()
        if code is not None:
            self._process.close()
        return code

    def exit_code(self) -> int | None:
        """How it ended by itself; None while it runs. Waits a moment for it to be gone."""
        self._process.join(0.2)
        return self._process.exitcode
