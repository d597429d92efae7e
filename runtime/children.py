"""Processes that end with their parent, even when the parent is killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
from typing import Final

from protocols.errors import ConfigError

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process `signal_number` when its parent dies; call it first thing.

    Linux only (prctl(2)); elsewhere nothing happens and the parent's own clean-up has to do.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal_number)
    except (OSError, AttributeError):
        return
    if os.getppid() == 1:
        os.kill(os.getpid(), signal_number)


def step_back(by: int) -> None:
    """Let other processes go first; where this may not be asked for (hardened units), it goes on as it is.

    Args:
        by: Steps of niceness, 1 to 19; see nice(2).
    """
    with contextlib.suppress(PermissionError):
        os.nice(by)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_port_free(host: str, port: int, what: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
    """Make sure nobody listens there yet.

    Raises:
        ConfigError: The port is taken, or the address is not of this machine.
    """
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"{what} cannot use {host}:{port}: {error.strerror}; "
                "stop the other program or choose another port"
            ) from error
