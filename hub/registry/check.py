"""What is wanted of an edge, read and checked before it is signed: devices, profiles, controllers, rules.

The signed limits lie at the box alone. So what rests on them is checked there: whether a value lies within
them, and whether they name a controller that is to act.
"""

from __future__ import annotations

from pathlib import Path

from plant.control.controller_check import misfits_of_both
from plant.control.controller_inputs import devices_of
from plant.control.controllers import ControllerBook
from protocols.errors import ConfigError
from protocols.rules import RuleBook
from runtime.fitting import load_if_there, point_facts, told
from runtime.site import configuration_files, controllers_file, devices_file, load_devices, rules_file


def checked_files(config_dir: Path, site: str, edge: str) -> dict[str, bytes]:
    """The files of an edge by their paths below the folder.

    Raises:
        ConfigError: All faults of devices and profiles, or else all of controllers and rules, one a line.
    """
    files = configuration_files(config_dir, site, edge)
    path, rules_path = controllers_file(config_dir, site, edge), rules_file(config_dir, site, edge)
    faults: list[str] = []
    controllers = load_if_there(path, ControllerBook, faults)
    devices = load_devices(config_dir, devices_file(config_dir, site, edge))
    facts = point_facts(devices.joined(devices_of(controllers.controllers)), {})
    rules = load_if_there(rules_path, RuleBook, faults)
    of_controllers, of_rules = misfits_of_both(controllers, rules, facts, None)
    faults += told(path, of_controllers) + told(rules_path, of_rules)
    if faults:
        raise ConfigError("\n".join(faults))
    return files
