"""A configuration of the hub is checked in a process of its own first, so that polling does not wait for it.

To read a large file takes seconds of one processor, and part of that holds the interpreter: in the agent
itself every poll would be late meanwhile. The agent reads a configuration only when it passed here.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import signal
import sys
from typing import Final

from edge_agent.configuration_check import Refused, Staged, check_staged
from edge_agent.settings import Accepted
from protocols.configuration import Why
from protocols.errors import StoreError
from runtime.children import die_with_parent, step_back

CHECK_S: Final = 90.0
"""A configuration whose check takes longer is refused. [s]"""

_NICE: Final = 10


async def checked_apart(staged: Staged, now: Accepted) -> Accepted | Refused:
    """As `check_staged`; what is refused is never read in this process.

    Raises:
        StoreError: The machine gives no process.
    """
    refused = await _judged(staged, now)
    return await asyncio.to_thread(check_staged, staged, now) if refused is None else refused


async def _judged(staged: Staged, now: Accepted) -> Refused | None:
    question = await asyncio.to_thread(pickle.dumps, (staged, now))
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise StoreError(
            f"no process to check a configuration in: {error.strerror}; it is tried again"
        ) from error
    try:
        async with asyncio.timeout(CHECK_S):
            answer, _ = await process.communicate(question)
    except TimeoutError:
        return Refused(Why.NOT_VALID, f"to read it takes more than {CHECK_S:g} s; send less")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        return Refused(Why.NOT_VALID, f"the process that read it ended with {process.returncode}; send less")
    found = json.loads(answer)
    return None if found is None else Refused(Why(found[0]), found[1])


def main() -> None:
    """One question from stdin, one answer to stdout."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    step_back(_NICE)
    staged, now = pickle.load(sys.stdin.buffer)  # noqa: S301  from the agent that started this, over its own pipe
    found = check_staged(staged, now)
    json.dump([found.why.value, found.detail] if isinstance(found, Refused) else None, sys.stdout)


if __name__ == "__main__":
    main()
