from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runtime.children import step_back

_ASK = "import os; from runtime.children import step_back; step_back(3); print(os.nice(0))"


def test_a_process_that_steps_back_lets_others_go_first() -> None:
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    assert int(done.stdout) == min(os.nice(0) + 3, 19)


def test_where_it_may_not_be_asked_for_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_by: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refuse)  # as the system calls of a hardened unit answer
    step_back(5)
