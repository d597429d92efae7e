"""What dispatch knows of its site: the plant, its prices, which machine may be told what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from accounts.contract import Contract
from hub.accounts.book import AccountsFile, book_file
from hub.accounts.contracts import contract_file, load_contract
from hub.registry.planning_file import load_planning
from hub.registry.plant_file import load_plant
from hub.registry.site import Modes, load_registry, load_site_devices
from optimizer.contracted import courses_asked
from optimizer.planning import PlanningFile
from optimizer.tariff import Emissions, Tariff
from optimizer.words import Speech, said
from plant.flowsheet import Flowsheet
from plant.state import Plant
from protocols.command import Level
from protocols.config import Text
from protocols.write_block import WriteLimits
from runtime.site import load_write_blocks
from runtime.yaml_config import load_config

_SET_POINT: Final = "_set_"
"""In the name of every role a plan may tell."""


@dataclass(frozen=True, slots=True)
class DispatchSite:
    """All that does not change while the hub runs.

    Attributes:
        id: Site id.
        time_zone: IANA name.
        plant: The plant, learnt curves in the place of nominal ones.
        supply: Tariff and emission factors.
        modes: Who may be commanded, by device and by unit of the flowsheet.
        limits: Point "device/point" to its commissioned limits; a point without them is never commanded.
        edges: Device id to the edge that reads it.
        labels: Device id to what people call it.
        silence_s: Point "device/point" to how long it may be silent, where it is reported by exception. [s]
        contract: Supply contract that electricity is bought by; None: by the tariff.
        notes: What every plan has to tell of the files it goes by.
        planning: What a plan may choose, and what it keeps in hand.
        courses: Prices the contract goes by that are made day by day, to their point "device/point" and what
            its value is multiplied by. [money/kWh]
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
    contract: Contract | None = None
    notes: tuple[Text, ...] = ()
    planning: PlanningFile = field(default_factory=PlanningFile)
    courses: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def speech(self) -> Speech:
        """How its machines and times are called."""
        return Speech(self.labels, ZoneInfo(self.time_zone))

    @property
    def commanded(self) -> frozenset[str]:
        """Devices, and units of the flowsheet: whatever has a mode."""
        return frozenset((*self.edges, *self.plant.flowsheet.units))

    def may_tell(self, point: str) -> bool:
        """Whether a plan may write a point: it has limits, and they do not keep it for other rungs."""
        limits = self.limits.get(point)
        return limits is not None and Level.OPTIMISER.value in limits.levels


def modes_of_units(modes: Modes, sheet: Flowsheet) -> Modes:
    """The same modes, known by the units of a flowsheet too: each by the devices that take its set-points.

    A site names devices, a plan its units; behind one controller there may be several of them, and one unit
    may be told through several devices. The strictest mode wins.
    """
    machines = dict(modes.machines)
    for name, devices in told_through(sheet).items():
        machines[name] = modes.through(name, devices)
    return Modes(modes.site, machines)


def told_through(sheet: Flowsheet) -> dict[str, list[str]]:
    """Unit to the devices that take its set-points, where these are not the device of its own name."""
    found = {
        name: sorted({ref.split("/")[0] for role, ref in unit.bindings.items() if _SET_POINT in role})
        for name, unit in sheet.units.items()
    }
    return {name: devices for name, devices in found.items() if set(devices) - {name}}


def load_site(config: Path, site: str) -> DispatchSite:
    """Read everything dispatch needs.

    Raises:
        ConfigError: A file is missing or broken.
    """
    registry = load_registry(config, site)
    supply = (
        load_config(config / "tariffs" / f"{site}.yaml", Tariff),
        load_config(config / "emissions" / f"{site}.yaml", Emissions),
    )
    contract, courses, notes = _contract(config, site)
    limits: dict[str, WriteLimits] = {}
    for edge in registry.site.edges:
        devices = load_site_devices(config, site, edge)
        for block in load_write_blocks(config, site, devices).values():
            limits |= {f"{block.device}/{one.point}": one for one in block.points}
    plant = load_plant(config, site)
    return DispatchSite(
        id=site,
        time_zone=registry.site.time_zone,
        plant=plant,
        supply=supply,
        modes=modes_of_units(registry.site.modes, plant.flowsheet),
        limits=limits,
        edges={name: known.edge for name, known in registry.devices.items()},
        labels={name: known.device.label for name, known in registry.devices.items()},
        silence_s={
            point.local: silent_s for point in registry.points if (silent_s := registry.silence_s(point))
        },
        contract=contract,
        notes=notes,
        planning=load_planning(config, site, plant),
        courses=courses,
    )


def _contract(
    config: Path, site: str
) -> tuple[Contract | None, dict[str, tuple[str, float]], tuple[Text, ...]]:
    """The contract, where its prices that are made day by day stand in the store, and what plans have to say.

    Without a contract, or where nobody says where such prices stand, plans go by the tariff.
    """
    path = contract_file(config, site)
    if not path.exists():
        return None, {}, ()
    contract = load_contract(path)
    asked, book = courses_asked(contract), book_file(config, site)
    stand = load_config(book, AccountsFile).courses if asked and book.exists() else ()
    courses = {one.id: (one.point, one.per_kwh) for one in stand if one.id in asked}
    missing = sorted(asked - courses.keys())
    if not missing:
        return contract, courses, ()
    note = said(
        "the contract {contract} goes by the prices {prices}, for which accounts.yaml names no point; "
        "planned by the tariff",
        "合同 {contract} 采用价格 {prices}，但 accounts.yaml 未给出其测点；按电价表计划",
        contract=contract.id,
        prices=", ".join(missing),
    )
    return None, {}, (note,)
