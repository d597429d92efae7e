"""`ems edge save` and `ems edge restore`: a dead box is replaced by one with its accepted configuration.

The new box begins a new journal and counts its epochs from far above the old ones, and it holds no lease:
whatever was commanded to the old box is void. Nothing is believed for being in the file: the configuration
must bear the hub's configuration key, each write block the commissioning key, both by the keys of this box.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from edge_agent.configuration import KEY_FILE
from edge_agent.configuration_store import Book, ConfigurationStore, folder_in_force, read_book
from edge_agent.controllers.file import load_controllers
from edge_agent.gate.book import block_file, proof_file
from edge_agent.rules_file import TRIED_FILE
from edge_agent.settings import Accepted, Place, load_accepted
from protocols.configuration import (
    MOST_BYTES,
    PURPOSE_CONFIGURATION,
    Configuration,
    decode_configuration,
    digest,
)
from protocols.errors import ConfigError, ContractError, StoreError
from protocols.saved_box import EPOCHS_LEFT_OUT, SavedBox
from protocols.signing import key_id, open_envelope, verify
from runtime.keys import load_public_key, write_private
from runtime.site import beside_files, configuration_files

_MOST_FILE_BYTES: Final = 20_000_000
_PATH: Final = re.compile(
    r"^(devices|sites/[a-z][a-z0-9_]{0,31})/[a-z][a-z0-9_]{0,31}(\.controllers|\.rules)?\.yaml$"
)

File = Annotated[Path, typer.Argument(help="File of the saved box.")]
Configs = Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")]
Site = Annotated[str, typer.Option(help="Site below the configuration.")]
Edge = Annotated[str, typer.Option(help="Id of this edge.")]
State = Annotated[Path, typer.Option(help="Folder of the agent's own state.")]
Keys = Annotated[Path, typer.Option(help="Folder of the keys.")]


def save(  # noqa: PLR0913  one option each
    file: File,
    *,
    config: Configs = Path("configs"),
    site: Site = "demo",
    edge: Edge = "edge1",
    state: State = Path("var/edge"),
    keys: Keys = Path("var/keys"),
) -> None:
    """Write down what this box would be made anew from; holds no key and no password.

    Example: ems edge save box1.json --config configs --site demo --edge edge1
    """
    saved = saved_box(load_accepted(Place(config, site, edge, state, keys, "")))
    write_private(file, saved.model_dump_json(indent=1).encode())
    typer.echo(f"{file}: {len(saved.write)} write blocks, {len(saved.proofs)} proofs; keep it off the box")


def restore(
    file: File,
    *,
    config: Configs = Path("configs"),
    state: State = Path("var/edge"),
    keys: Keys = Path("var/keys"),
) -> None:
    """Make this box the one that was saved; its state folder must be empty.

    Example: ems edge restore box1.json --config configs --state var/edge --keys var/keys
    """
    saved = read_saved(file)
    accepted = restore_box(saved, Place(config, saved.site, saved.edge, state, keys, ""))
    devices, proven = len(accepted.site.edge.devices), len(accepted.cap_hashes)
    typer.echo(f"{saved.site}/{saved.edge}: {devices} devices, {proven} may be written to; start the agent")


def saved_box(accepted: Accepted) -> SavedBox:
    """What the box goes by now.

    Raises:
        ConfigError: A file of it cannot be read.
    """
    place = accepted.place
    book, epoch = read_book(place.state), place.state / "epoch"
    signed = ConfigurationStore(place.state, place.edge).folder_of(book.accepted).with_suffix(".signed")
    try:
        given = {} if book.accepted else configuration_files(place.config, place.site, place.edge)
        return SavedBox(
            site=place.site,
            edge=place.edge,
            agent_epoch=int(epoch.read_text(encoding="ascii")) if epoch.exists() else 0,
            accepted=book.accepted,
            seen=book.seen,
            signed_hex=signed.read_bytes().hex() if book.accepted else "",
            given={path: content.decode() for path, content in given.items()},
            write={name: block_file(place.state, name).read_text("utf-8") for name in accepted.blocks},
            proofs={name: proof_file(place.state, name).read_text("utf-8") for name in accepted.cap_hashes},
            beside=_beside(place),
            tried=tried.read_text("utf-8") if (tried := place.state / TRIED_FILE).exists() else "",
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{place.state}: the box cannot be saved: {error}") from error


def _beside(place: Place) -> dict[str, str]:
    paths = beside_files(place.config, place.site, place.edge)
    return {str(p.relative_to(place.config)): p.read_text("utf-8") for p in paths}


def read_saved(file: Path) -> SavedBox:
    """Read a saved box; nothing of it is believed yet.

    Raises:
        ConfigError: Missing, too large, or no saved box.
    """
    try:
        if file.stat().st_size > _MOST_FILE_BYTES:
            raise ConfigError(f"{file}: too large for a saved box; at most {_MOST_FILE_BYTES} bytes")
        return SavedBox.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigError(
            f"{file}: is no saved box; `ems edge save` or `ems hub configuration save` makes one"
        ) from error


def restore_box(saved: SavedBox, place: Place) -> Accepted:
    """Fill an empty state folder; all or nothing.

    Raises:
        ConfigError: The folder is in use, a signature is not good, or the configuration has faults.
        StoreError: The disk refused.
    """
    left = [path.name for path in place.state.iterdir()] if place.state.is_dir() else []
    if set(left) - {"lock"}:
        raise ConfigError(
            f"{place.state} is in use ({', '.join(sorted(left)[:5])}); a box is restored into an empty folder"
        )
    fresh = place.state.with_name(f"{place.state.name}.restored")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _given({**saved.given, **saved.beside}, place)
        _fill(saved, replace(place, state=fresh))
        accepted = load_accepted(replace(place, state=fresh))
        load_controllers(accepted)
        shutil.rmtree(place.state, ignore_errors=True)
        fresh.rename(place.state)
    except OSError as error:
        raise StoreError(f"{fresh}: the box cannot be restored: {error.strerror}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return replace(accepted, place=place, folder=folder_in_force(place.config, place.state))


def _fill(saved: SavedBox, place: Place) -> None:
    state = place.state
    state.mkdir(parents=True, mode=0o700)
    if saved.accepted:
        found, envelope = _signed(saved, place)
        ConfigurationStore(state, place.edge).keep(found, envelope)
    left = {**saved.given, **saved.beside}
    given = {path: digest({path: content.encode()}) for path, content in left.items()}
    book = Book(accepted=saved.accepted, seen=max(saved.seen, saved.accepted), given=given)
    ConfigurationStore(state, place.edge).restore(book)
    for name, text in saved.write.items():
        write_private(block_file(state, name), text.encode())
    for name, text in saved.proofs.items():
        write_private(proof_file(state, name), text.encode())
    if saved.tried:
        write_private(state / TRIED_FILE, saved.tried.encode())
    write_private(state / "epoch", f"{saved.agent_epoch + EPOCHS_LEFT_OUT}\n".encode())


def _signed(saved: SavedBox, place: Place) -> tuple[Configuration, bytes]:
    try:
        envelope = bytes.fromhex(saved.signed_hex)
        body, signature = open_envelope(envelope, MOST_BYTES)
        found = decode_configuration(body)
        key = load_public_key(place.keys / KEY_FILE)
        verify(PURPOSE_CONFIGURATION, body, signature, {key_id(key): key}, found.key_id)
    except (ContractError, ValueError) as error:
        raise ConfigError(f"the configuration in the saved box is not the hub's: {error}") from error
    if (found.site, found.edge, found.version) != (saved.site, saved.edge, saved.accepted):
        raise ConfigError(
            f"the saved box is of {saved.site}/{saved.edge} version {saved.accepted}, what is in it of "
            f"{found.site}/{found.edge} version {found.version}"
        )
    return found, envelope


def _given(files: Mapping[str, str], place: Place) -> None:
    """Put the files given at the box where they belong; one that is there and differs is not overwritten."""
    for path, content in files.items():
        target = place.config / path
        if not _PATH.match(path):
            raise ConfigError(f"{path!r} in the saved box is no device list and no profile")
        if target.exists() and target.read_text("utf-8") != content:
            raise ConfigError(f"{target} is there and differs from the saved one; move it away first")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
