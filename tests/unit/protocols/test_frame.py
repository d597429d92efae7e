"""Frames and catalogues over the wire."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protocols.clock import Instant
from protocols.errors import ContractError
from protocols.frame import Bundle, Catalogue, Frame, decode_bundle, decode_catalogue, encode_bundle

AT = Instant("boot0", 1_000, 2_000)
CATALOGUE = Catalogue("demo", "comp1", ("power_kw", "state_code"), ("kW", "code"), ("measurement", "state"))


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    count = draw(st.integers(0, 50))
    values = draw(hnp.arrays(np.float64, count, elements=st.floats(width=64)))
    qualities = draw(hnp.arrays(np.uint8, count))
    whole = draw(st.booleans())
    indices = None if whole else draw(hnp.arrays(np.uint16, count))
    at = Instant(draw(st.text("0123456789abcdef", max_size=16)), draw(st.integers(0, 2**62)), 7)
    return Frame(draw(st.binary(min_size=8, max_size=8)), at, values, qualities, indices)


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


def test_the_layout_on_the_wire_has_not_changed(golden: Path) -> None:
    frame = Frame(CATALOGUE.hash(), AT, np.array([12.5, np.nan]), np.array([0, 129], np.uint8))
    packed = zstandard.ZstdDecompressor().decompress(
        encode_bundle(Bundle("edge1", "j0", 7, 5, (frame,))), max_output_size=10_000
    )
    assert packed.hex() == (golden / "bundle.hex").read_text().strip()
    assert CATALOGUE.encode().hex() == (golden / "catalogue.hex").read_text().strip()
