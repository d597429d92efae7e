"""Bytes as the kernel counts them, on real connections."""

from __future__ import annotations

import socket

from protocols.links.kernel_counts import KernelCounts


def connection() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        return ours, listening.accept()[0]


def talk(ours: socket.socket, theirs: socket.socket, sent: int, heard: int) -> None:
    ours.sendall(bytes(sent))
    assert len(theirs.recv(sent, socket.MSG_WAITALL)) == sent
    theirs.sendall(bytes(heard))  # its acknowledgement of what it got comes with it
    assert len(ours.recv(heard, socket.MSG_WAITALL)) == heard


def test_connections_add_up_and_a_closed_one_keeps_what_was_seen() -> None:
    counts = KernelCounts()
    assert (counts.look().sent_bytes, counts.look().heard_bytes) == (0, 0)
    for round_ in (1, 2):
        ours, theirs = connection()
        with ours, theirs:
            counts.watch(ours)
            assert counts.look().sent_bytes == 50 * (round_ - 1)
            talk(ours, theirs, 50, 100)
            assert (counts.look().sent_bytes, counts.look().heard_bytes) == (50 * round_, 100 * round_)
        assert (counts.look().sent_bytes, counts.look().heard_bytes) == (50 * round_, 100 * round_)
    counts.settle()
    counts.watch(None)
    assert (counts.look().sent_bytes, counts.look().heard_bytes) == (100, 200)
