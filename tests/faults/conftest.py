"""What several rows stand on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gate.gate_plant import Plant, PlantDevice, folder, plant_rules


@pytest.fixture
def plant() -> Iterator[Plant]:
    """The gate before a plant in virtual time."""
    with folder() as where:
        plant = Plant(Path(where), plant_rules(), device=PlantDevice())
        plant.start()
        yield plant
        plant.store.close()


class Names:
    """What names are looked up as, one answer after the other; numbers are what they are."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self.connected: list[object] = []
        """Who was connected to, or was sent a datagram."""


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """A name server of this test; who is not in it is at 127.0.0.1, who has no address in it is not known."""
    made, real, connect, sendto = Names(), socket.getaddrinfo, socket.socket.connect, socket.socket.sendto

    def looked_up(host: str, port: int, *more: object, **named: object) -> list[Any]:
        try:
            return real(host, port, *more[:3], **{**named, "flags": socket.AI_NUMERICHOST})  # type: ignore[arg-type]  # as it came
        except OSError:
            made.asked.append(host)
        told = made.answers.get(host, [["127.0.0.1"]])
        now = told.pop(0) if len(told) > 1 else told[0]
        if not now:
            raise socket.gaierror(socket.EAI_NONAME, "no such name here")
        return [row for one in now for row in real(one, port, *more, **named)]  # type: ignore[arg-type]  # as above

    def connected(self: socket.socket, address: object) -> None:
        made.connected.append(address)
        connect(self, address)  # type: ignore[arg-type]  # as it came

    def sent(self: socket.socket, data: bytes, address: Any) -> int:  # noqa: ANN401  as asyncio calls it
        made.connected.append(address)
        return sendto(self, data, address)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(socket.socket, "sendto", sent)
    monkeypatch.setattr(socket.socket, "connect", connected)
    return made
