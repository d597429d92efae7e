"""The child process that solves one plan: a pickled task on stdin, the answer on stdout, then it ends.

A process of its own can be ended when it overruns, and a fault of the solver takes nothing else with it.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from typing import Final

from hub.dispatch.solving import LIMIT_S, Accepted, Task, solve_task
from protocols.errors import SolveError
from runtime.children import die_with_parent, step_back

_OVERRUN_S: Final = 10.0
"""Start of the process, overrun of the solver and the forward run on top of the limit. [s]"""
KILL_S: Final = LIMIT_S + _OVERRUN_S
"""Longest life of the process. [s]"""
_NICE: Final = 5
"""A plan that only takes the place of one in force gives way to those who take in and command."""


async def solve_apart(task: Task) -> Accepted:
    """Solve in a child process that is ended `_OVERRUN_S` after the task's limit, or when this is cancelled.

    Raises:
        SolveError: No plan that may be used, the child died, or it did not come to an end.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hub.dispatch.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    kill_s = min(KILL_S, task.limit_s + _OVERRUN_S)
    try:
        async with asyncio.timeout(kill_s):
            answer, _ = await child.communicate(pickle.dumps(task))
    except TimeoutError as error:
        raise SolveError(
            f"the plan was not ready after {kill_s:.0f} s; the last plan stays in force"
        ) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0 or not answer:
        raise SolveError(f"the process that makes plans ended with {child.returncode}; see its log above")
    found = pickle.loads(answer)  # noqa: S301  from our own child over its own pipe
    if isinstance(found, SolveError):
        raise found
    if not isinstance(found, Accepted):
        raise SolveError("the process that makes plans answered something else")
    return found


def _main() -> None:
    die_with_parent()
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get into the answer
    task = pickle.load(sys.stdin.buffer)  # noqa: S301  from our own parent over its own pipe
    if task.hint is not None and task.limit_s >= LIMIT_S:
        step_back(_NICE)
    answer: Accepted | SolveError
    try:
        answer = solve_task(task)
    except SolveError as error:
        answer = error
    with os.fdopen(out, "wb") as pipe:
        pickle.dump(answer, pipe)


if __name__ == "__main__":
    _main()
