"""For which machine a file of machine code was made, from its ELF header.

Source: System V ABI, chapter 4, ELF header: `e_ident` (16 bytes), `e_type`, `e_machine`; machine numbers
62 (EM_X86_64) and 183 (EM_AARCH64).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MACHINES: Final = {62: "amd64", 183: "arm64"}
"""`e_machine` to Debian's name of the architecture; others are told by their number."""

_MAGIC: Final = b"\x7fELF"
_HEAD_BYTES: Final = 20
_BIG_ENDIAN: Final = 2


def machine_of(head: bytes) -> str | None:
    """Architecture of a file by its first 20 bytes; None where it is no ELF file.

    Example:
        >>> machine_of(b"#!/bin/sh and so on ")
    """
    if len(head) < _HEAD_BYTES or not head.startswith(_MAGIC):
        return None
    (number,) = struct.unpack_from(">H" if head[5] == _BIG_ENDIAN else "<H", head, 18)
    return MACHINES.get(number, f"ELF machine {number}")


def machines_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every ELF file below `folder` with its architecture; links are not followed."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                machine = machine_of(file.read(_HEAD_BYTES))
            if machine is not None:
                yield path, machine
