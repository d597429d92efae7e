"""`ems edge profile from-telegraf`: profiles and entries of a device list from a Telegraf configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commission.checking import check_profile
from edge_agent.commission.csv_profile import Head
from edge_agent.commission.profile_text import profile_yaml
from edge_agent.commission.site_file import device_entry
from edge_agent.commission.telegraf_profile import Made, Wishes, convert, file_of, told, unit_wish
from edge_agent.commission.toml_lines import Toml, load_toml
from protocols.errors import ConfigError


def from_telegraf(  # noqa: PLR0913  one option each
    file: Annotated[Path, typer.Argument(help="Telegraf's configuration, TOML.")],
    *,
    profile_id: Annotated[
        str, typer.Option("--id", help="Id of the profile, maker_model; a second one becomes maker_model_2.")
    ],
    unit: Annotated[
        list[str] | None,
        typer.Option("--unit", help="PATTERN=UNIT for fields whose name does not tell it, once for each."),
    ] = None,
    counter: Annotated[
        list[str] | None, typer.Option("--counter", help="PATTERN of fields that count up, once for each.")
    ] = None,
    label: Annotated[str, typer.Option(help="What people call the device.")] = "",
    label_zh: Annotated[str, typer.Option(help="The same in Chinese.")] = "",
    equipment: Annotated[str, typer.Option(help="Kind of equipment: meter, chiller, drive …")] = "meter",
    source: Annotated[str, typer.Option(help="The maker's document the addresses were taken from.")] = "",
    out: Annotated[Path, typer.Option(help="Folder of the profiles.")] = Path("configs/devices"),
    entries: Annotated[
        Path | None, typer.Option(help="File for the entries of the device list; else they are printed.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing when something is left out.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace profiles of these names.")] = False,
) -> None:
    """Make profiles and device entries of a Telegraf configuration; what is not certain is named by its line.

    Example: ems edge profile from-telegraf telegraf.conf --id acme_m1 --unit 'volt*=V' --counter '*energy*'
    """
    head = Head(profile_id, label or profile_id, label_zh or label or profile_id, equipment, source)
    wishes = Wishes(head, tuple(unit_wish(text) for text in unit or ()), tuple(counter or ()))
    toml = load_toml(file)
    made = convert(toml, wishes)
    left_out = told(toml, made.book.left_out)
    if strict and left_out:
        raise ConfigError("\n".join([*left_out, "nothing was written; mend these, or leave out --strict"]))
    _refuse_existing(made, out, force=force)
    for text in left_out:
        typer.echo(f"left out: {text}")
    for text in told(toml, made.book.notes):
        typer.echo(f"note: {text}")
    _write(toml, made, out)
    _enter(made, entries)


def _refuse_existing(made: Made, out: Path, *, force: bool) -> None:
    there = [str(file_of(out, profile)) for profile, _ in made.profiles if file_of(out, profile).exists()]
    if there and not force:
        raise ConfigError(f"{', '.join(there)}: there already; give another --id, or --force to replace")


def _write(toml: Toml, made: Made, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for profile, open_ones in made.profiles:
        target = file_of(out, profile)
        comment = [
            f"Made from {toml.path.name} of Telegraf. Compare units, signs and ranges before it is used."
        ]
        text = profile_yaml(profile, comment)
        if open_ones:
            remark = "# Values whose unit Telegraf does not say; fill in name and unit, then uncomment."
            text += "\n".join([remark, *open_ones]) + "\n"
        target.write_text(text, encoding="utf-8")
        typer.echo(f"{target}: {len(profile.points)} points")
        for line in check_profile(target).lines():
            typer.echo(line)


def _enter(made: Made, entries: Path | None) -> None:
    known = {profile.id: profile for profile, _ in made.profiles}
    lines = [line for device in made.devices for line in device_entry(device, known[device.profile])]
    if not lines:
        return
    head = "# Entries for configs/sites/<site>/<edge>.yaml, made from a Telegraf configuration."
    text = "\n".join([head, "devices:", *lines]) + "\n"
    if entries is None:
        typer.echo(text, nl=False)
    else:
        entries.write_text(text, encoding="utf-8")
        typer.echo(
            f"{entries}: {len(made.devices)} devices; `ems edge check` once they are in the device list"
        )
