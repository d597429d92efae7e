"""`ems backup` and `ems restore`: the hub on another machine, and the proof that it would be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from protocols.errors import ConfigError

DRILL = "drill"

State = Annotated[Path, typer.Option(help="The hub's own folder.")]
Passphrase = Annotated[
    Path | None, typer.Option(help="File with the passphrase of the keys, readable by you alone.")
]
Store = Annotated[
    str | None, typer.Option(help="Where the series were on InfluxDB: another server, http://host:port.")
]
Org = Annotated[str | None, typer.Option(help="Another organisation on the InfluxDB server.")]
Bucket = Annotated[str | None, typer.Option(help="Another bucket for the samples; it must not be there.")]
Stay = Annotated[
    bool,
    typer.Option("--buckets-stay", help="The buckets on InfluxDB outlived the hub: use them as they are."),
]
Token = Annotated[
    Path | None, typer.Option(help="File with the token of an operator of InfluxDB; else the hub's own.")
]


def backup(  # noqa: PLR0913  one option each
    where: Annotated[str, typer.Argument(metavar="FOLDER|FILE|drill", help="Where to; or `drill`.")],
    file: Annotated[Path | None, typer.Argument(help="With `drill`: the backup to try.")] = None,
    *,
    site: Annotated[str, typer.Option(help="Id of the site.")] = "demo",
    state: State = Path("var/hub"),
    keys: Annotated[Path | None, typer.Option(help="Folder of keys that go along, sealed.")] = None,
    passphrase_file: Passphrase = None,
    within: Annotated[Path | None, typer.Option("--in", help="With `drill`: a folder with room.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With `drill`: for a machine to read.")] = False,
    store: Store = None,
    store_org: Org = None,
    store_token_file: Token = None,
) -> None:
    """Back up a hub, running or not, or try a backup with `ems backup drill FILE`; keys only when asked.

    Example: ems backup /backups --state var/hub
    """
    if where == DRILL:
        if file is None:
            raise ConfigError("give the backup to try: ems backup drill FILE")
        _drill(file, within, _fields(store, store_org, None, store_token_file), as_json=as_json)
        return
    if store is not None or store_org is not None:
        raise ConfigError("--store and --store-org are for `drill`: a backup is made where the series are")
    from hub.backup.make import Wanted, make  # noqa: PLC0415  the help needs none of it
    from hub.backup.sealed_keys import passphrase_of  # noqa: PLC0415  as above
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    if file is not None:
        raise ConfigError("give one place to write to")
    if (keys is None) != (passphrase_file is None):
        raise ConfigError("--keys and --passphrase-file belong together; give both or none")
    passphrase = b"" if passphrase_file is None else passphrase_of(passphrase_file)
    wanted = Wanted(state, site, Path(where), keys, passphrase, store_token_file)
    make(wanted, SystemClock(), typer.echo)


def restore(  # noqa: PLR0913  one option each
    file: Annotated[Path, typer.Argument(help="The backup.")],
    *,
    to: Annotated[Path, typer.Option(help="Folder to make; it must be empty or not there.")],
    keys: Annotated[Path | None, typer.Option(help="Where to put the keys that are in it.")] = None,
    passphrase_file: Passphrase = None,
    store: Store = None,
    store_org: Org = None,
    store_bucket: Bucket = None,
    buckets_stay: Stay = False,
    store_token_file: Token = None,
) -> None:
    """Make a hub's folder from a backup; every hash is checked first, and nothing is left of a damaged one.

    Example: ems restore /backups/ems-demo-20261122T020000Z.tar.zst --to var/hub
    """
    from hub.backup import restore as work  # noqa: PLC0415  the help needs none of it
    from hub.backup.sealed_keys import passphrase_of  # noqa: PLC0415  as above

    if (keys is None) != (passphrase_file is None):
        raise ConfigError("--keys and --passphrase-file belong together; give both or none")
    passphrase = b"" if passphrase_file is None else passphrase_of(passphrase_file)
    fields = _fields(store, store_org, store_bucket, store_token_file)
    manifest = work.restore(file, to, work.Server(fields, buckets_stay))
    typer.echo(f"{to}: {len(manifest.files)} files, every hash as it should be")
    if keys is not None:
        typer.echo(f"{keys}: {work.take_keys(to, passphrase, keys)} keys")
    for step in work.next_steps(manifest, to):
        typer.echo(f"  {step}")


def _fields(
    url: str | None, org: str | None, bucket: str | None, token_file: Path | None
) -> dict[str, object]:
    """Fields of `InfluxPlace` that were given."""
    absolute = None if token_file is None else token_file.resolve()
    given = {"url": url, "org": org, "bucket": bucket, "token_file": absolute}
    return {name: value for name, value in given.items() if value is not None}


def _drill(file: Path, within: Path | None, fields: dict[str, object], *, as_json: bool) -> None:
    from hub.backup.drill import drill  # noqa: PLC0415  the help needs none of it
    from hub.backup.restore import Server  # noqa: PLC0415  as above
    from runtime.clock import SystemClock, iso_utc  # noqa: PLC0415  as above

    found = drill(file, within, SystemClock(), Server(fields))
    newest = iso_utc(found.newest_ns) if found.newest_ns else "none"
    if as_json:
        typer.echo(json.dumps({**found._asdict(), "newest": newest, "ok": not found.faults}))
    else:
        for fault in found.faults:
            typer.echo(fault, err=True)
        typer.echo(
            f"{file}: restored in {found.restore_s:.1f} s, checked in {found.check_s:.1f} s, "
            f"{found.rows} rows, newest sample {newest}: "
            + ("it can be used" if not found.faults else "it cannot be relied on")
        )
    if found.faults:
        raise typer.Exit(1)
