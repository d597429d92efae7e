"""Who may do what: every route of the OpenAPI document by every caller, on this site and a foreign one."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.access_rig import running_access
from benchmarks.registry import Case, Result
from benchmarks.rights_matrix import OPEN, wrong_cells, wrong_sockets
from benchmarks.served import served
from hub.api.app import openapi_document
from protocols.errors import ContractError


def run() -> Result:
    """Ask everything.

    Raises:
        ContractError: An answer is not what it must be; all of them are named.
    """
    return asyncio.run(_run())


async def _run() -> Result:
    with tempfile.TemporaryDirectory() as name:
        async with running_access(Path(name)) as access:
            callers = list(access.tokens)
            count, wrong = await wrong_cells(access, callers)
            async with served(access.api.deps) as address:
                sockets, shut = await wrong_sockets(access, f"ws://{address}", callers)
    routes = [route for methods in openapi_document()["paths"].values() for route in methods.values()]
    opened = {route["operationId"] for route in routes if "security" not in route}
    wrong += shut + [f"{name}: open without a sign-in" for name in sorted(opened - OPEN)]
    if wrong:
        raise ContractError("these answers are not what they must be:\n" + "\n".join(wrong))
    return Result({
        "cells": float(count + sockets), "wrong": float(len(wrong)), "routes": float(len(routes)),
        "callers": float(len(callers)), "open_routes": float(len(opened)),
    })  # fmt: skip


CASE: Final = Case("rights", "every route by every role and program, on the own and a foreign site", run)
