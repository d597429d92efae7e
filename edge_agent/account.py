"""What a box was given when it joined: its account at the bus. The seed beside it never left the box."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from protocols.config import Config, IdPart
from protocols.errors import ConfigError


class Account(Config):
    """One account at the bus."""

    site: IdPart
    """Site of the box."""

    edge: IdPart
    """Its id."""

    bus: Annotated[str, Field(pattern=r"^(nats|tls)://")]
    """Address of the bus."""

    hub: str
    """Address of the hub that let it in."""

    public_key: str
    """Public nkey of the box; the hub's register has the same."""


def account_file(keys: Path, edge: str) -> Path:
    """Where the account of an edge stands."""
    return keys / f"{edge}.account.json"


def load_account(keys: Path, edge: str) -> Account | None:
    """The account of an edge; None where this box did not join.

    Raises:
        ConfigError: The file was spoiled.
    """
    path = account_file(keys, edge)
    try:
        return Account.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigError(f"{path}: was spoiled; join again with a new token ({error})") from error
