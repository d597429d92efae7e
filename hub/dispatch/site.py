"""What dispatch knows of its site: the plant, its prices, which machine may be told what."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hub.registry.site import load_registry
from optimizer.tariff import Emissions, Tariff
from plant.flowsheet import Flowsheet
from plant.state import Plant, compile_plant
from protocols.config import Text
from protocols.write_block import WriteLimits
from runtime.site import devices_file, load_devices, load_write_blocks
from runtime.yaml_config import load_config


class Mode(StrEnum):
    """What the hub may do with a machine; only `auto` lets it command without a person."""

    OFF = "off"
    ADVICE = "advice"
    APPROVE = "approve"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class DispatchSite:
    """All that does not change while the hub runs.

    Attributes:
        id: Site id.
        time_zone: IANA name.
        plant: The nominal plant.
        supply: Tariff and emission factors.
        mode: Mode of the site.
        machine_modes: Machines that differ.
        limits: Point "device/point" to its commissioned limits; a point without them is never commanded.
        edges: Device id to the edge that reads it.
        labels: Device id to what people call it.
    """

    id: str
    time_zone: str
    plant: Plant
    supply: tuple[Tariff, Emissions]
    mode: Mode = Mode.ADVICE
    machine_modes: dict[str, Mode] = field(default_factory=dict)
    limits: dict[str, WriteLimits] = field(default_factory=dict)
    edges: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Text] = field(default_factory=dict)

    def mode_of(self, machine: str) -> Mode:
        """Mode of a machine: its own, else the site's; a site that is off rules all."""
        return self.mode if self.mode is Mode.OFF else self.machine_modes.get(machine, self.mode)


def load_site(config: Path, site: str) -> DispatchSite:
    """Read everything dispatch needs.

    Raises:
        ConfigError: A file is missing or broken.
    """
    folder = config / "sites" / site
    registry = load_registry(config, site)
    flowsheet = load_config(folder / "flowsheet.yaml", Flowsheet)
    supply = (
        load_config(config / "tariffs" / f"{site}.yaml", Tariff),
        load_config(config / "emissions" / f"{site}.yaml", Emissions),
    )
    limits: dict[str, WriteLimits] = {}
    for edge in registry.site.edges:
        devices = load_devices(config, devices_file(config, site, edge))
        for block in load_write_blocks(config, site, devices).values():
            limits |= {f"{block.device}/{one.point}": one for one in block.points}
    return DispatchSite(
        id=site,
        time_zone=registry.site.time_zone,
        plant=compile_plant(flowsheet),
        supply=supply,
        mode=Mode(registry.site.mode),
        machine_modes={machine: Mode(name) for machine, name in registry.site.machine_modes.items()},
        limits=limits,
        edges={name: known.edge for name, known in registry.devices.items()},
        labels={name: known.device.label for name, known in registry.devices.items()},
    )
