"""Local UDP addresses: where a socket towards a peer would stand, and which port is free there."""

from __future__ import annotations

import socket

from protocols.errors import ConfigError


def local_address(peer: str, port: int) -> tuple[str, int]:
    """Own address on the way to `peer`, with a free port that is not the peer's.

    Nothing is sent. The port is free now; whoever binds it should do so at once.

    Raises:
        ConfigError: There is no way to that address.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, port))
            host = str(probe.getsockname()[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
            free = int(probe.getsockname()[1])
    except OSError as error:
        raise ConfigError(f"there is no way to {peer}:{port}: {error.strerror}") from error
    return host, free
