"""Every route of the OpenAPI document under fitting and broken questions: none ends in an error of ours."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.access_rig import running_access
from benchmarks.openapi_fuzz import Fuzzer
from benchmarks.registry import Case, Result
from hub.api.app import openapi_document
from protocols.errors import ContractError

EACH: Final = 60
"""Questions an operation; ten times as many where `EMS_NIGHTLY` is set."""
SLOW: Final = frozenset({
    "checkConfig", "checkConfigRows", "acceptConfig", "acceptConfigRows", "rollBackConfig", "addPerson",
    "renewPersonPassword", "login", "changePassword", "beginFactor", "dropFactor", "planWhy",
})  # fmt: skip
"""Operations whose fitting questions begin a process or make a hash; a fifth of the questions."""


def run() -> Result:
    """Ask everything.

    Raises:
        ContractError: A question ended in a 5xx, in a status its document does not name, or in no problem.
    """
    each = EACH * (10 if os.environ.get("EMS_NIGHTLY") else 1)
    return asyncio.run(_run(each))


async def _run(each: int) -> Result:
    fuzzer = Fuzzer(openapi_document(), seed=8)
    with tempfile.TemporaryDirectory() as name:
        async with running_access(Path(name)) as access:
            clock = access.api.clock

            def token() -> str:
                clock.advance(0.01)
                return access.tokens["admin"]

            await fuzzer.ask_all(access.api.client, token, lambda op: each // 5 if op in SLOW else each)
    found = fuzzer.found
    faults = [*found.server_errors, *found.undocumented, *found.shapeless]
    if faults:
        raise ContractError("these questions were not answered as they must be:\n" + "\n".join(faults[:40]))
    return Result({
        "requests": float(found.requests), "server_errors": float(len(found.server_errors)),
        "undocumented": float(found.undocumented.total()), "shapeless": float(found.shapeless.total()),
        "refused": float(sum(count for status, count in found.statuses.items() if status >= 400)),  # noqa: PLR2004  refusals
    })  # fmt: skip


CASE: Final = Case(
    "api_fuzz", "every route under questions made and broken from its document", run, {"each": (EACH,)}
)
