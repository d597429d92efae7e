"""A running demo with its page: the address, the password, the process ids of its parts."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Demo:
    """One running demo.

    Attributes:
        address: Of the page.
        password: Of the person `admin`.
        pid: Process of the demo, the parent of all parts.
    """

    address: str
    password: str
    pid: int

    def hub(self) -> int:
        """Process id of the hub."""
        children = psutil.Process(self.pid).children()
        return next(one.pid for one in children if {"hub", "run"} <= set(one.cmdline()))


@contextmanager
def running_demo(state: Path) -> Iterator[Demo]:
    """`ems demo` until the block ends; all its parts end with it."""
    command = [sys.executable, "-m", "ems.main", "demo", f"--state={state}"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield _said(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()


def _said(process: subprocess.Popen[str]) -> Demo:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if found := re.search(r"page +(\S+)\s+login +admin / (\S+)", text):
            return Demo(found[1], found[2], process.pid)
    raise AssertionError(f"the demo ended at its start:\n{text}")
