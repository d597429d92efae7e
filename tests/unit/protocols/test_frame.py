"""Frames and catalogues over the wire."""

from __future__ import annotations

from pathlib import Path

import msgpack
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protocols.clock import Instant
from protocols.errors import ContractError
from protocols.frame import Bundle, Catalogue, Frame, decode_bundle, decode_catalogue, encode_bundle
from protocols.source_time import LATEST_NS, SourceTimes

MS = 1_000_000
AT = Instant("boot0", 1_000, 2_000)
CATALOGUE = Catalogue("demo", "comp1", ("power_kw", "state_code"), ("kW", "code"), ("measurement", "state"))


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    count = draw(st.integers(0, 50))
    values = draw(hnp.arrays(np.float64, count, elements=st.floats(width=64)))
    qualities = draw(hnp.arrays(np.uint8, count))
    whole = draw(st.booleans())
    indices = None if whole else draw(hnp.arrays(np.uint16, count))
    wall_ns = draw(st.integers(0, LATEST_NS))
    at = Instant(draw(st.text("0123456789abcdef", max_size=16)), draw(st.integers(0, 2**62)), wall_ns)
    sources = draw(st.none() | source_times(count, wall_ns))
    return Frame(draw(st.binary(min_size=8, max_size=8)), at, values, qualities, indices, sources)


@st.composite
def source_times(draw: st.DrawFn, count: int, wall_ns: int) -> SourceTimes:
    """Told times near the poll or anywhere, whole milliseconds; 0 where none was told."""
    near = st.integers(-90_000, 5_000).map(lambda ms: min(max(wall_ns // MS + ms, 0), LATEST_NS // MS))
    told_ms = draw(hnp.arrays(np.int64, count, elements=near | st.integers(0, LATEST_NS // MS)))
    return SourceTimes(draw(st.integers(0, 10**6)) * MS, told_ms * MS)


@given(st.lists(frames(), max_size=5), st.integers(1, 2**53))
def test_every_bundle_comes_back_as_it_was_sent(sent: list[Frame], seq: int) -> None:
    got = decode_bundle(encode_bundle(Bundle("edge1", "j0", seq, 5, tuple(sent))))
    assert (got.edge, got.journal, got.seq, got.sent_unix_ns) == ("edge1", "j0", seq, 5)
    for before, after in zip(sent, got.frames, strict=True):
        assert (before.catalogue, before.at) == (after.catalogue, after.at)
        np.testing.assert_array_equal(before.values, after.values)
        np.testing.assert_array_equal(before.qualities, after.qualities)
        assert (before.indices is None) == (after.indices is None)
        if before.indices is not None and after.indices is not None:
            np.testing.assert_array_equal(before.indices, after.indices)
        assert (before.sources is None) == (after.sources is None)
        if before.sources is not None and after.sources is not None:
            assert before.sources.since_ns == after.sources.since_ns
            np.testing.assert_array_equal(before.sources.told_ns, after.sources.told_ns)
        np.testing.assert_array_equal(before.times_ns(), after.times_ns())


@given(frames())
def test_a_samples_time_lies_after_the_poll_before_and_never_after_the_poll(frame: Frame) -> None:
    times_ns, since_ns = frame.times_ns(), 0 if frame.sources is None else frame.sources.since_ns
    assert (times_ns <= frame.at.wall_ns).all()
    assert (times_ns > frame.at.wall_ns - max(since_ns, 1)).all()


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_and_never_crash(data: bytes) -> None:
    with pytest.raises(ContractError):
        decode_bundle(data)
    with pytest.raises(ContractError):
        decode_bundle(zstandard.compress(data))


def test_a_bundle_that_unpacks_beyond_its_bound_is_refused() -> None:
    with pytest.raises(ContractError, match="beyond its bound"):
        decode_bundle(zstandard.compress(b"\0" * 50_000_000))


def test_columns_of_unequal_length_are_refused() -> None:
    broken = Frame(b"12345678", AT, np.zeros(3), np.ones(2, np.uint8))
    with pytest.raises(ContractError, match="unequal length"):
        decode_bundle(encode_bundle(Bundle("edge1", "j0", 1, 5, (broken,))))


def test_a_catalogue_comes_back_and_its_hash_names_its_content() -> None:
    assert decode_catalogue(CATALOGUE.encode()) == CATALOGUE
    other = Catalogue("demo", "comp1", ("power_kw",), ("kW",), ("measurement",))
    assert other.hash() != CATALOGUE.hash()


def unpacked(bundle: Bundle) -> str:
    return zstandard.ZstdDecompressor().decompress(encode_bundle(bundle), max_output_size=10_000).hex()


FRAME = Frame(CATALOGUE.hash(), AT, np.array([12.5, np.nan]), np.array([0, 129], np.uint8))
STAMPED_AT = Instant("boot0", 1_000, 1_800_000_000_123_456_789)
STAMPED = Frame(
    CATALOGUE.hash(), STAMPED_AT, FRAME.values, FRAME.qualities, None,
    SourceTimes(1_000 * MS, np.array([1_800_000_000_100 * MS, 0])),
)  # fmt: skip


def test_the_layout_on_the_wire_has_not_changed(golden: Path) -> None:
    assert unpacked(Bundle("edge1", "j0", 7, 5, (FRAME,))) == (golden / "bundle.hex").read_text().strip()
    told = unpacked(Bundle("edge1", "j0", 7, 5, (STAMPED,)))
    assert told == (golden / "bundle_source_times.hex").read_text().strip()
    assert CATALOGUE.encode().hex() == (golden / "catalogue.hex").read_text().strip()


def test_samples_without_source_times_cost_no_byte_and_are_read_in_both_schemas(golden: Path) -> None:
    old, new = (bytes.fromhex((golden / name).read_text()) for name in ("bundle_schema1.hex", "bundle.hex"))
    assert old[2:] == new[2:]  # behind the head of the list and the number of the schema
    for data in (old, new):
        (frame,) = decode_bundle(zstandard.compress(data)).frames
        np.testing.assert_array_equal(frame.values, FRAME.values)
        assert frame.sources is None
        assert frame.times_ns().tolist() == [AT.wall_ns] * 2


def test_source_times_in_a_schema_that_has_none_are_refused(golden: Path) -> None:
    data = bytearray(bytes.fromhex((golden / "bundle_source_times.hex").read_text()))
    data[1] = 1
    with pytest.raises(ContractError, match="more parts"):
        decode_bundle(zstandard.compress(bytes(data)))


def test_a_schema_of_the_future_is_refused_by_its_number(golden: Path) -> None:
    data = bytearray(bytes.fromhex((golden / "bundle.hex").read_text()))
    data[1] = 3
    with pytest.raises(ContractError, match="schema 3 is not known here; known are 1 and 2"):
        decode_bundle(zstandard.compress(bytes(data)))


@given(st.one_of(st.none(), st.integers(), st.binary(max_size=20), st.lists(st.integers() | st.binary())))
def test_foreign_source_times_are_refused_and_never_crash(told: object) -> None:
    row = [2, "e", "j", 1, 5, [[b"12345678", "b", 1, AT.wall_ns, None, b"\0" * 16, None, told]]]
    try:
        data = msgpack.packb(row)
    except OverflowError:
        return
    with pytest.raises(ContractError):
        decode_bundle(zstandard.compress(data))


@pytest.mark.parametrize("told", [[-1, b"\0" * 8], [1, b"\0" * 7], [1, b"\xff" * 7 + b"\x7f" + b"\0" * 8]])
def test_source_times_that_cannot_be_are_refused(told: list[object]) -> None:
    row = [2, "e", "j", 1, 5, [[b"12345678", "b", 1, AT.wall_ns, None, b"\0" * 16, None, told]]]
    with pytest.raises(ContractError):
        decode_bundle(zstandard.compress(msgpack.packb(row)))
