"""Bytes and CPU time of one message of the edge, against the plain ways of packing the same samples."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgpack
import numpy as np
import zstandard

from benchmarks.registry import Case, Figures, Result
from protocols.clock import Instant
from protocols.errors import ContractError
from protocols.frame import Bundle, Frame, decode_bundle, encode_bundle

POINTS: Final = 1000
_MESSAGES: Final = 40
_ROUNDS: Final = 5
_SEED: Final = 11
_START_NS: Final = 1_750_000_000_000_000_000
_T = TypeVar("_T")


def walk() -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Polls of 1,000 points, each a seeded walk with two decimals."""
    random = np.random.default_rng(_SEED)
    level = np.round(random.uniform(0.0, 400.0, POINTS), 2)
    polls = []
    for _ in range(_MESSAGES):
        level = np.round(level + np.round(random.normal(0.0, 0.05, POINTS), 2), 2)
        polls.append(level)
    return polls


def run() -> Result:
    """Measure ours and the peers on the same polls.

    Raises:
        ContractError: A decoded message is not what was encoded.
    """
    polls = walk()
    names = [f"demo/device{index // 20}/point{index % 20}" for index in range(POINTS)]
    bundles = [_bundle(poll, number) for number, poll in enumerate(polls)]
    rows = [_rows(names, poll, number) for number, poll in enumerate(polls)]
    ours = _measure(bundles, encode_bundle, decode_bundle, _same)
    return Result(
        ours,
        {
            "msgpack_dicts_zstd": _measure(rows, _pack, _unpack, lambda a, b: bool(a == b)),
            "json_zstd": _measure(rows, _dump, _load, lambda a, b: bool(a == b)),
        },
    )


def _measure(
    messages: list[_T],
    encode: Callable[[_T], bytes],
    decode: Callable[[bytes], _T],
    same: Callable[[_T, _T], bool],
) -> Figures:
    wire = [encode(message) for message in messages]
    if not all(same(message, decode(data)) for message, data in zip(messages, wire, strict=True)):
        raise ContractError("a message did not come back as it was sent")
    best_s = float("inf")
    for _ in range(_ROUNDS):
        begin_s = time.process_time()
        for message in messages:
            decode(encode(message))
        best_s = min(best_s, time.process_time() - begin_s)
    samples = POINTS * len(messages)
    return {
        "us_per_1000": best_s * 1e6 * 1000.0 / samples,
        "bytes_per_sample": sum(len(data) for data in wire) / samples,
    }


def _bundle(values: np.ndarray[tuple[int], np.dtype[np.float64]], number: int) -> Bundle:
    at = Instant("0123456789abcdef", number * 1_000_000_000, _START_NS + number * 1_000_000_000)
    frame = Frame(b"catalog8", at, values, np.zeros(len(values), np.uint8))
    return Bundle("edge1", "00112233445566778899aabbccddeeff", number, at.wall_ns, (frame,))


def _same(sent: Bundle, got: Bundle) -> bool:
    pairs = zip(sent.frames, got.frames, strict=True)
    return sent.seq == got.seq and all(np.array_equal(a.values, b.values) for a, b in pairs)


def _rows(
    names: list[str], values: np.ndarray[tuple[int], np.dtype[np.float64]], number: int
) -> list[dict[str, Any]]:
    at_ms = _START_NS // 1_000_000 + number * 1000
    return [
        {"point": name, "ts": at_ms, "value": value, "quality": 0}
        for name, value in zip(names, values.tolist(), strict=True)
    ]


def _pack(rows: list[dict[str, Any]]) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(bytes(msgpack.packb(rows)))


def _unpack(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgpack.unpackb(zstandard.ZstdDecompressor().decompress(data))
    return found


def _dump(rows: list[dict[str, Any]]) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(json.dumps(rows).encode())


def _load(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(zstandard.ZstdDecompressor().decompress(data))
    return found


CASE: Final = Case(
    "codec", "one poll of 1,000 points, packed, compressed and back", run, {"points": (POINTS,)}
)
