"""Seeded mutations of captured answers: no crash, and no value for an object it does not belong to."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from protocols.drivers.bacnet import services, values
from protocols.drivers.bacnet.client import BacnetClient
from protocols.drivers.bacnet.multiple import Template, decode
from protocols.drivers.bacnet.packet import Pdu, Service, parse
from protocols.drivers.bacnet.tags import ObjectId
from protocols.errors import BadAnswerError

FOLDER = Path(__file__).resolve().parents[2] / "captures" / "bacnet"
FRAMES = 50_000
NIGHTLY_FRAMES = 1_000_000
ROW_BYTES = 23


def datagrams() -> list[bytes]:
    """Every different datagram that was received, and the shorter ones as a BBMD or a router brings them."""
    texts = [file.read_text(encoding="utf-8").splitlines() for file in sorted(FOLDER.glob("*.txt"))]
    plain = sorted({bytes.fromhex(line[2:]) for text in texts for line in text if line.startswith("< ")})
    short = [data[4:] for data in plain if len(data) < 100]
    forwarded = [
        b"\x81\x04" + (len(one) + 10).to_bytes(2, "big") + b"\x7f\0\0\x01\xba\xc0" + one for one in short
    ]
    routed = [
        b"\x81\x0a" + (len(one) + 8).to_bytes(2, "big") + b"\x01\x08\x07\xd1\x01\x05" + one[2:]
        for one in short
    ]
    return [*plain, *forwarded, *routed]


def mutated(data: bytes, dice: random.Random) -> bytes:
    """One to four octets changed, cut, doubled or put in; the length told truly three times in four."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out))
        kind = dice.randrange(5)
        if kind == 0:
            out[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            out[at] = dice.randrange(256)
        elif kind == 2:
            del out[at : at + dice.randint(1, 8)]
        elif kind == 3:
            out[at:at] = out[at : at + dice.randint(1, 8)]
        else:
            out[at:at] = dice.randbytes(dice.randint(1, 4))
        if not out:
            return b""
    if len(out) >= 4 and dice.random() < 0.75:
        out[2:4] = len(out).to_bytes(2, "big")
    return bytes(out)


def listed(body: bytes) -> list[tuple[ObjectId, float]]:
    """Objects and float32 values of an answer, found in another way: by the octets of one row."""
    found, at = [], 0
    while at + 17 <= len(body) and body[at] == 0x0C and body[at + 5 : at + 10] == b"\x1e\x29\x55\x4e\x44":
        whole = int.from_bytes(body[at + 1 : at + 5], "big")
        value = np.frombuffer(body[at + 10 : at + 14], ">f4")[0]
        found.append((ObjectId(whole >> 22, whole & 0x3FFFFF), float(value)))
        at += ROW_BYTES
    return found


class Judge:
    """Gives each datagram to all that reads datagrams and holds what comes out against another way."""

    def __init__(self) -> None:
        self.client = BacnetClient()
        self.client.on_notice.append(lambda _, said: said.device == 3001)
        self.known: dict[int, tuple[tuple[ObjectId, ...], Template]] = {}
        for data in datagrams():
            got = parse(data)
            if got.pdu is Pdu.COMPLEX_ACK and got.service == Service.READ_PROPERTY_MULTIPLE:
                objects = tuple(one for one, _ in listed(got.body))
                if objects and len(got.body) == ROW_BYTES * len(objects):
                    template = decode(got.body, objects)[1]
                    assert template is not None
                    self.known[len(objects)] = (objects, template)
        assert self.known
        self.values = self.refused = 0

    def take(self, data: bytes) -> None:
        """Read one datagram in every way there is."""
        self.client._take(data, ("127.0.0.1", 47808))
        try:
            body = parse(data).body
        except BadAnswerError:
            return
        services.error_codes(body)
        for read in (services.notice, services.i_am, values.objects, values.one_number, values.one_text,
                     values.one_whole, values.one_bit_string, values.status_flags):  # fmt: skip
            try:
                read(body)
            except BadAnswerError:
                self.refused += 1
        try:
            services.property_value(body, ObjectId(0, 2), 85)
        except BadAnswerError:
            self.refused += 1
        for objects, template in self.known.values():
            self._multiple(body, objects, template)

    def _multiple(self, body: bytes, objects: tuple[ObjectId, ...], template: Template) -> None:
        quick = template.take(body)
        try:
            rows = decode(body, objects)[0]
        except BadAnswerError:
            assert quick is None, "the fast way took what the careful way refuses"
            return
        if quick is not None:
            assert np.array_equal(quick.values, rows.values, equal_nan=True)
            assert np.array_equal(quick.flags, rows.flags)
            plain = listed(body)
            assert [one for one, _ in plain] == list(objects), "a value for an object it does not belong to"
            assert np.array_equal(rows.values, [value for _, value in plain], equal_nan=True)
            self.values += 1


def fuzz(frames: int, seed: int) -> Judge:
    """Mutate `frames` datagrams."""
    dice, judge, seeds = random.Random(seed), Judge(), datagrams()  # noqa: S311  the same frames each time
    for _ in range(frames):
        judge.take(mutated(dice.choice(seeds), dice))
    return judge


@pytest.mark.timeout(60)
def test_fifty_thousand_mutated_datagrams_crash_nothing_and_no_value_moves() -> None:
    judge = fuzz(FRAMES, 20260101)
    assert judge.client.counts.malformed > 0
    assert judge.values > 0
    assert judge.refused > 0


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_a_million_mutated_datagrams_crash_nothing_and_no_value_moves() -> None:
    judge = fuzz(NIGHTLY_FRAMES, 20260102)
    assert judge.values > 0
