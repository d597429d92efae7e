"""The quick way through an answer gives what the library gives, and refuses what it refuses."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer, NotEnoughData
from asyncua.ua import ua_binary
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from asyncua.ua.uaerrors import UaError
from hypothesis import given
from hypothesis import strategies as st

from protocols.drivers.opcua.plain import _library_reader, decode_plainly

INTEGERS = {
    ua.VariantType.SByte: (-(2**7), 2**7 - 1), ua.VariantType.Byte: (0, 2**8 - 1),
    ua.VariantType.Int16: (-(2**15), 2**15 - 1), ua.VariantType.UInt16: (0, 2**16 - 1),
    ua.VariantType.Int32: (-(2**31), 2**31 - 1), ua.VariantType.UInt32: (0, 2**32 - 1),
    ua.VariantType.Int64: (-(2**63), 2**63 - 1), ua.VariantType.UInt64: (0, 2**64 - 1),
}  # fmt: skip
times = st.datetimes(dt.datetime(1601, 1, 1), dt.datetime(2199, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001  with a zone below


@st.composite
def variants(draw: st.DrawFn) -> ua.Variant:
    kind = draw(
        st.sampled_from([*INTEGERS, ua.VariantType.Double, ua.VariantType.Float, ua.VariantType.String])
    )
    if kind in INTEGERS:
        return ua.Variant(draw(st.integers(*INTEGERS[kind])), kind)
    if kind is ua.VariantType.String:
        return ua.Variant(draw(st.text(max_size=5)), kind)
    return ua.Variant(draw(st.floats(width=32, allow_nan=False)), kind)


values = st.builds(
    ua.DataValue,
    st.one_of(variants(), st.lists(st.integers(0, 9), min_size=1, max_size=3).map(ua.Variant)),
    st.one_of(st.none(), st.integers(0, 2**32 - 1).map(lambda code: ua.StatusCode(ua.UInt32(code)))),
    st.one_of(st.none(), times),
    st.one_of(st.none(), times),
    st.one_of(st.none(), st.integers(0, 9999)),
)


@pytest.fixture(autouse=True, scope="module")
def _library_as_found() -> Iterator[None]:
    yield
    decode_plainly()


def _by_the_library(data: bytes) -> ua.ReadResponse:
    ua_binary._create_uatype_array_deserializer = _library_reader
    for built in (ua_binary._create_type_deserializer, ua_binary._create_dataclass_deserializer):
        built.cache_clear()
    return struct_from_binary(ua.ReadResponse, Buffer(data))


def _plainly(data: bytes) -> ua.ReadResponse:
    decode_plainly()
    return struct_from_binary(ua.ReadResponse, Buffer(data))


def _answer(results: list[ua.DataValue]) -> bytes:
    response = ua.ReadResponse()
    response.Results = results
    return struct_to_binary(response)


@given(st.lists(values, max_size=6))
def test_any_answer_is_decoded_as_by_the_library(results: list[ua.DataValue]) -> None:
    data = _answer(results)
    quick, library = _plainly(data), _by_the_library(data)
    assert quick.Results == library.Results
    assert [type(one.Value.Value) for one in quick.Results] == [
        type(one.Value.Value) for one in library.Results
    ]
    assert quick.DiagnosticInfos == library.DiagnosticInfos


def test_a_value_that_is_no_number_comes_through() -> None:
    (value,) = _plainly(_answer([ua.DataValue(ua.Variant(math.nan, ua.VariantType.Double))])).Results
    assert math.isnan(value.Value.Value)


def test_an_answer_that_ends_in_the_middle_of_a_value_is_refused_at_every_length() -> None:
    data = _answer([ua.DataValue(ua.Variant(1.5, ua.VariantType.Double))] * 3)
    for length in range(len(data)):
        with pytest.raises((NotEnoughData, UaError)):
            _plainly(data[:length])
