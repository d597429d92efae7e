"""The child process that learns all curves of a site and keeps what came of it; low priority, one thread."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from hub.curves.in_force import keep_fits, learn_hub
from protocols.errors import EmsError, StoreError
from runtime.children import die_with_parent, step_back

KILL_S: Final = 1800.0
"""Learning that takes longer is ended; the fits before stay. [s]"""

_NICE: Final = 10
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


async def learn_apart(state: Path, site: str, limit_s: float = KILL_S) -> None:
    """Learn in a child process that is ended after `limit_s`, or when this is cancelled.

    Args:
        state: The hub's own folder.
        site: The site.
        limit_s: Longest time. [s]

    Raises:
        StoreError: The child could not learn; its reason is in the log.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(state), site, env={**os.environ, **_ONE_THREAD}
    )
    try:
        async with asyncio.timeout(limit_s):
            code = await child.wait()
    except TimeoutError as error:
        raise StoreError(f"curves were not learnt within {limit_s:.0f} s; the fits before stay") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code != 0:
        raise StoreError(f"the process that learns curves ended with {code}; see its words above")


def main() -> None:
    """Learn once: folder of the hub and site are the arguments."""
    die_with_parent()
    step_back(_NICE)
    state, site = Path(sys.argv[1]), sys.argv[2]
    try:
        keep_fits(state, site, learn_hub(state, site))
    except EmsError as error:
        sys.stderr.write(f"curves were not learnt: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
