"""Keys in a backup, only with a passphrase: scrypt (RFC 7914) and ChaCha20-Poly1305 (RFC 8439) seal them.

Layout: 16 bytes of salt, 12 bytes of nonce, then the sealed tar of the folder.
"""

from __future__ import annotations

import io
import secrets
import tarfile
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from protocols.errors import ConfigError
from runtime.keys import read_private, write_private

NAME: Final = "keys.sealed"
_SALT, _NONCE = 16, 12
_SHORTEST: Final = 12
_MOST_BYTES: Final = 1_000_000
_NAME: Final = b"ems keys 1"


def passphrase_of(file: Path) -> bytes:
    """The passphrase in a file that nobody else can read.

    Raises:
        ConfigError: Others can read it, or it is too short.
    """
    found = read_private(file).strip()
    if len(found) < _SHORTEST:
        raise ConfigError(f"{file}: a passphrase for keys has at least {_SHORTEST} characters")
    return found


def seal(folder: Path, passphrase: bytes) -> bytes:
    """All files of a keys folder, sealed.

    Raises:
        ConfigError: It is no keys folder.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not files or sum(path.stat().st_size for path in files) > _MOST_BYTES:
        raise ConfigError(f"{folder} is no folder of keys")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in files:
            tar.add(path, path.relative_to(folder).as_posix(), recursive=False)
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    return salt + nonce + _cipher(passphrase, salt).encrypt(nonce, packed.getvalue(), _NAME)


def unseal(data: bytes, passphrase: bytes, folder: Path) -> int:
    """Put the keys into a folder, each readable by its owner alone; returns how many. Nothing is overwritten.

    Raises:
        ConfigError: Another passphrase, or the bytes are damaged.
        KeyFileError: A key is there already.
    """
    salt, nonce, body = data[:_SALT], data[_SALT : _SALT + _NONCE], data[_SALT + _NONCE :]
    try:
        packed = _cipher(passphrase, salt).decrypt(nonce, body, _NAME)
    except InvalidTag as error:
        raise ConfigError("the keys cannot be opened: another passphrase, or they are damaged") from error
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = [one for one in tar if one.isreg()]
        for member in members:
            file = tar.extractfile(member)
            if file is not None and ".." not in Path(member.name).parts and not member.name.startswith("/"):
                write_private(folder / member.name, file.read())
    return len(members)


def _cipher(passphrase: bytes, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase))
