"""Asks why a plan is as it is: a child process answers, one question at a time, and answers are remembered.

The solver is loaded in the child only, so that the process that answers the page stays small, and a question
that takes too long is ended without harm.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from protocols.config import Text
from protocols.errors import SolveError

LIMIT_S: Final = 30.0
"""Longest answer; most take about a second. [s]"""
_REMEMBERED: Final = 200
_MOST_WAITING: Final = 8
"""More questions than this are not taken while one is worked on."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a plan.

    Attributes:
        plan_id: Which plan; its answers never change.
        made: What it was made from and became, as `optimizer.written` packs it.
        unit: Machine asked about; None asks what is short, and why.
        step: Step asked about.
        labels: Machine to what people call it.
        zone: IANA name of the zone times are told in.
    """

    plan_id: str
    made: str
    unit: str | None = None
    step: int = 0
    labels: Mapping[str, Text] = field(default_factory=dict)
    zone: str = "UTC"

    def written(self) -> bytes:
        """For the child."""
        labels = {name: text.model_dump() for name, text in self.labels.items()}
        asked = {"made": self.made, "unit": self.unit, "step": self.step, "labels": labels, "zone": self.zone}
        return json.dumps(asked).encode()


class Asker:
    """Answers questions; made once for a process."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._one = asyncio.Lock()
        self._waiting = 0
        self._known: OrderedDict[tuple[str, str | None, int], dict[str, Any]] = OrderedDict()

    async def ask(self, question: Question) -> dict[str, Any]:
        """The answer; who asks while another question is worked on waits for its end.

        Raises:
            SolveError: There is no answer; the message says why.
        """
        if self._waiting >= _MOST_WAITING:
            raise SolveError(
                f"{self._waiting} questions about plans are waiting already; ask again",
                zh=f"已有 {self._waiting} 个关于计划的问题在等待；请稍后再问",
            )
        self._waiting += 1
        try:
            async with self._one:
                return await self._known_or_asked(question)
        finally:
            self._waiting -= 1

    async def _known_or_asked(self, question: Question) -> dict[str, Any]:
        key = (question.plan_id, question.unit, question.step)
        if key not in self._known:
            self._known[key] = await _answered(question, self._limit_s)
        self._known.move_to_end(key)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]


async def _answered(question: Question, limit_s: float) -> dict[str, Any]:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "hub.dispatch.answering")
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        async with asyncio.timeout(limit_s):
            answer, _ = await child.communicate(question.written())
    except TimeoutError as error:
        raise SolveError(
            f"no explanation within {limit_s:.0f} s; ask again", zh=f"{limit_s:.0f} 秒内没有得到解释；请再试"
        ) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0 or not answer:
        raise SolveError(
            f"the process that explains plans ended with {child.returncode}; see its log",
            zh=f"解释计划的进程以 {child.returncode} 结束；参见其日志",
        )
    said: dict[str, Any] = json.loads(answer)
    if "refused" in said:
        raise SolveError(said["refused"], zh=said["refused_zh"])
    return said
