"""`ems edge join`: a new box makes its key, shows its token and the public half, and keeps what it is given.

The seed is made here and stays here. The secret of the token goes only over a connection whose certificate
comes from the CA that the token pins, or over loopback. A join that broke off is repeated with the same token
and the same key; what the box had before stays until the hub has answered.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from edge_agent.account import Account, account_file
from edge_agent.box import SETTINGS, Box, become_agent, read_box
from protocols.errors import BusError, ConfigError, ContractError
from protocols.join import JoinToken, decode_token
from runtime.bus import BusLogin, ca_file, connect
from runtime.bus_register import new_seed, public_key
from runtime.keys import read_private, write_private
from runtime.nats_server import seed_file

_ANSWER_S: Final = 10.0
_SIGN_IN_S: Final = 20.0
_MOST_BYTES: Final = 65_536
_ELSEWHERE: Final = Path("var/keys")


def join(
    token: Annotated[str, typer.Argument(help="What `ems bus token` printed at the hub; `-` reads it.")],
    *,
    keys: Annotated[Path | None, typer.Option(help="Folder of the keys of this box.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="This box joined before: give it a new key.")
    ] = False,
) -> None:
    """Bring this box in: make its key, let the hub take the public half, sign in at the bus.

    The token is good once and for some minutes; make it at the hub: ems bus token edge2. On a box that the
    package set up the keys are in /var/lib/ems-edge/keys, elsewhere in var/keys.

    Example: ems edge join emsjoin1.lqRkZW1v… --keys var/keys
    """
    word = typer.get_text_stream("stdin").readline() if token == "-" else token  # noqa: S105  a dash
    told = decode_token(word)
    box = None if keys else read_box()
    folder = keys or keys_of(box, told)
    if box is not None:
        become_agent()
    account = bring_in(told, folder, again=again)
    typer.echo(f"{account.site}/{account.edge} may sign in at {account.bus}; key and account are in {folder}")
    login = BusLogin(account.bus, account.edge, seed_file(folder, account.edge), ca_file(folder))
    asyncio.run(_sign_in(login))
    typer.echo(
        f"signed in at {account.bus}; start the agent with --site {account.site} --edge {account.edge}"
    )


def keys_of(box: Box | None, token: JoinToken) -> Path:
    """The keys folder of a box that the package set up, else the usual one.

    Raises:
        ConfigError: The settings of the box name another edge than the token; the token is not used up.
    """
    if box is None:
        return _ELSEWHERE
    if (box.place.site, box.place.edge) != (token.site, token.edge):
        raise ConfigError(
            f"by {SETTINGS} this box is {box.place.site}/{box.place.edge}, and the token is for "
            f"{token.site}/{token.edge}; change EMS_SITE and EMS_EDGE there, or take the right token"
        )
    return box.place.keys


def bring_in(token: JoinToken, keys: Path, *, again: bool = False) -> Account:
    """Join with a token; key, certificate and account are in the keys folder afterwards.

    Raises:
        ConfigError: The box joined before, or the hub is not reached, or it refused.
        ContractError: The hub's certificate is not the one of the token, or its answer is none.
        KeyFileError: A file cannot be written.
    """
    if seed_file(keys, token.edge).exists() and not again:
        raise ConfigError(
            f"{seed_file(keys, token.edge)} is here already: this box joined before as {token.edge}; "
            "--again gives it a new key"
        )
    waiting = keys / f"{token.edge}.joining-{token.id}.nk"
    if not waiting.exists():
        write_private(waiting, new_seed())
    key = public_key(read_private(waiting))
    ca_pem = _certificate(token)
    said = _ask(
        f"{token.url.rstrip('/')}/api/v1/join",
        _context(token, ca_pem),
        {"id": token.id, "secret": token.secret.hex(), "public_key": key},
    )
    try:
        answer = json.loads(said)
        account = Account(
            site=answer["site"], edge=answer["edge"], bus=answer["bus"], hub=token.url, public_key=key
        )
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise ContractError(f"{token.url} does not answer as a hub does; check the address") from error
    if (account.site, account.edge) != (token.site, token.edge):
        raise ContractError(f"the hub let another edge in, {account.site}/{account.edge}; make a new token")
    _keep(account, ca_pem or str(answer.get("ca_pem", "")), keys, waiting)
    return account


def _keep(account: Account, ca_pem: str, keys: Path, waiting: Path) -> None:
    if ca_pem:
        _write(ca_file(keys), ca_pem)
    _write(account_file(keys, account.edge), account.model_dump_json(indent=1) + "\n")
    waiting.replace(seed_file(keys, account.edge))  # last: from here on the box has joined


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _certificate(token: JoinToken) -> str:
    """The CA's certificate, as pinned; empty on loopback.

    It is fetched from whoever answers and believed only because its hash is the one of the token.
    """
    if not token.ca_pin:
        return ""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    pem = _ask(f"{token.url.rstrip('/')}/api/v1/join/{token.id}/ca", unchecked).decode("ascii", "replace")
    try:
        found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
    except ValueError:
        found = b""
    if found != token.ca_pin:
        raise ContractError(
            f"{token.url} shows another certificate than the token names; somebody may sit in between: "
            "nothing was sent"
        )
    return pem


def _context(token: JoinToken, ca_pem: str) -> ssl.SSLContext | None:
    return ssl.create_default_context(cadata=ca_pem) if token.url.startswith("https:") else None


def _ask(url: str, context: ssl.SSLContext | None, body: dict[str, Any] | None = None) -> bytes:
    """One question to the hub; a refusal becomes the hub's own sentence."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310  checked by decode_token
    where = urlsplit(url).netloc
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S, context=context) as answer:  # noqa: S310  as above
            return bytes(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        raise ConfigError(f"the hub at {where} refused: {_sentence(error)}") from error
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ConfigError(
            f"the hub at {where} is not reached: {reason}; check cable, address and firewall"
        ) from error


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(_MOST_BYTES))["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


async def _sign_in(login: BusLogin) -> None:
    try:
        async with asyncio.timeout(_SIGN_IN_S):
            client = await connect(login)
    except TimeoutError as error:
        raise BusError(
            f"{login.url} did not take the new key within {_SIGN_IN_S:g} s; is the bus running, and is its "
            "port open from here? The box has joined: the agent goes on trying"
        ) from error
    await client.close()
