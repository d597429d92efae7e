"""The key that signs access tokens is renewed without anybody signing in again."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from hub.auth.tokens import BEFORE_FILE, KEY_FILE, SIGNING_FILE, Tokens, open_tokens, renew_signing
from hub.cli import app
from protocols.errors import ConfigError, KeyFileError, NotSignedInError
from runtime.clock import SystemClock

RUN = CliRunner()


def _opened(state: Path) -> Tokens:
    return open_tokens(state, SystemClock())


def _renew(state: Path, *more: str) -> str:
    done = RUN.invoke(app, ["keys", "renew", f"--state={state}", *more], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return str(done.output).split()[1]


def _kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def test_tokens_of_the_key_before_are_good_to_their_end_and_no_longer(tmp_path: Path) -> None:
    first = _opened(tmp_path).issue("olga", "f")
    name = _renew(tmp_path)
    second = _opened(tmp_path).issue("olga", "f")
    assert _kid(second) == name != _kid(first)
    assert [_opened(tmp_path).read(one).name for one in (first, second)] == ["olga"] * 2
    _renew(tmp_path)
    assert _opened(tmp_path).read(second).name == "olga"
    with pytest.raises(NotSignedInError):
        _opened(tmp_path).read(first)


def test_a_key_that_others_know_is_refused_at_once(tmp_path: Path) -> None:
    known = _opened(tmp_path).issue("olga", "f")
    _renew(tmp_path, "--at-once")
    with pytest.raises(NotSignedInError):
        _opened(tmp_path).read(known)
    assert not (tmp_path / BEFORE_FILE).exists()


def test_what_is_derived_from_the_installation_stays(tmp_path: Path) -> None:
    before = _opened(tmp_path).derived("second factor")
    _renew(tmp_path)
    assert _opened(tmp_path).derived("second factor") == before


def test_a_token_that_names_another_key_than_its_own_is_none(tmp_path: Path) -> None:
    first = _opened(tmp_path)
    _renew(tmp_path)
    second = _opened(tmp_path)
    claims = jwt.decode(first.issue("olga", "f"), options={"verify_signature": False})
    key = first._key
    for kid in (_kid(second.issue("olga", "f")), "", "none"):
        with pytest.raises(NotSignedInError):
            second.read(jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid}))


def test_keys_are_private_and_a_folder_without_a_hub_gets_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hub init"):
        RUN.invoke(app, ["keys", "renew", f"--state={tmp_path}"], catch_exceptions=False)
    _opened(tmp_path)
    _renew(tmp_path)
    for name in (KEY_FILE, SIGNING_FILE, BEFORE_FILE):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    (tmp_path / SIGNING_FILE).chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        _opened(tmp_path)


def _full_after(good: int) -> Callable[[int], None]:
    """What `fsync` does on a disk that is full after so many writes."""
    left = iter(range(good))

    def fsync(handle: int) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.fdatasync(handle)

    return fsync


@pytest.mark.parametrize("way", ["usual", "at once"])
def test_a_renewal_that_is_cut_off_lets_no_older_key_sign_or_be_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    older = []
    for _ in range(2):
        older.append(_opened(tmp_path).issue("olga", "f"))
        _renew(tmp_path)
    kept = {name: (tmp_path / name).read_bytes() for name in (KEY_FILE, SIGNING_FILE, BEFORE_FILE)}
    good, whole = 0, False
    while not whole:
        for name, data in kept.items():
            (tmp_path / name).write_bytes(data)
            (tmp_path / name).chmod(0o600)
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", _full_after(good))
            try:
                renew_signing(tmp_path, at_once=way == "at once")
                whole = True
            except KeyFileError:
                good += 1
        found = _opened(tmp_path)
        assert _kid(found.issue("olga", "f")) not in {_kid(one) for one in older}
        with pytest.raises(NotSignedInError):
            found.read(older[0])
        keys = {one.name for one in tmp_path.iterdir() if one.suffix != ".pub"}
        assert keys <= set(kept), "what was half written is gone"
    assert good > 1
