"""A million Modbus frames of every wrong kind, half of them on each framing."""

from __future__ import annotations

import os
from typing import Final

from benchmarks.modbus_fuzz import Count, fuzz
from benchmarks.registry import Case, Result
from protocols.errors import ContractError

FRAMES: Final = 100_000
"""Frames a framing; a million where `EMS_NIGHTLY` is set."""

_NIGHTLY_FRAMES: Final = 1_000_000
_CHUNK: Final = 50_000


def run() -> Result:
    """Let both framings face the frames.

    Raises:
        ContractError: An answer was taken for another request's, something crashed or hung.
    """
    frames = _NIGHTLY_FRAMES if os.environ.get("EMS_NIGHTLY") else FRAMES
    seen = [fuzz(_CHUNK, seed, rtu=rtu) for rtu in (False, True) for seed in range(frames // _CHUNK)]
    figures = {
        "frames": float(sum(one.frames for one in seen)),
        "answers": float(sum(one.answers for one in seen)),
        "crashes": float(sum(one.crashes for one in seen)),
        "hangs": float(sum(one.hangs for one in seen)),
        "misattributed": float(sum(one.misattributed for one in seen)),
    }
    if figures["crashes"] or figures["hangs"] or figures["misattributed"]:
        raise ContractError(f"the client did not stand the fuzz: {_first_fault(seen)}")
    return Result(figures)


def _first_fault(seen: list[Count]) -> str:
    return next((one.wrong[0] for one in seen if one.wrong), "a question hung")


CASE: Final = Case(
    "edge_fuzz",
    "late, doubled, cut, foreign, noisy and lying Modbus frames against the client",
    run,
    {"framing": ("mbap", "rtu"), "frames": (FRAMES,)},
)
