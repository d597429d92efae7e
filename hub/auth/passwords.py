"""Passwords: argon2id, and one that nobody knows for names that do not exist."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher()
_NOBODY: Final = _HASHER.hash(secrets.token_hex(16))
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_LETTERS: Final = 16


def hash_password(password: str) -> str:
    """Argon2id with a fresh salt; takes tens of milliseconds."""
    return _HASHER.hash(password)


async def matches(stored: str | None, password: str) -> bool:
    """Compare in a thread; an unknown name (None) takes as long as a known one."""
    right = await asyncio.to_thread(_verify, stored or _NOBODY, password)
    return right and stored is not None


def one_time_password() -> str:
    """About 79 bits in letters that are not mistaken for each other, in groups of four."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    return "-".join(letters[at : at + 4] for at in range(0, _LETTERS, 4))


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
