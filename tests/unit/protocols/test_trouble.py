"""What a box tells of its troubles, over versions of the agent."""

from __future__ import annotations

import msgpack
import pytest

from protocols.errors import ContractError
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.trouble import TROUBLE_TEXTS, Trouble, TroubleCode


def beat(*troubles: object) -> bytes:
    row = msgpack.unpackb(Heartbeat("edge1", "demo", 1, "b", 1, 1, 0).encode())
    return bytes(msgpack.packb({**row, "troubles": list(troubles)}))


def test_troubles_come_back_as_they_were_told() -> None:
    told = [
        Trouble(TroubleCode.DISK_FULL, "the disk is full"),
        Trouble(TroubleCode.CONTROLLER, "air is isolated"),
    ]
    sent = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, troubles=told)
    assert decode_heartbeat(sent.encode()).troubles == told


def test_a_sentence_of_an_older_agent_and_a_code_of_a_newer_one_are_kept_as_other() -> None:
    got = decode_heartbeat(beat("the disk is full", ["of_2030", "something new"])).troubles
    assert got == [(TroubleCode.OTHER, "the disk is full"), (TroubleCode.OTHER, "something new")]


@pytest.mark.parametrize("row", [3, [], ["disk_full"], [1, 2], ["disk_full", None], {"code": "disk_full"}])
def test_what_is_no_trouble_makes_no_heartbeat(row: object) -> None:
    with pytest.raises(ContractError):
        decode_heartbeat(beat(row))


def test_each_code_has_words_in_both_languages() -> None:
    assert set(TROUBLE_TEXTS) == set(TroubleCode)
    assert all(text.en and text.zh for text in TROUBLE_TEXTS.values())
