from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from runtime.process import ProcessName, is_gone, own_name


def _name_of(pid: int) -> ProcessName:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return ProcessName(own_name().host, pid, int(fields[19]))


def test_a_process_is_gone_when_it_ended_and_not_while_it_is_only_stopped() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = _name_of(child.pid)
    try:
        child.send_signal(signal.SIGSTOP)
        assert not is_gone(name)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        assert is_gone(name)
    finally:
        child.kill()
        child.communicate()


def test_a_pid_that_was_given_to_another_process_is_not_the_one_before() -> None:
    me = own_name()
    assert not is_gone(me)
    assert is_gone(replace(me, started=me.started - 1))


def test_of_a_process_elsewhere_nothing_is_known() -> None:
    assert not is_gone(replace(own_name(), host="another boot", pid=2**22))
    assert not is_gone(ProcessName("", 2**22, 1))
