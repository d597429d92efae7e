"""A second agent with the id of an edge is not the edge: what it says of itself moves nothing (fault E16)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client

from hub.command.issuer import LOWER_EPOCH_S, CommandIssuer
from hub.command.leader import Company, Leader
from hub.database import Sessions
from protocols.heartbeat import Heartbeat
from runtime.clock import VirtualClock


def beat(agent_epoch: int, *, read_only: bool = False) -> bytes:
    return Heartbeat("edge1", "demo", agent_epoch, "boot", 1, 0, 0, read_only=read_only).encode()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def issuer(sessions: Sessions, clock: VirtualClock) -> CommandIssuer:
    bus = Client()
    made = CommandIssuer("demo", ["edge1"], sessions, clock, 10.0)
    made.arm(
        Ed25519PrivateKey.generate(), bus, Leader(Company("demo", bus, sessions), clock, made.fence, 10.0)
    )
    return made


async def test_an_agent_that_only_reads_is_not_taken_for_the_edge(issuer: CommandIssuer) -> None:
    issuer.heard(beat(5))
    issuer.heard(beat(6, read_only=True))
    assert issuer.beats["edge1"].agent_epoch == 5


async def test_a_lower_epoch_is_not_believed_until_the_higher_one_was_silent(
    issuer: CommandIssuer, clock: VirtualClock
) -> None:
    issuer.heard(beat(5))
    clock.advance(LOWER_EPOCH_S - 1.0)
    issuer.heard(beat(4))
    assert issuer.beats["edge1"].agent_epoch == 5
    clock.advance(1.0)
    issuer.heard(beat(4))
    assert issuer.beats["edge1"].agent_epoch == 4, "a box that was made anew counts from one"
