"""The second factor: codes of a time-based generator (RFC 6238), SHA-1, six digits, steps of 30 s.

A code is good in its own step and the one before and after it, and once only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.tables import SecondFactorRow
from protocols.errors import KeyFileError

STEP_S: Final = 30
DIGITS: Final = 6
_SECRET_BYTES: Final = 20
_NONCE_BYTES: Final = 12
_SLACK_STEPS: Final = 1
_NS: Final = 1_000_000_000


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a step, by RFC 4226 section 5.3 over RFC 6238.

    Example:
        >>> code_at(b"12345678901234567890", 59 // STEP_S, digits=8)
        '94287082'
    """
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, code: str, now_ns: int) -> int | None:
    """The step whose code this is, of those that are good now; None: of none."""
    told = code.replace(" ", "").encode()
    now = now_ns // _NS // STEP_S
    steps = range(now - _SLACK_STEPS, now + _SLACK_STEPS + 1)
    found = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), told)]
    return found[-1] if found else None


def uri_of(secret: bytes, name: str, site: str) -> str:
    """What a code generator reads, by hand or as a QR code."""
    word = base64.b32encode(secret).decode().rstrip("=")
    label = quote(f"EMS {site}:{name}")
    return f"otpauth://totp/{label}?secret={word}&issuer={quote(f'EMS {site}')}&digits={DIGITS}"


@dataclass(frozen=True, slots=True)
class Seal:
    """Keeps secrets unreadable to who has the database alone: AES-256-GCM, bound to their person."""

    key: bytes

    def close(self, secret: bytes, owner: int) -> bytes:
        """The secret as it is kept."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, secret, str(owner).encode())

    def open(self, sealed: bytes, owner: int) -> bytes:
        """The secret again.

        Raises:
            KeyFileError: It was sealed with the key of another installation, or for somebody else.
        """
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, body, str(owner).encode())
        except InvalidTag as error:
            raise KeyFileError(
                "a second factor was sealed with another key than that of this state folder; bring the key "
                "file back, or take the factor away with `ems hub person no-factor`"
            ) from error


async def begin(session: AsyncSession, seal: Seal, owner: int, now_ns: int) -> bytes | None:
    """A new secret for a person, which counts once `passes` saw a code of it; None: one counts already."""
    row = await session.get(SecondFactorRow, owner)
    if row is not None and row.proven:
        return None
    secret = secrets.token_bytes(_SECRET_BYTES)
    sealed = seal.close(secret, owner)
    if row is None:
        session.add(SecondFactorRow(user_id=owner, sealed=sealed, begun_ns=now_ns, proven=False, step=0))
    else:
        row.sealed, row.begun_ns = sealed, now_ns
    return secret


async def asked_for(session: AsyncSession, owner: int) -> bool:
    """Whether a person has a second factor that counts."""
    row = await session.get(SecondFactorRow, owner)
    return row is not None and row.proven


async def passes(session: AsyncSession, seal: Seal, owner: int, code: str, now_ns: int) -> bool:
    """Whether a code is good now; it is used up by that, and a new factor counts from now on."""
    row = await session.get(SecondFactorRow, owner)
    step = None if row is None else step_of(seal.open(row.sealed, owner), code, now_ns)
    if step is None:
        return False
    mine = (SecondFactorRow.user_id == owner, SecondFactorRow.step < step)
    taken = await session.execute(update(SecondFactorRow).where(*mine).values(step=step, proven=True))
    return int(getattr(taken, "rowcount", 0)) == 1


async def drop(session: AsyncSession, owner: int) -> bool:
    """Take a person's second factor away; whether there was one."""
    gone = await session.execute(delete(SecondFactorRow).where(SecondFactorRow.user_id == owner))
    return int(getattr(gone, "rowcount", 0)) > 0
