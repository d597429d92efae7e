"""`ems edge check`: all that is wrong with the configuration of an edge, told at once, before it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from edge_agent.configuration_store import folder_in_force
from edge_agent.controllers.file import Controllers, load_controllers, named_writers
from edge_agent.settings import Accepted, Place, load_accepted, load_site
from protocols.errors import ConfigError
from runtime.site import load_write_blocks

_T = TypeVar("_T")


def checked(place: Place) -> tuple[Accepted, Controllers]:
    """The configuration in force and its controllers, when nothing is wrong with either.

    The write blocks of the configuration folder are read too, so that limits are judged before somebody
    signs them.

    Raises:
        ConfigError: All faults of devices, profiles, limits, controllers and rules, one a line.
    """
    faults: list[str] = []
    folder = folder_in_force(place.config, place.state)
    accepted = _noted(lambda: load_accepted(place), faults)
    site = accepted.site if accepted is not None else _noted(lambda: load_site(place, folder), [])
    if site is None:
        raise ConfigError("\n".join(faults))
    unsigned = _noted(lambda: load_write_blocks(place.config, place.site, site), faults) or {}
    signed = {} if accepted is None else accepted.blocks
    wanted = Accepted(place, site, {**unsigned, **signed}, {}, folder)
    _noted(lambda: load_controllers(wanted), faults)
    if faults or accepted is None:
        raise ConfigError("\n".join(dict.fromkeys("\n".join(faults).splitlines())))
    return accepted, load_controllers(accepted)


def refused_points(accepted: Accepted, found: Controllers) -> Iterator[str]:
    """Set-points that have limits and are refused all the same, with the reason, as sentences."""
    for name, block in accepted.blocks.items():
        if name not in accepted.cap_hashes:
            points = ", ".join(limits.point for limits in block.points)
            yield f"{name}: nothing is written, its fallback is not proven ({points}); run: ems edge prove"
    here = {wish.writer for one in found.hosted for wish in one.wishes}
    for point, writer in named_writers(accepted.blocks).items():
        if writer not in here:
            yield f"{point}: its one writer {writer!r} does not run here, so only a person can set it"


def _noted(load: Callable[[], _T], faults: list[str]) -> _T | None:
    try:
        return load()
    except ConfigError as error:
        faults.append(str(error))
        return None
