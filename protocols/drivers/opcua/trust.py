"""Who we are and whom we believe: our application certificate, and the list of servers a person accepted.

Below the edge's state folder:

    opcua/own.der, own.pem      our certificate and its key, made at first use
    opcua/trusted/<sha256>.der  servers a person accepted
    opcua/rejected/<sha256>.der servers that were met and not accepted yet

A server is believed when exactly its certificate was accepted. Its dates are not looked at: a box whose clock
was lost must go on reading, and a person has compared the fingerprint, which says more than a date.

Source: OPC UA Part 4, section 6.1.3 (certificates are trusted by their presence in a trust list).
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from protocols.errors import ConfigError

_FOLDER: Final = "opcua"
_DAYS: Final = 20 * 365
"""A gateway runs for years; a certificate that ends would stop it at each server that trusts it."""

_MOST_REJECTED: Final = 50
_LEAST_PREFIX: Final = 16


@dataclass(frozen=True, slots=True)
class Known:
    """A server's certificate in the list.

    Attributes:
        fingerprint: SHA-256 over the certificate, hex.
        thumbprint: SHA-1 over it, hex: what many servers show.
        subject: Name inside the certificate.
        trusted: Whether a person accepted it.
    """

    fingerprint: str
    thumbprint: str
    subject: str
    trusted: bool


def application_uri() -> str:
    """Name of this application in the world of OPC UA; the same string stands in our certificate."""
    return f"urn:{socket.gethostname()}:ai4energy:ems:edge"


def fingerprint(certificate: bytes) -> str:
    """SHA-256 over a DER certificate, hex."""
    return hashlib.sha256(certificate).hexdigest()


class TrustList:
    """The folder of certificates of one edge. Every method reads or writes files: call it in a thread."""

    def __init__(self, state: Path) -> None:
        self._folder = state / _FOLDER

    def own(self) -> tuple[Path, Path]:
        """Files of our certificate (DER) and its key (PEM); made at first use.

        Raises:
            OSError: The folder cannot be written.
        """
        certificate, key = self._folder / "own.der", self._folder / "own.pem"
        if not (certificate.exists() and key.exists()):
            self._make(certificate, key)
        return certificate, key

    def trusts(self, certificate: bytes) -> bool:
        """Whether a person accepted exactly this certificate."""
        path = self._folder / "trusted" / f"{fingerprint(certificate)}.der"
        try:
            return path.read_bytes() == certificate
        except FileNotFoundError:
            return False

    def reject(self, certificate: bytes) -> None:
        """Keep the certificate so that a person can accept it; at most 50, the oldest goes first.

        Raises:
            OSError: The folder cannot be written.
        """
        folder = self._folder / "rejected"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{fingerprint(certificate)}.der"
        if path.exists():
            return
        kept = sorted(folder.glob("*.der"), key=lambda file: file.stat().st_mtime_ns)
        for old in kept[: max(0, len(kept) - _MOST_REJECTED + 1)]:
            old.unlink(missing_ok=True)
        _replace(path, certificate)

    def accept(self, begin: str) -> Known:
        """Trust the rejected server whose fingerprint begins with `begin`, 16 digits or more.

        Raises:
            ConfigError: Too few digits, or none or several begin so.
        """
        begin = begin.replace(":", "").lower()
        if len(begin) < _LEAST_PREFIX:
            raise ConfigError(f"give at least {_LEAST_PREFIX} digits of the fingerprint, all 64 are better")
        found = sorted((self._folder / "rejected").glob("*.der"))
        fits = [path for path in found if path.stem.startswith(begin)]
        if len(fits) != 1:
            raise ConfigError(
                f"{len(fits)} refused servers have a fingerprint that begins with {begin}; "
                "`ems edge trust list` shows them"
            )
        data = fits[0].read_bytes()
        trusted = self._folder / "trusted"
        trusted.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(trusted / f"{fingerprint(data)}.der", data)
        fits[0].unlink()
        return _known(data, trusted=True)

    def withdraw(self, begin: str) -> Known:
        """Trust a server no longer; it is refused from its next connection on.

        Raises:
            ConfigError: None or several trusted servers begin so.
        """
        begin = begin.replace(":", "").lower()
        fits = [path for path in (self._folder / "trusted").glob("*.der") if path.stem.startswith(begin)]
        if len(begin) < _LEAST_PREFIX or len(fits) != 1:
            raise ConfigError(
                f"{begin!r} names {len(fits)} trusted servers; `ems edge trust list` shows them"
            )
        data = fits[0].read_bytes()
        fits[0].unlink()
        return _known(data, trusted=False)

    def servers(self) -> Iterator[Known]:
        """Every server in the list, the trusted ones first."""
        for name in ("trusted", "rejected"):
            for path in sorted((self._folder / name).glob("*.der")):
                yield _known(path.read_bytes(), trusted=name == "trusted")

    def _make(self, certificate: Path, key: Path) -> None:
        from asyncua.crypto.cert_gen import (  # noqa: PLC0415  the trust list alone needs no OPC UA library
            dump_private_key_as_pem,
            generate_private_key,
            generate_self_signed_app_certificate,
        )

        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = generate_private_key()
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(application_uri()),
            x509.DNSName(socket.gethostname()),
        ]
        made = generate_self_signed_app_certificate(
            private,
            "Ai4Energy EMS edge",
            {"organizationName": "Ai4Energy"},
            names,
            extended=[ExtendedKeyUsageOID.CLIENT_AUTH],
            days=_DAYS,
        )
        _replace(key, dump_private_key_as_pem(private))
        _replace(certificate, made.public_bytes(Encoding.DER))


def _known(data: bytes, *, trusted: bool) -> Known:
    try:
        subject = x509.load_der_x509_certificate(data).subject.rfc4514_string()
    except ValueError:
        subject = "unreadable certificate"
    thumbprint = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    return Known(fingerprint(data), thumbprint, subject, trusted)


def _replace(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 as a whole or not at all, also at a power cut."""
    fresh = path.with_suffix(path.suffix + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
