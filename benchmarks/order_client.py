"""People at the hub's API: they sign in, order set-points, and see in the ledger what became of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import httpx
from nats.aio.msg import Msg
from sqlalchemy import select

from benchmarks.edge_orders import point
from benchmarks.hub_rig import SITE, HubRig
from hub.auth.passwords import hash_password
from hub.auth.tables import UserRow
from hub.ledger.moves import VERIFIED
from hub.ledger.tables import CommandRow
from protocols.errors import BusError, ContractError
from protocols.subjects import event

_ANSWER_S: Final = 20.0
_LOOK_S: Final = 0.1
_ACCEPTED: Final = 202
_UP_S: Final = 30.0


def order_body(number: int, value: float) -> dict[str, object]:
    """What a person asks for, as the API takes it."""
    return {
        "kind": "set", "target": point(number), "value": value, "unit": "°C", "for_s": 600, "reason": "bench",
    }  # fmt: skip


@dataclass(slots=True)
class OrderClient:
    """Some people, each with a token, on one connection.

    Attributes:
        rig: The hub.
        http: Connection to its API.
        tokens: One a person.
    """

    rig: HubRig
    http: httpx.AsyncClient
    tokens: list[str] = field(default_factory=list)
    _turn: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def sign_in(self, people: int) -> None:
        """Make so many operators and sign them in; waits for the API.

        Raises:
            BusError: The API does not answer within 30 s.
        """
        secret = self.rig.password
        async with self.rig.sessions.begin() as session:
            stored = await asyncio.to_thread(hash_password, secret)
            session.add_all(
                UserRow(name=f"op{at}", role="operator", password=stored, changed_ns=0)
                for at in range(people)
            )
        await self.rig.bus.subscribe(event(SITE, "command"), cb=self._on_moved)
        until_s = self.rig.clock.mono_s() + _UP_S
        while len(self.tokens) < people:
            try:
                who = {"username": f"op{len(self.tokens)}", "password": secret}
                answer = await self.http.post("/api/v1/auth/login", json=who)
                self.tokens.append(answer.raise_for_status().json()["access_token"])
            except httpx.TransportError as error:
                if self.rig.clock.mono_s() > until_s:
                    raise BusError(f"the API does not answer: {error}") from error
                await asyncio.sleep(_LOOK_S)

    async def ask(self, number: int, value: float) -> httpx.Response:
        """Order a value as the next person."""
        self._turn += 1
        token = self.tokens[self._turn % len(self.tokens)]
        return await self.http.post(
            f"/api/v1/sites/{SITE}/orders",
            json=order_body(number, value),
            headers={"Authorization": f"Bearer {token}"},
        )

    async def set(self, number: int, value: float) -> tuple[float, float]:
        """Order a value; seconds until the API has answered, and until the ledger says verified.

        Raises:
            ContractError: It was refused.
            BusError: It was not verified within 20 s.
        """
        begun_s = time.perf_counter()
        answer = await self.ask(number, value)
        asked_s = time.perf_counter() - begun_s
        if answer.status_code != _ACCEPTED:
            raise ContractError(f"the API refused an order: {answer.status_code} {answer.text}")
        await self._verified(answer.json()["id"])
        return asked_s, time.perf_counter() - begun_s

    async def _verified(self, ident: str) -> None:
        until_s = self.rig.clock.mono_s() + _ANSWER_S
        while self.rig.clock.mono_s() < until_s:
            self._moved.clear()
            async with self.rig.sessions() as session:
                wanted = select(CommandRow.verdict, CommandRow.code).where(CommandRow.order_id == ident)
                for verdict, code in await session.execute(wanted):
                    if verdict == VERIFIED:
                        return
                    if verdict is not None:
                        raise ContractError(f"order {ident} ended {verdict}: {code}")
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._moved.wait()
            except TimeoutError:
                continue
        raise BusError(f"order {ident} is not verified after {_ANSWER_S:g} s")

    async def _on_moved(self, _message: Msg) -> None:
        self._moved.set()
