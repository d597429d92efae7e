"""Commands, renewals, receipts, heartbeats and coverage: there and back, and refused when foreign."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocols.clock import Instant
from protocols.clock_note import ClockNote, decode_clock_note, is_clock_note
from protocols.command import (
    PURPOSE_COMMAND,
    PURPOSE_RENEWAL,
    Command,
    CommandKind,
    Echo,
    Level,
    Renewal,
    Step,
    decode_command,
    decode_renewal,
    lease_list_hash,
)
from protocols.coverage import Coverage, RangeSet, decode_coverage
from protocols.errors import ContractError, SignatureError
from protocols.gap import Gap, decode_gap, is_gap
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.receipt import Receipt, Refused, decode_receipt, encode_receipt, kind_of
from protocols.refusal import REFUSAL_TEXTS, Refusal
from protocols.signing import key_id, open_envelope, verify
from protocols.trouble import Trouble, TroubleCode

AT = Instant("boot0", 1_000, 2_000)
COMMAND = Command(
    v=1, id=b"0123456789abcdef", issuer="hub", key_id="00ff", site="demo", edge="edge1", agent_epoch=3,
    point="demo/comp1/role_set_code", kind=CommandKind.SET, value=2.0, unit="code", level=Level.OPTIMISER,
    start_in_s=0.0, lease_s=10.0, echo=Echo("boot0", 123_456), epoch=4, seq=9, revision=1, expect=None,
    cap_hash=b"h" * 16, reason="cheapest", actor="dispatch", steps=(Step(0.0, 2.0), Step(900.0, 1.0)),
)  # fmt: skip
RENEWAL = Renewal(1, "hub", "00ff", "demo", "edge1", 3, b"l" * 16, 10.0, Echo("boot0", 5), 4, 10)
GAP = Gap("edge1", "j0", 3, 9, 7, 4200)
NOTE = ClockNote("edge1", "boot0", 5, 1_700_000_000_000_000_000, synced=True)
HEARTBEAT = Heartbeat(
    "edge1", "demo", 3, "boot0", 123_456, 5, 4, ["aa"], {"comp1": "up"}, 7, 1, {"comp1": "ab"}, "j0",
    [Trouble(TroubleCode.DISK_FULL, "the disk is full")], 2, 3, 3, "00ff", ["devices/x.yaml"],
)  # fmt: skip


def _receipts() -> list[Receipt]:
    detail: dict[str, object] = {
        "lease_s": 10.0, "code": Refusal.LIMITS, "detail": "high 2", "start_in_s": 1.0, "value": 2.0,
        "expected": 2.0, "got": 1.0, "by": b"x" * 16, "late_s": 0.25,
    }  # fmt: skip
    made: list[Receipt] = []
    for kind in get_args(Receipt):
        names = [field.name for field in dataclasses.fields(kind)][4:]
        made.append(
            kind(b"i" * 16, "edge1", "demo/comp1/role_set_code", AT, *(detail[name] for name in names))
        )
    return made


def test_a_command_comes_back_as_it_was_signed() -> None:
    assert decode_command(COMMAND.body()) == COMMAND


def test_a_renewal_comes_back_as_it_was_signed() -> None:
    assert decode_renewal(RENEWAL.body()) == RENEWAL


@pytest.mark.parametrize("receipt", _receipts(), ids=kind_of)
def test_every_receipt_comes_back(receipt: Receipt) -> None:
    assert decode_receipt(encode_receipt(receipt)) == receipt


def test_a_heartbeat_and_a_coverage_come_back() -> None:
    assert decode_heartbeat(HEARTBEAT.encode()) == HEARTBEAT
    coverage = Coverage("edge1", "j0", ((1, 5), (7, 7)))
    assert decode_coverage(coverage.encode()) == coverage


@pytest.mark.parametrize(
    "decode",
    [
        decode_command,
        decode_renewal,
        decode_receipt,
        decode_heartbeat,
        decode_coverage,
        decode_gap,
        decode_clock_note,
    ],
)
@given(data=st.binary(max_size=120))
def test_foreign_bytes_are_refused(decode: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(ContractError):
        decode(data)


def test_a_field_too_many_is_refused() -> None:
    row = msgpack.unpackb(COMMAND.body())
    with pytest.raises(ContractError, match="has 27 fields"):
        decode_command(bytes(msgpack.packb([*row, 1])))


@pytest.mark.parametrize(
    ("field", "value"), [("v", 2), ("id", b"short"), ("kind", "jump"), ("value", "2"), ("seq", True)]
)
def test_a_field_of_the_wrong_kind_is_refused(field: str, value: object) -> None:
    row = msgpack.unpackb(COMMAND.body())
    row[[f.name for f in dataclasses.fields(Command)].index(field)] = value
    with pytest.raises(ContractError):
        decode_command(bytes(msgpack.packb(row)))


def test_a_number_that_is_not_finite_survives_so_that_the_gate_can_refuse_it() -> None:
    sent = dataclasses.replace(COMMAND, value=math.inf)
    assert decode_command(sent.body()).value == math.inf


def test_a_signature_binds_purpose_body_and_key() -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    name = key_id(key.public_key())
    body, signature = open_envelope(COMMAND.sealed(key))
    verify(PURPOSE_COMMAND, body, signature, {name: key.public_key()}, name)
    for purpose, data, keys in (
        (PURPOSE_RENEWAL, body, {name: key.public_key()}),
        (PURPOSE_COMMAND, body + b"\0", {name: key.public_key()}),
        (PURPOSE_COMMAND, body, {name: other.public_key()}),
        (PURPOSE_COMMAND, body, {}),
    ):
        with pytest.raises(SignatureError):
            verify(purpose, data, signature, keys, name)


def test_a_signed_command_stays_small() -> None:
    plain = dataclasses.replace(COMMAND, steps=())
    assert len(plain.sealed(Ed25519PrivateKey.generate())) < 300


def test_the_hash_of_leases_does_not_depend_on_their_order() -> None:
    assert lease_list_hash([b"a", b"b"]) == lease_list_hash([b"b", b"a"])


def test_every_refusal_has_a_sentence_in_both_languages() -> None:
    assert set(REFUSAL_TEXTS) == set(Refusal)
    assert all(text.en and text.zh for text in REFUSAL_TEXTS.values())


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 6))))
def test_a_range_set_covers_exactly_what_was_added(parts: list[tuple[int, int]]) -> None:
    ranges, model = RangeSet(), set[int]()
    for first, length in parts:
        ranges.add(first, first + length)
        model |= set(range(first, first + length + 1))
    assert {n for n in range(80) if n in ranges} == model
    assert ranges.count() == len(model)
    assert all(a[1] + 1 < b[0] for a, b in zip(ranges.ranges, ranges.ranges[1:], strict=False))


def test_the_layout_of_each_message_has_not_changed(golden: Path) -> None:
    messages = {
        "command": COMMAND.body(),
        "renewal": RENEWAL.body(),
        "heartbeat": HEARTBEAT.encode(),
        "coverage": Coverage("edge1", "j0", ((1, 5), (7, 7))).encode(),
        "gap": GAP.encode(),
        "clock_note": NOTE.encode(),
        **{f"receipt_{kind_of(r)}": encode_receipt(r) for r in _receipts()},
    }
    for name, data in messages.items():
        assert data.hex() == (golden / f"{name}.hex").read_text().strip(), name


def test_a_gap_record_comes_back_and_is_told_from_a_receipt() -> None:
    assert decode_gap(GAP.encode()) == GAP
    assert is_gap(GAP.encode())
    assert not any(is_gap(encode_receipt(receipt)) for receipt in _receipts())


def test_a_clock_note_comes_back_and_is_told_from_a_receipt() -> None:
    assert decode_clock_note(NOTE.encode()) == NOTE
    assert is_clock_note(NOTE.encode())
    assert not any(is_clock_note(body) for body in [GAP.encode(), *map(encode_receipt, _receipts())])


def test_a_trouble_of_an_older_agent_is_read_as_other() -> None:
    row = {**msgpack.unpackb(HEARTBEAT.encode()), "troubles": ["the disk is full"]}
    heard = decode_heartbeat(bytes(msgpack.packb(row)))
    assert heard == dataclasses.replace(HEARTBEAT, troubles=[Trouble(TroubleCode.OTHER, "the disk is full")])


def test_a_gap_record_of_the_version_before_is_read() -> None:
    old = bytes.fromhex("9801a3676170a56564676531a26a30030907cd1068")
    assert decode_gap(old) == GAP


@pytest.mark.parametrize("change", [{"first": 0}, {"last": 2}, {"rows": 0}, {"samples": -1}, {"last": 2**63}])
def test_a_gap_record_whose_numbers_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        decode_gap(dataclasses.replace(GAP, **change).encode())


def test_a_refusal_with_an_unknown_code_is_no_receipt() -> None:
    row = msgpack.unpackb(encode_receipt(next(r for r in _receipts() if isinstance(r, Refused))))
    row[8] = "because"
    with pytest.raises(ContractError, match="unknown code"):
        decode_receipt(msgpack.packb(row))


def test_a_refusal_keeps_its_code() -> None:
    refused = next(r for r in _receipts() if isinstance(r, Refused))
    got = decode_receipt(encode_receipt(refused))
    assert isinstance(got, Refused)
    assert got.code is Refusal.LIMITS
