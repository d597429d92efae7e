"""Signed envelopes: Ed25519 over a purpose and the exact bytes that are sent.

    envelope = msgpack [body bytes, signature (64 bytes)]
    signature = Ed25519(key, purpose + NUL + body)

The purpose keeps a renewal from being read as a command. Source: RFC 8032.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgpack
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocols.errors import ContractError, SignatureError

MAX_ENVELOPE_BYTES: Final = 16_384
_SIGNATURE_BYTES: Final = 64


def key_id(key: Ed25519PublicKey) -> str:
    """Short name of a public key: 16 hex digits of SHA-256 over its raw bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def seal(purpose: str, body: bytes, key: Ed25519PrivateKey) -> bytes:
    """Sign `body` and put both into one envelope."""
    return bytes(msgpack.packb([body, key.sign(_message(purpose, body))]))


def open_envelope(data: bytes, most_bytes: int = MAX_ENVELOPE_BYTES) -> tuple[bytes, bytes]:
    """Split an envelope of at most `most_bytes` into body and signature; checks form only.

    Raises:
        ContractError: Too large, not an envelope.
    """
    if len(data) > most_bytes:
        raise ContractError(f"an envelope of {len(data)} bytes; at most {most_bytes}")
    try:
        body, signature = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a signed envelope") from error
    if not isinstance(body, bytes) or not isinstance(signature, bytes) or len(signature) != _SIGNATURE_BYTES:
        raise ContractError("not a signed envelope")
    return body, signature


def verify(
    purpose: str, body: bytes, signature: bytes, keys: Mapping[str, Ed25519PublicKey], named: str
) -> None:
    """Check a signature against the key it names.

    Raises:
        SignatureError: The key is not among `keys`, or did not sign this.
    """
    key = keys.get(named)
    if key is None:
        raise SignatureError("signed by a key that is not accepted here", key_id=named)
    try:
        key.verify(signature, _message(purpose, body))
    except InvalidSignature as error:
        raise SignatureError("the signature does not match", key_id=named) from error


def _message(purpose: str, body: bytes) -> bytes:
    return purpose.encode() + b"\0" + body
