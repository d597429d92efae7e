"""Supply contracts from their files, with every fault and its line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from accounts.band_check import calendar_faults
from accounts.bands import Fault, TouCalendar
from accounts.contract import Contract, contract_faults
from protocols.errors import ConfigError
from runtime.yaml_config import line_numbers, load_config, load_yaml


def contract_file(config_dir: Path, site: str) -> Path:
    """Where the contract of a site stands; it need not be there."""
    return config_dir / "contracts" / f"{site}.yaml"


def load_contract(path: Path) -> Contract:
    """Read a contract.

    Raises:
        ConfigError: All faults, each as `file:line: field: found, allowed`: hours that overlap or leave a
            gap, sheets that do, unknown bands, zones, days and fields.
    """
    try:
        contract = load_config(path, Contract)
    except ConfigError as error:
        told = [*str(error).splitlines(), *_of_calendar(path)]
        raise ConfigError("\n".join(told)) from error
    return _without_faults(path, contract)


def _without_faults(path: Path, contract: Contract) -> Contract:
    faults = list(contract_faults(contract))
    if faults:
        raise ConfigError("\n".join(_told(path, faults)))
    return contract


def _of_calendar(path: Path) -> list[str]:
    """Hours that overlap, where something else of the file keeps it from being read: all is told at once."""
    plain = load_yaml(path)
    if not isinstance(plain, dict) or "calendar" not in plain:
        return []
    try:
        calendar = TouCalendar.model_validate(plain["calendar"])
    except ValidationError:
        return []  # its faults are told already
    faults = [(("calendar", *loc), text) for loc, text in calendar_faults(calendar, ())]
    return _told(path, faults)


def _told(path: Path, faults: Sequence[Fault]) -> list[str]:
    line_of = line_numbers(path)
    rows = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in faults)
    return [f"{path}:{line}: {where}: {text}" for line, where, text in rows]
