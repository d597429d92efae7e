"""Ed25519 keys as files: private ones readable by their owner only."""

from __future__ import annotations

import os
import ssl
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocols.errors import ConfigError, KeyFileError


def write_private(path: Path, data: bytes) -> None:
    """Create a file with mode 0600 and these bytes, whole or not at all; never overwrites.

    Raises:
        KeyFileError: It is there already, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _written_beside(path, data) as fresh:
            os.link(fresh, path)  # refuses where a file is; a rename would not
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error


def replace_private(path: Path, data: bytes) -> None:
    """Put these bytes where a secret file was, mode 0600: who is cut off leaves the old ones or the new ones.

    It is on the disk before this returns, so what is replaced after it never outlives it.

    Raises:
        KeyFileError: It cannot be written; what was there is there still.
    """
    try:
        with _written_beside(path, data) as fresh:
            fresh.replace(path)
            _sync(path.parent)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error


def remove_private(path: Path) -> None:
    """Take a secret file away, if there is one; it is gone from the disk before this returns.

    Raises:
        KeyFileError: It cannot be taken away.
    """
    try:
        path.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be removed: {error.strerror}") from error


def _sync(folder: Path) -> None:
    """Wait until names that were given or taken in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _written_beside(path: Path, data: bytes) -> Iterator[Path]:
    """A file of its own with mode 0600 and these bytes beside a path, on the disk; gone in the end."""
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def read_private(path: Path) -> bytes:
    """Read a secret file.

    Raises:
        KeyFileError: Missing, or readable by other users.
    """
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: the key cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path}: other users can read this key; run: chmod 600 {path}")
    return data


def create_signing_key(path: Path) -> Ed25519PrivateKey:
    """Make a key pair: `path` and, beside it, the public half with suffix `.pub`.

    Raises:
        KeyFileError: One is there already, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    write_private(path, key.private_bytes_raw().hex().encode())
    write_public_key(path.with_suffix(".pub"), key.public_key())
    return key


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        KeyFileError: Missing, readable by others, or not a key.
    """
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(read_private(path).decode()))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path}: this is no Ed25519 key") from error


def load_or_create_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key, or make the pair where neither half of it is there yet.

    Raises:
        KeyFileError: Only the public half is there: the key is kept elsewhere; or it is no key.
    """
    public = path.with_suffix(".pub")
    if path.exists() or not public.exists():
        return load_signing_key(path) if path.exists() else create_signing_key(path)
    raise KeyFileError(
        f"{path}: only its public half {public.name} is here, so the key is kept elsewhere; bring it, "
        "or give --keys its folder"
    )


def load_pair(cert: Path, key: Path) -> tuple[Path, Path]:
    """Check that a certificate and its private key, both PEM, can serve TLS; gives their absolute paths.

    Raises:
        ConfigError: No certificate, no key, or they do not fit.
        KeyFileError: The key is missing, or others can read it.
    """
    read_private(key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{cert} and {key} are no certificate with its key in PEM: {error}") from error
    return cert.resolve(), key.resolve()


def write_public_key(path: Path, key: Ed25519PublicKey) -> None:
    """Write the public half as hex."""
    path.write_text(key.public_bytes_raw().hex() + "\n", encoding="ascii")


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        KeyFileError: Missing or not a key.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path}: no public key can be read from it: {error}") from error
