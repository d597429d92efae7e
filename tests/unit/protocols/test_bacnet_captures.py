"""What real stacks answered, byte for byte, through the driver once more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from protocols.drivers.bacnet.packet import Pdu, parse
from protocols.drivers.bacnet.services import i_am, notice
from protocols.quality import Quality
from tests.unit.protocols.bacnet_devices import driver_at, inputs, point, scripted

pytestmark = pytest.mark.net
FOLDER = Path(__file__).resolve().parents[2] / "captures" / "bacnet"
FILES = sorted(FOLDER.glob("*.txt"))


def lines(file: Path) -> list[tuple[str, bytes]]:
    """Sign and datagram of each line."""
    found = [line.split(" ", 1) for line in file.read_text(encoding="utf-8").splitlines()]
    return [(sign, bytes.fromhex(said)) for sign, said in found if sign in "<>"]


def exchanges(file: Path) -> Iterator[tuple[bytes, bytes]]:
    """Each request with the first answer of its invoke id."""
    known = lines(file)
    for at, (sign, sent) in enumerate(known):
        if sign == "<" or sent[6] != 0:
            continue
        for other, got in known[at + 1 :]:
            if other == "<" and got[6] >> 4 in {2, 3, 5, 6, 7} and got[7] == sent[8]:
                yield sent, got
                break


def test_there_are_captures_of_two_stacks() -> None:
    assert len(FILES) == 2


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_recorded_device_is_read_as_it_was(file: Path) -> None:
    answers = {sent[9:]: got for sent, got in exchanges(file)}

    def replay(data: bytes) -> list[bytes]:
        got = bytearray(answers[data[9:]])
        got[7] = data[8]
        return [bytes(got)]

    points = [
        *inputs(3),
        point("bi_kw", "binary-input", 1),
        point("ms_kw", "multi-state-input", 1),
        point("gone_kw", "analog-input", 999),
        point("av_kw", "analog-value", 1, commandable=True),
    ]
    async with scripted(replay) as (port, _), driver_at(port) as driver:
        for _ in range(2):  # the careful way, then the template
            reading = await driver.read(points)
            assert reading.values[[0, 2]].tolist() == [10.0, 30.0]
            assert 20.0 <= reading.values[1] <= 40.0
            assert reading.qualities.tolist() == [0, 0, 0, 0, 0, Quality.BAD_REFUSED, 0]
        many = await driver.read(inputs(100))
        assert np.delete(many.values, 1).tolist() == [10.0 * at for at in range(1, 101) if at != 2]
        assert not many.qualities.any()
        await asyncio.sleep(0)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_recorded_datagram_is_read(file: Path) -> None:
    told = set()
    for sign, data in lines(file):
        got = parse(data)
        if sign == "<" and got.pdu in {Pdu.CONFIRMED, Pdu.UNCONFIRMED}:
            told.add("i-am" if got.service == 0 else "notice")
            if got.service == 0:
                assert i_am(got.body).instance == 3001
            else:
                assert notice(got.body).device == 3001
    assert told == {"i-am", "notice"}
