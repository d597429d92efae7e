"""Where a hub's InfluxDB is: address, organisation, buckets; the token comes by file or environment."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from protocols.config import Config
from protocols.errors import ConfigError, KeyFileError

TOKEN_VARIABLE: Final = "EMS_INFLUX_TOKEN"  # noqa: S105  the name of a variable, no token
_DAY_S: Final = 86_400


class Bucket(NamedTuple):
    """A bucket and for how long it keeps what is in it; 0 for ever. [s]."""

    name: str
    keep_s: int


class InfluxPlace(Config):
    """An InfluxDB 2 server for the series of one hub."""

    url: str
    """`http://host:port` or `https://…`; no password or token in it."""
    org: str = Field(default="ems", min_length=1, max_length=64)
    """Organisation."""
    bucket: str = Field(default="ems", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """Bucket of the samples; those of rollups have `_1m`, `_15m`, `_1h` and `_1d` behind it."""
    token_file: Path | None = None
    """File with the token, which others must not be able to read; without it EMS_INFLUX_TOKEN has it."""
    keep_days: int = Field(default=400, ge=0, le=36_500)
    """How long the server keeps samples, and 1-min rollups five times as long; 0 for ever. [days]"""

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a server; write http://host:port")
        if parts.username or parts.password or parts.query:
            raise ValueError("an address holds no password or token: others can see a command line")
        return url.rstrip("/")

    def token(self) -> str:
        """The token.

        Raises:
            ConfigError: There is none, or it cannot be read.
            KeyFileError: Others can read the file.
        """
        if self.token_file is None:
            token = os.environ.get(TOKEN_VARIABLE, "")
            if not token:
                raise ConfigError(
                    f"no token for InfluxDB at {self.url}: set {TOKEN_VARIABLE}, or name a file by "
                    "--store-token-file"
                )
            return token
        try:
            if stat.S_IMODE(self.token_file.stat().st_mode) & 0o007:
                raise KeyFileError(f"{self.token_file}: others can read the token; chmod 0600 it")
            token = self.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"the token of InfluxDB cannot be read: {error}") from error
        if not token or not token.isprintable() or " " in token:
            raise ConfigError(f"{self.token_file} holds no token: one line without spaces is expected")
        return token

    def with_token(self, file: Path) -> InfluxPlace:
        """The same place with the token of another file."""
        return self.model_copy(update={"token_file": file.resolve()})

    def buckets(self) -> tuple[Bucket, ...]:
        """All buckets: of samples first, then of rollups, finest first."""
        keep_s = self.keep_days * _DAY_S
        return (
            Bucket(self.bucket, keep_s),
            Bucket(self.level(60), 5 * keep_s),
            *(Bucket(self.level(length_s), 0) for length_s in (900, 3600, 86_400)),
        )

    def level(self, length_s: int) -> str:
        """Bucket of the rollup whose windows have this length. [s]."""
        return f"{self.bucket}_{_SUFFIX[length_s]}"


_SUFFIX: Final = {60: "1m", 900: "15m", 3600: "1h", 86_400: "1d"}
