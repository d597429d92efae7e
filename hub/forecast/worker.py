"""The child process that learns and foresees: a pickled errand on stdin, the answer on stdout, then it ends.

It has the libraries (scikit-learn, pvlib, pandas), low priority and one thread; the hub itself never loads
them, and keeps the models as bytes. They are never written to a disk: after a start they are learnt anew.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from dataclasses import replace
from typing import Final

from hub.forecast.job import Foreseen, Job, work
from protocols.errors import ForecastError
from runtime.children import die_with_parent, step_back

KILL_S: Final = 300.0
"""A forecast that takes longer is ended; the last one stays. [s]"""

LEARN_KILL_S: Final = 900.0
"""The same where models are learnt, which takes some 20 s of a processor and yields to all others. [s]"""

_NICE: Final = 5
_NICE_LEARNING: Final = 12
"""Learning takes a fifteenth of a core that others want, foreseeing a quarter of it."""
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


async def foresee_apart(job: Job, models: bytes = b"", limit_s: float = KILL_S) -> Foreseen:
    """Do a job in a child process that is ended after `limit_s`, or when this is cancelled.

    Args:
        job: What is asked for, without models.
        models: Those of the last answer; empty: none.
        limit_s: Longest time. [s]

    Raises:
        ForecastError: The child died, or did not come to an end.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hub.forecast.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **_ONE_THREAD},
    )
    try:
        async with asyncio.timeout(limit_s):
            answer, _ = await child.communicate(await asyncio.to_thread(pickle.dumps, (job, models)))
    except TimeoutError as error:
        raise ForecastError(
            f"the forecast was not ready after {limit_s:.0f} s; the last one stays until it is too old"
        ) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0 or not answer:
        raise ForecastError(
            f"the process that makes forecasts ended with {child.returncode}; see its log above"
        )
    found = pickle.loads(answer)  # noqa: S301  from our own child over its own pipe
    if not isinstance(found, Foreseen):
        raise ForecastError("the process that makes forecasts answered something else")
    return found


def _main() -> None:
    die_with_parent()
    step_back(_NICE)  # while the libraries are loaded
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get into the answer
    job, models = pickle.load(sys.stdin.buffer)  # noqa: S301  from our own parent over its own pipe
    if job.train:
        step_back(_NICE_LEARNING - _NICE)
    answer = work(replace(job, learned=pickle.loads(models) if models else {}))  # noqa: S301  as above
    with os.fdopen(out, "wb") as pipe:
        pickle.dump(Foreseen(answer.start_ns, pickle.dumps(answer.learned), answer.found), pipe)


if __name__ == "__main__":
    _main()
