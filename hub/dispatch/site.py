"""What dispatch knows of its site: the plant, its prices, which machine may be told what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hub.registry.site import Modes, load_registry, load_site_devices
from optimizer.tariff import Emissions, Tariff
from plant.flowsheet import Flowsheet
from plant.state import Plant, compile_plant
from protocols.config import Text
from protocols.write_block import WriteLimits
from runtime.site import load_write_blocks
from runtime.yaml_config import load_config


@dataclass(frozen=True, slots=True)
class DispatchSite:
    """All that does not change while the hub runs.

    Attributes:
        id: Site id.
        time_zone: IANA name.
        plant: The nominal plant.
        supply: Tariff and emission factors.
        modes: Who may be commanded.
        limits: Point "device/point" to its commissioned limits; a point without them is never commanded.
        edges: Device id to the edge that reads it.
        labels: Device id to what people call it.
        silence_s: Point "device/point" to how long it may be silent, where it is reported by exception. [s]
    """

    id: str
    time_zone: str
    plant: Plant
    supply: tuple[Tariff, Emissions]
    modes: Modes = field(default_factory=Modes)
    limits: dict[str, WriteLimits] = field(default_factory=dict)
    edges: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Text] = field(default_factory=dict)
    silence_s: dict[str, float] = field(default_factory=dict)


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
        devices = load_site_devices(config, site, edge)
        for block in load_write_blocks(config, site, devices).values():
            limits |= {f"{block.device}/{one.point}": one for one in block.points}
    return DispatchSite(
        id=site,
        time_zone=registry.site.time_zone,
        plant=compile_plant(flowsheet),
        supply=supply,
        modes=registry.site.modes,
        limits=limits,
        edges={name: known.edge for name, known in registry.devices.items()},
        labels={name: known.device.label for name, known in registry.devices.items()},
        silence_s={
            point.local: silent_s for point in registry.points if (silent_s := registry.silence_s(point))
        },
    )
