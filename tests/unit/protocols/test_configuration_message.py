"""The desired configuration and the report of it: there and back, refused when foreign, the layout kept."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocols.clock import Instant
from protocols.configuration import (
    MOST_BYTES,
    PURPOSE_CONFIGURATION,
    WHY_TEXTS,
    Configuration,
    ConfigurationReport,
    Outcome,
    Why,
    decode_configuration,
    decode_configuration_report,
    digest,
    is_configuration_report,
)
from protocols.errors import ContractError
from protocols.signing import key_id, open_envelope, verify

FILES = {"sites/demo/edge1.yaml": b"a: 1\n", "devices/x.yaml": b"b: 2\n"}
CONFIGURATION = Configuration(3, "demo", "edge1", "00ff", 5, "A. Smith", "one more meter", FILES)
REPORT = ConfigurationReport(
    "edge1", 3, Outcome.ROLLED_BACK, Why.WORSE, "meter: 12 % good", "00ff", Instant("boot0", 7, 8)
)
names = st.from_regex(
    r"\A(devices/[a-z][a-z0-9_]{0,31}|sites/demo/[a-z][a-z0-9_]{0,31}(\.rules|\.controllers)?)\.yaml\Z"
)


@given(
    st.integers(0, 2**62 - 1),
    st.text(),
    st.dictionaries(names, st.binary(max_size=300), min_size=1, max_size=9),
)
def test_a_configuration_comes_back_as_it_was_signed(
    version: int, note: str, files: dict[str, bytes]
) -> None:
    made = Configuration(version, "demo", "edge1", "00ff", 5, "A. Smith", note, files)
    assert decode_configuration(made.body()) == made


@given(st.sampled_from(Outcome), st.sampled_from(Why), st.text(max_size=100), st.integers(0, 2**62 - 1))
def test_a_report_comes_back(outcome: Outcome, why: Why, detail: str, version: int) -> None:
    made = ConfigurationReport("edge1", version, outcome, why, detail, "00ff", Instant("boot0", 7, 8))
    assert decode_configuration_report(made.encode()) == made
    assert is_configuration_report(made.encode())


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    assert not is_configuration_report(data)
    for decode in (decode_configuration, decode_configuration_report):
        with pytest.raises(ContractError):
            decode(data)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "devices/../x.yaml",
        "sites/demo/write/../x.yaml",
        "devices/x.py",
        "x.yaml",
        "",
        "devices/x.rules.yaml",
        "sites/demo/write/x.rules.yaml",
        "sites/demo/x.other.yaml",
        "devices/x.yaml\n",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    made = Configuration(3, "demo", "edge1", "00ff", 5, "A. Smith", "", {path: b""})
    with pytest.raises(ContractError, match="is no path"):
        decode_configuration(made.body())


def test_a_small_message_that_grows_without_bound_is_refused() -> None:
    bomb = zstandard.ZstdCompressor(level=3).compress(bytes(50_000_000))
    assert len(bomb) < MOST_BYTES
    with pytest.raises(ContractError):
        decode_configuration(bomb)


def test_the_signature_covers_every_file() -> None:
    key = Ed25519PrivateKey.generate()
    body, signature = open_envelope(CONFIGURATION.sealed(key), MOST_BYTES)
    keys = {key_id(key.public_key()): key.public_key()}
    verify(PURPOSE_CONFIGURATION, body, signature, keys, key_id(key.public_key()))
    with pytest.raises(ContractError):
        verify(PURPOSE_CONFIGURATION, body + b"\0", signature, keys, key_id(key.public_key()))


def test_the_layout_on_the_wire_has_not_changed(golden: Path) -> None:
    plain = zstandard.ZstdDecompressor().decompress(CONFIGURATION.body(), max_output_size=10_000)
    assert msgpack.unpackb(plain)[0] == 1
    assert plain.hex() == (golden / "configuration.hex").read_text().strip()
    assert REPORT.encode().hex() == (golden / "configuration_report.hex").read_text().strip()


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    assert set(WHY_TEXTS) == set(Why)


def test_the_name_of_the_files_changes_with_any_of_them() -> None:
    assert (
        len({digest(FILES), digest({**FILES, "devices/x.yaml": b""}), digest({"devices/x.yaml": b""})}) == 3
    )
