"""Tokens that look like a good one and are none."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.hub.api_running import NOW_S

_KIDS: tuple[dict[str, Any] | None, ...] = (None, {"kid": ""}, {"kid": "0" * 16}, {"kid": "../../api_token"})


def part(value: dict[str, Any]) -> str:
    """A head or body as it stands in a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def mutants(good: str, key: Ed25519PrivateKey) -> list[str]:
    """A good token with one thing otherwise: claims, algorithm, key, signature, shape."""
    claims: dict[str, Any] = jwt.decode(good, options={"verify_signature": False})
    head, body, signature = good.split(".")
    public = key.public_key().public_bytes_raw()
    named = {"kid": jwt.get_unverified_header(good)["kid"]}
    changed: list[dict[str, Any]] = [
        {"aud": "other"}, {"aud": ["other"]}, {"iss": "other"}, {"typ": "refresh"}, {"sub": "eve"},
        {"sid": "none"}, {"exp": NOW_S - 1}, {"nbf": NOW_S + 60, "exp": NOW_S + 90}, {"exp": "later"},
        {"nbf": None}, {"sub": ["admin"]}, {"typ": None},
    ]  # fmt: skip
    found = [jwt.encode(claims | change, key, algorithm="EdDSA", headers=named) for change in changed]
    found += [
        jwt.encode({name: claims[name] for name in claims if name != gone}, key, "EdDSA", headers=named)
        for gone in claims
    ]
    found += [
        f"{part({'alg': name, 'typ': 'JWT', **named})}.{body}.{tail}" for name, tail in _algorithms(signature)
    ]
    return [
        *found,
        jwt.encode(claims, public, algorithm="HS256", headers=named),
        jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=named),
        *(jwt.encode(claims, key, algorithm="EdDSA", headers=head) for head in _KIDS),
        jwt.encode(claims, key, algorithm="EdDSA", headers={"jwk": {"kty": "OKP"}, "kid": "x"})[:-2] + "__",
        f"{head}.{part(claims | {'sub': 'root'})}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.{signature}",
        f".{body}.{signature}",
        good[:-4] + "AAAA",
        good.swapcase(),
        f"ems_{good}",
        "ems_",
        "null",
        "x" * 100_000,
    ]


def _algorithms(signature: str) -> list[tuple[str, str]]:
    return [("none", ""), ("None", signature), ("NONE", ""), ("HS256", signature), ("RS256", signature)]
