"""Bytes of BACnet against an independent codec (bacpypes3), and the fast way against the careful one."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from bacpypes3.apdu import (
    APDU,
    ConfirmedCOVNotificationRequest,
    IAmRequest,
    ReadPropertyACK,
    ReadPropertyMultipleRequest,
    ReadPropertyRequest,
    SubscribeCOVRequest,
    WhoIsRequest,
    WritePropertyRequest,
)
from bacpypes3.basetypes import PropertyValue, StatusFlags
from bacpypes3.constructeddata import Any, SequenceOf
from bacpypes3.pdu import PDU
from bacpypes3.primitivedata import (
    Boolean,
    CharacterString,
    Double,
    Enumerated,
    Integer,
    Null,
    Real,
    Unsigned,
)
from hypothesis import given
from hypothesis import strategies as st

from protocols.drivers.bacnet import multiple, packet, services, values
from protocols.drivers.bacnet.codec import Scaling, encode_number
from protocols.drivers.bacnet.multiple import Rows, decode, encode, most_objects
from protocols.drivers.bacnet.tags import ObjectId
from protocols.errors import BadAnswerError, DeviceRefusedError
from protocols.quality import Quality
from tests.unit.protocols.bacnet_devices import inputs, point

AI = ObjectId(0, 1)


def body_of(apdu: APDU) -> bytes:
    """Service parameters as bacpypes3 encodes them."""
    return bytes(apdu.encode().pduData)


def parsed(kind: type[APDU], body: bytes) -> APDU:
    """A request, read by bacpypes3 from the octets of its whole APDU."""
    if issubclass(kind, WhoIsRequest):
        datagram = packet.unconfirmed(kind.service_choice, body)
    else:
        datagram = packet.confirmed(packet.Peer("127.0.0.1", 1), 5, kind.service_choice, body)
    return kind.decode(APDU.decode(PDU(datagram[6:])))


def row(at: int, value: bytes, flags: int = 0) -> bytes:
    """One object of an answer to ReadPropertyMultiple, written out by hand."""
    head = b"\x0c" + struct.pack(">I", at) + b"\x1e"
    return head + b"\x29\x55\x4e" + value + b"\x4f\x29\x6f\x4e\x82\x04" + bytes((flags,)) + b"\x4f\x1f"


def real(value: float) -> bytes:
    return b"\x44" + struct.pack(">f", value)


def test_requests_are_what_bacpypes3_reads() -> None:
    read = parsed(ReadPropertyRequest, services.read_property(ObjectId(8, 4194302), 97, 3))
    assert (*map(int, read.objectIdentifier), int(read.propertyIdentifier)) == (8, 4194302, 97)
    assert read.propertyArrayIndex == 3
    many = parsed(ReadPropertyMultipleRequest, encode([AI, ObjectId(19, 70000)]))
    asked = [
        (
            *map(int, spec.objectIdentifier),
            [int(ref.propertyIdentifier) for ref in spec.listOfPropertyReferences],
        )
        for spec in many.listOfReadAccessSpecs
    ]
    assert asked == [(0, 1, [85, 111]), (19, 70000, [85, 111])]
    cov = parsed(SubscribeCOVRequest, services.subscribe_cov(7, AI, 300, confirmed=True))
    assert (cov.subscriberProcessIdentifier, bool(cov.issueConfirmedNotifications), cov.lifetime) == (
        7,
        True,
        300,
    )
    gone = parsed(SubscribeCOVRequest, services.subscribe_cov(7, AI, None, confirmed=True))
    assert gone.issueConfirmedNotifications is None
    who = parsed(WhoIsRequest, services.who_is(0, 4194302))
    assert (who.deviceInstanceRangeLowLimit, who.deviceInstanceRangeHighLimit) == (0, 4194302)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("analog-value", 5.5, Real(5.5)),
        ("binary-value", 1.0, Enumerated(1)),
        ("multi-state-output", 300.0, Unsigned(300)),
        ("integer-value", -40.0, Integer(-40)),
        ("integer-value", 128.0, Integer(128)),
        ("positive-integer-value", 70000.0, Unsigned(70000)),
        ("large-analog-value", 1e300, Double(1e300)),
        ("analog-value", None, Null(())),
    ],
)
def test_a_write_is_what_bacpypes3_reads(kind: str, value: float | None, expected: object) -> None:
    spec = point("set_kw", kind, 4, commandable=True)
    body = services.write_property(AI, encode_number(spec, value), 10)
    got = parsed(WritePropertyRequest, body)
    assert got.priority == 10
    assert got.propertyValue.cast_out(type(expected)) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("analog-value", math.inf), ("analog-value", math.nan), ("analog-value", 1e39), ("binary-value", 2.0),
        ("multi-state-value", -1.0), ("positive-integer-value", 2.0**32), ("integer-value", -(2.0**31)),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_object_is_refused(kind: str, value: float) -> None:
    with pytest.raises(DeviceRefusedError):
        encode_number(point("set_kw", kind, 4), value)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (Real(1.5), 1.5), (Double(1e300), 1e300), (Unsigned(70000), 70000), (Integer(-200), -200),
        (Enumerated(1), 1), (Boolean(1), 1), (Boolean(0), 0),
    ],
)  # fmt: skip
def test_every_kind_of_number_is_read_as_bacpypes3_writes_it(value: object, number: float) -> None:
    answer = ReadPropertyACK(
        objectIdentifier=("analog-input", 1), propertyIdentifier=85, propertyValue=Any(value)
    )
    inner = services.property_value(body_of(answer), AI, 85)
    assert values.one_number(inner) == number


def test_an_answer_for_another_object_property_or_index_is_refused() -> None:
    answer = ReadPropertyACK(
        objectIdentifier=("analog-input", 1),
        propertyIdentifier=87,
        propertyArrayIndex=10,
        propertyValue=Any(Real(1)),
    )
    body = body_of(answer)
    assert values.one_number(services.property_value(body, AI, 87, 10)) == 1
    for of, prop, index in ((ObjectId(0, 2), 87, 10), (AI, 85, 10), (AI, 87, 9), (AI, 87, None)):
        with pytest.raises(BadAnswerError):
            services.property_value(body, of, prop, index)
    with pytest.raises(BadAnswerError):
        services.property_value(body + b"\x00", AI, 87, 10)


def test_a_text_is_no_number_and_reads_as_text() -> None:
    for said in ("Vorlauf °C", "冷水机组"):
        answer = ReadPropertyACK(
            objectIdentifier=("analog-input", 1),
            propertyIdentifier=77,
            propertyValue=Any(CharacterString(said)),
        )
        inner = services.property_value(body_of(answer), AI, 77)
        assert values.one_text(inner) == said
        with pytest.raises(BadAnswerError):
            values.one_number(inner)


def test_notifications_and_i_am_are_read_as_bacpypes3_writes_them() -> None:
    said = ConfirmedCOVNotificationRequest(
        subscriberProcessIdentifier=7,
        initiatingDeviceIdentifier=("device", 3001),
        monitoredObjectIdentifier=("analog-input", 1),
        timeRemaining=200,
        listOfValues=SequenceOf(PropertyValue)(
            [
                PropertyValue(propertyIdentifier="presentValue", value=Any(Real(2.5))),
                PropertyValue(propertyIdentifier="statusFlags", value=Any(StatusFlags([0, 1, 0, 1]))),
            ]
        ),
    )
    assert services.notice(body_of(said)) == services.Notice(7, 3001, AI, 200, 2.5, 0x50)
    hello = IAmRequest(
        iAmDeviceIdentifier=("device", 3001),
        maxAPDULengthAccepted=1024,
        segmentationSupported=3,
        vendorID=999,
    )
    assert services.i_am(body_of(hello)) == services.IAm(3001, 1024, 3, 999)


OBJECTS = tuple(ObjectId(0, at) for at in range(4))
NUMBERS = st.one_of(
    st.floats(width=32).map(real),
    st.integers(0, 255).map(lambda n: bytes((0x21, n))),
    st.integers(0, 255).map(lambda n: bytes((0x91, n))),
    st.integers(256, 65535).map(lambda n: b"\x22" + n.to_bytes(2, "big")),
    st.just(b"\x00"),
    st.just(b"\x11"),
)
ROWS = st.lists(st.tuples(NUMBERS, st.integers(0, 15).map(lambda f: f << 4)), min_size=4, max_size=4)


@given(ROWS, ROWS)
def test_the_template_says_what_the_careful_way_says_or_nothing(
    first: list[tuple[bytes, int]], second: list[tuple[bytes, int]]
) -> None:
    one, two = (b"".join(row(at, *cell) for at, cell in enumerate(cells)) for cells in (first, second))
    template = decode(one, OBJECTS)[1]
    quick, careful = template.take(two) if template else None, decode(two, OBJECTS)[0]
    if quick is not None:
        assert np.array_equal(quick.values, careful.values, equal_nan=True)
        assert quick.flags.tolist() == careful.flags.tolist() == [flags for _, flags in second]
        assert quick.qualities.tolist() == careful.qualities.tolist()


def test_the_template_is_used_for_numbers_that_keep_their_places() -> None:
    kinds = (real, real, lambda n: bytes((0x91, int(n))), real)
    one, two = (b"".join(row(at, kind(n + at)) for at, kind in enumerate(kinds)) for n in (1.0, 60.0))
    template = decode(one, OBJECTS)[1]
    assert template is not None
    rows = template.take(two)
    assert rows is not None
    assert rows.values.tolist() == [60.0, 61.0, 62.0, 63.0]
    assert template.take(two[:-1]) is None
    assert template.take(two.replace(b"\x0c\x00\x00\x00\x02", b"\x0c\x00\x00\x00\x03")) is None


def test_an_answer_in_another_order_or_with_more_or_less_is_refused() -> None:
    rows = [row(at, real(at)) for at in range(4)]
    for wrong in ([1, 0, 2, 3], [0, 1, 2], [0, 1, 2, 3, 3]):
        with pytest.raises(BadAnswerError):
            decode(b"".join(rows[at] for at in wrong), OBJECTS)


def test_a_bad_object_or_value_is_bad_alone() -> None:
    bad = b"\x0c\x00\x00\x00\x01\x1e\x29\x55\x5e\x91\x01\x91\x1f\x5f\x29\x6f\x5e\x91\x01\x91\x1f\x5f\x1f"
    text = row(2, b"\x73\x00\x41\x42")
    body = row(0, real(1)) + bad + text + row(3, real(4), 0x10)
    rows, template = decode(body, OBJECTS)
    assert rows.qualities.tolist() == [0, Quality.BAD_REFUSED, Quality.BAD_ANSWER, 0]
    assert rows.flags.tolist() == [0, 0, 0, 0x10]
    assert template is None
    rows, template = decode(row(0, real(1)) + bad, OBJECTS[:2])
    assert template is not None
    again = template.take(row(0, real(9)) + bad)
    assert again is not None
    assert again.values[0] == 9
    assert again.qualities.tolist() == [0, Quality.BAD_REFUSED]


def test_requests_fit_what_the_device_takes() -> None:
    for apdu in (50, 128, 206, 480, 1024, 1476):
        count = most_objects(apdu, 1476)
        assert multiple.REQUEST_HEAD_BYTES + len(encode([AI] * count)) <= max(apdu, 15)
        answer = b"".join(row(at, real(at)) for at in range(count))
        assert multiple.ANSWER_HEAD_BYTES + len(answer) <= apdu


def test_status_flags_and_reliability_become_qualities() -> None:
    points = [
        *inputs(6),
        point("high_kw", "analog-input", 7, high=5),
        point("na_kw", "analog-input", 8, not_available=(7,)),
    ]
    rows = Rows(
        np.array([1.0, 1.0, 1.0, 1.0, 1.0, math.nan, 7.0, 7.0]),
        np.array([0x80, 0x40, 0x20, 0x10, 0x40, 0, 0x10, 0], np.uint8),
        np.array([0, 0, 0, 0, 0, 0, 0, 0], np.uint8),
    )
    reading = Scaling(points).judge(rows, {4: 12})
    assert reading.qualities.tolist() == [
        Quality.GOOD, Quality.BAD_DEVICE, Quality.UNCERTAIN_DEVICE, Quality.UNCERTAIN_DEVICE,
        Quality.BAD_UNREACHABLE, Quality.BAD_NOT_AVAILABLE, Quality.BAD_RANGE, Quality.BAD_NOT_AVAILABLE,
    ]  # fmt: skip
    assert np.array_equal(np.isnan(reading.values), reading.qualities >= 128)


def test_a_number_that_overflows_its_unit_is_not_available() -> None:
    rows = Rows(np.array([1e308]), np.zeros(1, np.uint8), np.zeros(1, np.uint8))
    reading = Scaling([point("big_kw", "large-analog-value", 1, scale=1e3)]).judge(rows)
    assert reading.qualities.tolist() == [Quality.BAD_NOT_AVAILABLE]
    assert math.isnan(reading.values[0])
