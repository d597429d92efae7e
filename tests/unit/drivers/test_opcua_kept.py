"""A question that is kept goes out with the bytes that the library would make each time."""

from __future__ import annotations

from asyncua import ua
from asyncua.ua import ua_binary
from asyncua.ua.attribute_ids import AttributeIds

from protocols.drivers.opcua.kept import Kept, _library_writer, encode_once


def _asked(nodes: list[ua.ReadValueId]) -> ua.ReadParameters:
    return ua.ReadParameters(MaxAge=0.0, TimestampsToReturn=ua.TimestampsToReturn.Source, NodesToRead=nodes)


def _by_the_library(asked: ua.ReadParameters) -> bytes:
    ua_binary.create_list_serializer = _library_writer
    for built in (ua_binary.create_type_serializer, ua_binary.create_dataclass_serializer):
        built.cache_clear()
    return ua_binary.struct_to_binary(asked)


def test_a_kept_question_is_encoded_once_and_as_the_library_does_it() -> None:
    ids = [ua.NodeId.from_string(text) for text in ("ns=2;i=1", "ns=2;s=p", "ns=3;i=70000")]
    wanted = [ua.ReadValueId(NodeId=one, AttributeId=AttributeIds.Value) for one in ids]
    kept = Kept(wanted)
    expected = _by_the_library(_asked(wanted))
    encode_once()
    first, again = (ua_binary.struct_to_binary(_asked(kept)) for _ in range(2))
    assert first == again == ua_binary.struct_to_binary(_asked(wanted)) == expected
    assert kept.written is not None
    assert kept.written in expected
    assert ua_binary.struct_to_binary(_asked(Kept([]))) == _by_the_library(_asked([]))
    encode_once()
