"""A CA of an installation, and certificates below it, for tests."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

BEGIN: Final = dt.datetime.fromisoformat("2020-01-01T00:00:00+00:00")
BOTH_WAYS: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def certificates(
    folder: Path,
    names: Sequence[str] = ("127.0.0.1",),
    uses: Sequence[x509.ObjectIdentifier] = BOTH_WAYS,
) -> tuple[Path, tuple[Path, Path]]:
    """A CA and a certificate for these names and addresses below it: `ca.pem`, (`cert.pem`, `key.pem`)."""
    folder.mkdir()
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "EMS test CA")])
    made = (
        x509.CertificateBuilder().issuer_name(name).not_valid_before(BEGIN)
        .not_valid_after(BEGIN + dt.timedelta(days=36500))
    )  # fmt: skip
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)  # noqa: FBT003  no names for them
    ca = (
        made.subject_name(name).public_key(ca_key.public_key()).serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )  # fmt: skip
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    server = (
        made.subject_name(subject).public_key(key.public_key()).serial_number(2)
        .add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), critical=False)
        .add_extension(authority, critical=False)
    )  # fmt: skip
    if uses:
        server = server.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "cert.pem").write_bytes(
        server.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(private)
    return folder / "ca.pem", (folder / "cert.pem", folder / "key.pem")


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
