"""Everything of a site checked together before any is accepted: each fault with its line, all at once."""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from hub.accounts.book import book_file
from hub.accounts.book_check import Known, load_book
from hub.accounts.contracts import contract_file, load_contract
from hub.accounts.gauges import gauges_of
from hub.alarms.rules import load_alarms
from hub.forecast.config import load_forecast
from hub.registry.areas import Areas, load_areas
from hub.registry.calendars import load_calendar
from hub.registry.check import checked_files
from hub.registry.documents import Documents, put_files
from hub.registry.kinds import strays
from hub.registry.planning_file import check_reactive_point, load_planning
from hub.registry.plant_file import fitting_curves, load_plant
from hub.registry.site import Registry, load_registry
from hub.registry.writable import load_writables
from hub.store.retention import load_retention
from hub.values.load import known_points, load_values
from optimizer.planning import PLANNING_FILE
from optimizer.tariff import Emissions, Tariff
from plant.flowsheet import Flowsheet
from protocols.config import Config
from protocols.errors import ConfigError
from protocols.profile import Profile
from runtime.yaml_config import line_numbers, load_config, parsed_once

_T = TypeVar("_T")
_C = TypeVar("_C", bound=Config)
_NAMED: Final = 3
"""Points that are offered where one is missing."""


def check_documents(documents: Documents, site: str, shown_as: Path) -> Registry:
    """Check the files of a site together, away from the place they came from.

    Args:
        documents: The files.
        site: The site.
        shown_as: Folder that complaints name.

    Returns:
        The site as it would be.

    Raises:
        ConfigError: All faults, one a line.
    """
    staging = Path(tempfile.mkdtemp(prefix="ems-check-"))
    try:
        put_files(staging, documents, durable=False)
        with parsed_once():
            return check_folder(staging, site, documents)
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(staging), str(shown_as))) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_folder(folder: Path, site: str, documents: Documents) -> Registry:
    """Check the files of a site where they are; `documents` are all of them.

    Raises:
        ConfigError: All faults, one a line.
    """
    faults: list[str] = []
    registry = _tried(lambda: load_registry(folder, site), faults)
    flowsheet = _if_there(folder / "sites" / site / "flowsheet.yaml", Flowsheet, faults)
    if flowsheet is not None:
        curves = _tried(lambda: fitting_curves(folder, site, flowsheet), faults)
        if curves is not None and (folder / "sites" / site / PLANNING_FILE).exists():
            _tried(lambda: load_planning(folder, site, load_plant(folder, site)), faults)
    _if_there(folder / "tariffs" / f"{site}.yaml", Tariff, faults)
    _if_there(folder / "emissions" / f"{site}.yaml", Emissions, faults)
    if (contract := contract_file(folder, site)).exists():
        _tried(lambda: load_contract(contract), faults)
    _tried(lambda: load_retention(folder, site), faults)
    _tried(lambda: load_calendar(folder, site), faults)
    _tried(lambda: load_forecast(folder, site), faults)
    faults += _unused_profiles(folder, registry)
    if registry is not None:
        _of_registry(folder, registry, faults)
        stray = strays(documents, site, registry.site.edges, registry.devices)
        faults += (f"{folder}/{line}" for line in stray)
        if flowsheet is not None:
            faults += missing_points(folder / "sites" / site / "flowsheet.yaml", flowsheet, registry)
    if registry is None or faults:
        raise ConfigError("\n".join(dict.fromkeys("\n".join(faults).splitlines())))
    return registry


def _of_registry(folder: Path, registry: Registry, faults: list[str]) -> None:
    """What can only be checked against the devices and points of the site."""
    site, edges = registry.site.id, registry.site.edges
    for edge in edges:
        _tried(lambda edge=edge: checked_files(folder, site, edge), faults)  # type: ignore[misc]  # bound now
    _tried(lambda: load_writables(folder, registry), faults)
    values = _tried(lambda: load_values(folder, site, known_points(registry)), faults)
    if values is None:  # what it calculates is unknown; who names it has no fault of their own
        return
    _tried(lambda: load_alarms(folder, registry, values), faults)
    points = [point.local for point in (*registry.points, *values.virtual)]
    devices = [*registry.devices, *values.devices]
    if (folder / "sites" / site / PLANNING_FILE).exists():
        _tried(lambda: check_reactive_point(folder, site, points), faults)
    areas = _tried(lambda: load_areas(folder, site, points, devices), faults)
    if (book := book_file(folder, site)).exists():
        _tried(
            lambda: load_book(book, Known(_ids(areas), devices, gauges_of(registry, values))),
            faults,
        )


def _ids(areas: Areas | None) -> list[str] | None:
    return None if areas is None else list(areas.by_id)


def _unused_profiles(folder: Path, registry: Registry | None) -> Iterator[str]:
    """Faults of profiles that no device has; those in use are read with their devices."""
    used = set() if registry is None else {known.profile.id for known in registry.devices.values()}
    for path in sorted((folder / "devices").glob("*.yaml")):
        if path.stem in used:
            continue
        faults: list[str] = []
        profile = _tried(lambda path=path: load_config(path, Profile), faults)  # type: ignore[misc]  # bound now
        if profile is not None and profile.id != path.stem:
            faults.append(f"{path}:1: id is {profile.id!r} but the file is named {path.stem!r}")
        yield from faults


def missing_points(path: Path, flowsheet: Flowsheet, registry: Registry) -> Iterator[str]:
    """Every binding of a flowsheet to a point that no device has, as `file:line: field: found, allowed`."""
    known = {point.local for point in registry.points}
    line_of: Callable[[tuple[str, ...]], int] | None = None
    for name, unit in flowsheet.units.items():
        for role, ref in unit.bindings.items():
            if ref in known:
                continue
            line_of = line_of or line_numbers(path)
            like = difflib.get_close_matches(ref, known, _NAMED, 0.5) or sorted(known)[:_NAMED]
            place = ("units", name, "bindings", role)
            yield (
                f"{path}:{line_of(place)}: {'.'.join(place)}: found {ref!r}, which is no point of this site; "
                f"allowed are its points, for example {', '.join(like)}"
            )


def _tried(work: Callable[[], _T], faults: list[str]) -> _T | None:
    try:
        return work()
    except ConfigError as error:
        faults.append(str(error))
        return None


def _if_there(path: Path, model: type[_C], faults: list[str]) -> _C | None:
    return _tried(lambda: load_config(path, model), faults) if path.exists() else None
