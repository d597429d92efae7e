"""The file of a backup: one tar, packed with zstd and its checksum; the list of files comes first.

It is written beside its place, flushed, then renamed: a backup is there whole or not at all. What is read is
believed only when its name, length and hash are those of the list.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import zstandard

from hub.backup.manifest import MOST_BYTES, NAME, FileEntry, Manifest, read_manifest
from hub.registry.documents import sync_folder
from protocols.errors import StoreError

_CHUNK: Final = 1 << 20
_PACKED: Final = 1 << 12
"""Packed bytes at a time: a file made to explode stays below 200 MB of memory."""

_LEVEL: Final = 6


def entry_of(root: Path, path: Path) -> FileEntry:
    """Name, length and hash of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(path=path.relative_to(root).as_posix(), size=path.stat().st_size, sha256=digest)


def write(target: Path, root: Path, manifest: Manifest) -> None:
    """Write the files of `manifest` below `root` into `target`.

    Raises:
        StoreError: The disk refused; nothing is left.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
            with packer.stream_writer(file, closefd=False) as packed:
                _write(packed, root, manifest)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror}; nothing was made") from error
    finally:
        beside.unlink(missing_ok=True)


def _write(packed: IO[bytes], root: Path, manifest: Manifest) -> None:
    with tarfile.open(fileobj=packed, mode="w|") as tar:
        body = manifest.model_dump_json().encode()
        head = tarfile.TarInfo(NAME)
        head.size, head.mode = len(body), 0o600
        tar.addfile(head, io.BytesIO(body))
        for entry in manifest.files:
            info = tarfile.TarInfo(entry.path)
            info.size, info.mode = entry.size, 0o600
            with (root / entry.path).open("rb") as file:
                tar.addfile(info, file)


Take = Callable[[FileEntry, Iterator[bytes]], None]
"""Told each file of an archive with its bytes, which are checked as they are read."""


class _Unpacked:
    """The bytes behind a zstd file; one that ends before its checksum is an error, not an end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        """So many bytes; fewer at the end."""
        while len(self._ready) < size and not self._frame.eof:
            packed = self._file.read(_PACKED)
            if not packed:
                raise EOFError("it ends too early")
            self._ready += self._frame.decompress(packed)
        found = bytes(self._ready[:size])
        del self._ready[:size]
        return found

    def to_the_end(self) -> None:
        """Go on to the checksum, which is checked, and see that nothing follows."""
        while self.read(_CHUNK):
            pass
        if self._frame.unused_data or self._file.read(1):
            raise EOFError("something follows its end")


@contextmanager
def _clear(archive: Path) -> Iterator[None]:
    """Every way in which an archive can be broken, as one sentence."""
    try:
        yield
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise StoreError(f"{archive} is damaged ({error}); use another backup") from error


def read(archive: Path, begin: Callable[[Manifest], None], take: Take) -> Manifest:
    """Read an archive from its beginning to its end.

    Args:
        archive: The file.
        begin: Told what will come, before anything of it; may refuse.
        take: Told each file.

    Raises:
        StoreError: It is damaged, incomplete, or not what `begin` wants.
        OSError: It cannot be read.
    """
    with _clear(archive), archive.open("rb") as file:
        unpacked = _Unpacked(file)
        with tarfile.open(fileobj=unpacked, mode="r|") as tar:  # type: ignore[call-overload]  # it only reads
            manifest = _manifest(archive, tar)
            begin(manifest)
            left = {entry.path: entry for entry in manifest.files}
            while (member := tar.next()) is not None:
                entry = left.pop(member.name, None)
                if entry is None or not member.isreg() or member.size != entry.size:
                    raise StoreError(f"{archive} is damaged: {member.name!r} is not as its list says")
                take(entry, _checked(archive, tar, member, entry))
        if left:
            raise StoreError(f"{archive} is damaged: {len(left)} files of its list are missing")
        unpacked.to_the_end()
    return manifest


def _manifest(archive: Path, tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    body = None if first is None or first.size > MOST_BYTES else tar.extractfile(first)
    if first is None or first.name != NAME or body is None:
        raise StoreError(f"{archive} is no backup of a hub")
    return read_manifest(body.read())


def _checked(
    archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, entry: FileEntry
) -> Iterator[bytes]:
    digest = hashlib.sha256()
    body = tar.extractfile(member)
    while body is not None and (chunk := body.read(_CHUNK)):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != entry.sha256:
        raise StoreError(f"{archive} is damaged: {entry.path} has another hash than its list says")
