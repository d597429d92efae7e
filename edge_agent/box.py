"""A box that was set up by the package: its settings, and the user its agent runs as.

`/etc/ems/edge.env` holds what the unit gives to the agent. A command that looks after the box as a whole goes
by it, and looks with the rights of the agent, so that what it finds is what the agent finds.
"""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.settings import Place
from protocols.errors import ConfigError

SETTINGS: Final = Path("/etc/ems/edge.env")
USER: Final = "ems-edge"

_CONFIG: Final = Path("/etc/ems/config")
_STATE: Final = Path("/var/lib/ems-edge")
_PORT_OPTION: Final = "--metrics-port"


@dataclass(frozen=True, slots=True)
class Box:
    """What the unit gives to the agent.

    Attributes:
        place: Where the agent finds its things.
        metrics_port: Fixed port on loopback; 0 where it takes a free one.
    """

    place: Place
    metrics_port: int = 0


def read_box(settings: Path = SETTINGS) -> Box | None:
    """The settings of this box; None where the package is not installed.

    Raises:
        ConfigError: They may not be read by this user.
    """
    try:
        text = settings.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise ConfigError(f"{settings} is for root; run this again with sudo") from error
    given = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line and line[0] != "#")
    place = Place(
        _CONFIG, given.get("EMS_SITE", ""), given.get("EMS_EDGE", ""), _STATE, _STATE / "keys",
        given.get("EMS_BUS", ""),
    )  # fmt: skip
    return Box(place, _port(given))


def _port(given: Mapping[str, str]) -> int:
    options = shlex.split(given.get("EMS_OPTIONS", ""))
    for at, option in enumerate(options):
        name, _, value = option.partition("=")
        if name == _PORT_OPTION:
            value = value or "".join(options[at + 1 : at + 2])
            return int(value) if value.isdecimal() else 0
    return 0


def become_agent(user: str = USER) -> None:
    """Go on with the rights of the agent to the end of the process, where root asks and the user is there."""
    if os.getuid() != 0:
        return
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return
    os.initgroups(entry.pw_name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
