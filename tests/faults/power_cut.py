"""A disk that can be cut off: each write of SQLite is recorded, and any state a power cut may leave is made.

A VFS named `powercut` stands before SQLite's own; `Path("x.db?vfs=powercut")` opens a database through it.
After a cut, of each file there is all that was synced, and of what came later any sectors of 512 bytes.
A file that was deleted is gone for good with the next sync of any file, as on a file system with a journal.
"""

from __future__ import annotations

import ctypes as ct
import ctypes.util
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.needs import missing

SECTOR = 512
SQLITE_FULL = 13
_OPEN = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_void_p, ct.c_void_p, ct.c_int, ct.c_void_p)
_DELETE = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_char_p, ct.c_int)
_WRITE = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_void_p, ct.c_int, ct.c_int64)
_TRUNCATE = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_int64)
_SYNC = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_int)


class _Vfs(ct.Structure):
    _fields_ = [
        ("version", ct.c_int), ("file_size", ct.c_int), ("path_length", ct.c_int), ("next", ct.c_void_p),
        ("name", ct.c_char_p), ("data", ct.c_void_p), ("open", _OPEN), ("delete", _DELETE),
        ("rest", ct.c_void_p * 14),
    ]  # fmt: skip


class _Methods(ct.Structure):
    _fields_ = [
        ("version", ct.c_int), ("close", ct.c_void_p), ("read", ct.c_void_p), ("write", _WRITE),
        ("truncate", _TRUNCATE), ("sync", _SYNC), ("rest", ct.c_void_p * 13),
    ]  # fmt: skip


@dataclass(frozen=True)
class Op:
    """One change of one file; `sync` has neither data nor size."""

    name: str
    kind: str
    offset: int = 0
    data: bytes = b""


@dataclass
class Disk:
    """Recorded changes; `refuse` makes the n-th write from now on fail as a full disk does."""

    ops: list[Op] = field(default_factory=list)
    refuse: int | None = None
    _kept: list[Any] = field(default_factory=list)
    _names: dict[int, str] = field(default_factory=dict)
    _wrapped: dict[int, _Methods] = field(default_factory=dict)

    def install(self) -> bool:
        """Register the VFS; False where Python's SQLite is not a shared library this process can reach."""
        found = ctypes.util.find_library("sqlite3")
        mapped = Path("/proc/self/maps").read_text()
        if found is None or "libsqlite3" not in mapped:
            return False
        lib = ct.CDLL(found)
        lib.sqlite3_vfs_find.restype = ct.POINTER(_Vfs)
        own = lib.sqlite3_vfs_find(b"unix")
        before, delete = own.contents.open, own.contents.delete
        mine = _Vfs.from_buffer_copy(own.contents)
        mine.name, mine.next = b"powercut", None

        def opened(_: int, name: int | None, file: int, flags: int, out: int) -> int:
            # the very pointer goes on: SQLite reads the name as long as the file is open
            code = int(before(ct.addressof(own.contents), name, file, flags, out))
            if code == 0 and name is not None:
                self._wrap(file, Path(ct.string_at(name).decode()).name)
            return code

        def deleted(_: int, name: bytes, sync: int) -> int:
            self.ops.append(Op(Path(name.decode()).name, "delete"))
            return int(delete(ct.addressof(own.contents), name, sync))

        mine.open, mine.delete = _OPEN(opened), _DELETE(deleted)
        self._kept += [mine, own, before, delete, lib]
        return int(lib.sqlite3_vfs_register(ct.byref(mine), 0)) == 0

    def _wrap(self, file: int, name: str) -> None:
        self._names[file] = name
        pointer = ct.cast(file, ct.POINTER(ct.c_void_p))
        original = pointer[0]
        if original is None:
            return
        if original not in self._wrapped:
            self._wrapped[original] = self._recording(_Methods.from_address(original))
        pointer[0] = ct.addressof(self._wrapped[original])

    def _recording(self, own: _Methods) -> _Methods:
        copy = _Methods.from_buffer_copy(own)
        write, truncate, sync = own.write, own.truncate, own.sync

        def on_write(file: int, data: int, size: int, offset: int) -> int:
            if self.refuse is not None:
                self.refuse -= 1
                if self.refuse <= 0:
                    return SQLITE_FULL
            self.ops.append(Op(self._names[file], "write", offset, ct.string_at(data, size)))
            return int(write(file, data, size, offset))

        def on_truncate(file: int, size: int) -> int:
            self.ops.append(Op(self._names[file], "truncate", size))
            return int(truncate(file, size))

        def on_sync(file: int, flags: int) -> int:
            self.ops.append(Op(self._names[file], "sync"))
            return int(sync(file, flags))

        copy.write, copy.truncate, copy.sync = _WRITE(on_write), _TRUNCATE(on_truncate), _SYNC(on_sync)
        self._kept += [copy, write, truncate, sync]
        return copy

    def after_cut(self, at: int, chance: Random) -> dict[str, bytes]:
        """Files as a power cut after operation `at` may leave them."""
        files: dict[str, bytearray] = {}
        loose: dict[str, list[Op]] = {}
        deleted: set[str] = set()
        for op in self.ops[:at]:
            if op.kind == "delete":
                deleted.add(op.name)
            elif op.kind == "sync":
                for one in loose.pop(op.name, []):
                    _apply(files.setdefault(op.name, bytearray()), one, lambda: True)
                for name in deleted:
                    files.pop(name, None)
                    loose.pop(name, None)
                deleted.clear()
            else:
                loose.setdefault(op.name, []).append(op)
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        for name, waiting in loose.items():
            for one in waiting:
                _apply(files.setdefault(name, bytearray()), one, lambda: chance.random() < share)
        return {name: bytes(content) for name, content in files.items()}


@functools.cache
def the_disk() -> Disk:
    """The one disk of this process: SQLite keeps a pointer to it as long as the process lives."""
    made = Disk()
    if not made.install():
        missing("sqlite", "this Python carries SQLite inside; its writes can neither be seen nor refused")
    return made


def _apply(content: bytearray, op: Op, lands: Callable[[], bool]) -> None:
    if op.kind == "truncate":
        if lands():
            del content[op.offset :]
        return
    end = op.offset + len(op.data)
    start = op.offset
    while start < end:
        stop = min((start // SECTOR + 1) * SECTOR, end)
        if lands():
            content.extend(bytes(max(0, stop - len(content))))
            content[start:stop] = op.data[start - op.offset : stop - op.offset]
        start = stop
