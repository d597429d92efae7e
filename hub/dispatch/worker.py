"""The child process that solves one plan: a pickled task on stdin, the answer on stdout, then it ends.

A process of its own can be ended when it overruns, and a fault of the solver takes nothing else with it. It
is begun before there is a task (`spare`) and has its libraries by the time one comes, which is half of what
a plan takes on a busy machine; each does one task.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from hub.dispatch.solving import LIMIT_S, Accepted, Task, solve_task
from protocols.errors import SolveError
from runtime.children import die_with_parent, step_back

_OVERRUN_S: Final = 10.0
"""Start of the process, overrun of the solver and the forward run on top of the limit. [s]"""
KILL_S: Final = LIMIT_S + _OVERRUN_S
"""Longest life of the process. [s]"""
_LEAST_S: Final = 2.0
"""What is left for the search at least, however long the process took to begin. [s]"""
_NICE: Final = 5
"""A plan that only takes the place of one in force gives way to those who take in and command."""


@asynccontextmanager
async def spare() -> AsyncIterator[Process]:
    """A child that loads its libraries and waits for a task; it is ended with the block."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.dispatch.worker", stdin=PIPE, stdout=PIPE
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def solve_apart(task: Task, child: Process | None = None) -> Accepted:
    """Solve in a child process that is ended `_OVERRUN_S` after the task's limit, or when this is cancelled.

    Args:
        task: What is asked.
        child: One that waits (`spare`), and is ended by whoever began it; None or gone: a new one is begun.

    Raises:
        SolveError: No plan that may be used, the child died, or it did not come to an end.
    """
    if child is not None and child.returncode is None:
        return await _solved(task, child)
    async with spare() as fresh:
        return await _solved(task, fresh)


def begun_late(task: Task, late_s: float) -> Task:
    """The same, with what is left for it: who waits does not wait longer because the child began late."""
    return replace(task, limit_s=max(task.limit_s - late_s, min(_LEAST_S, task.limit_s)))


async def _solved(task: Task, child: Process) -> Accepted:
    kill_s = min(KILL_S, task.limit_s + _OVERRUN_S)
    try:
        async with asyncio.timeout(kill_s):
            answer, _ = await child.communicate(pickle.dumps((task, time.monotonic())))
    except TimeoutError as error:
        raise SolveError(
            f"the plan was not ready after {kill_s:.0f} s; the last plan stays in force",
            zh=f"计划在 {kill_s:.0f} 秒内未完成；沿用上一份计划",
        ) from error
    if child.returncode != 0 or not answer:
        raise SolveError(
            f"the process that makes plans ended with {child.returncode}; see its log above",
            zh=f"计划进程以 {child.returncode} 结束；参见其日志",
        )
    found = pickle.loads(answer)  # noqa: S301  from our own child over its own pipe
    if isinstance(found, SolveError):
        raise found
    if not isinstance(found, Accepted):
        raise SolveError("the process that makes plans answered something else", zh="计划进程的应答无法识别")
    return found


def _main() -> None:
    die_with_parent()
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get into the answer
    try:
        task, sent_s = pickle.load(sys.stdin.buffer)  # noqa: S301  from our own parent over its own pipe
    except EOFError:  # nobody will ask any more
        return
    if task.hint is not None and task.limit_s >= LIMIT_S:
        step_back(_NICE)
    late_s = time.monotonic() - sent_s  # one clock for all processes of a machine
    answer: Accepted | SolveError
    try:
        answer = solve_task(begun_late(task, late_s))
    except SolveError as error:
        answer = error
    with os.fdopen(out, "wb") as pipe:
        pickle.dump(answer, pipe)


if __name__ == "__main__":
    _main()
