"""Readings of one device beside what its own display shows, taken now, and the record of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.commission.reading import chosen, read_points
from edge_agent.commission.record import (
    CommissioningRecord,
    Comparison,
    compare,
    load_record,
    profile_hash,
    save_record,
)
from protocols.errors import ConfigError
from protocols.write_block import WriteBlock
from runtime.clock import SystemClock, iso_utc
from runtime.site import SiteDevices


@dataclass(frozen=True, slots=True)
class Comparer:
    """Who compares.

    Attributes:
        person: Who stands beside the machine.
        tolerance_frac: Largest difference that is taken for the same, as a share of the number shown.
    """

    person: str
    tolerance_frac: float = 0.02


async def compare_live(
    devices: SiteDevices, name: str, shown: Mapping[str, float], by: Comparer, state: Path
) -> tuple[CommissioningRecord, Path]:
    """Read the points shown and record the comparison; gives the record and its file.

    Raises:
        ConfigError: One differs or was not read; the message names each, and nothing is recorded.
        DeviceError: The device does not answer.
    """
    profile, specs = chosen(devices, name, list(shown))
    points = await read_points(devices, name, specs, state)
    faults = compare(points, shown, by.tolerance_frac)
    if faults:
        raise ConfigError("\n".join([*faults, f"{name}: nothing was recorded"]))
    record = CommissioningRecord(
        device=name,
        profile=profile.id,
        profile_hash_hex=profile_hash(profile),
        connection=devices.device(name).connection.model_dump_json(exclude_defaults=True),
        person=by.person,
        compared_at=iso_utc(SystemClock().now().wall_ns),
        tolerance_frac=by.tolerance_frac,
        comparisons=tuple(
            Comparison(
                point=point.spec.name,
                unit=point.spec.unit,
                read=point.value,
                shown=shown[point.spec.name],
                raw_hex=point.data.hex(),
            )
            for point in points
        ),
    )
    return record, save_record(state, record)


def refuse_uncompared(devices: SiteDevices, blocks: Mapping[str, WriteBlock], state: Path) -> None:
    """Each point that is to be written was compared with the display first, as it is read now (fault E11).

    Raises:
        ConfigError: One was not; a sentence for each device, with the command to run.
    """
    faults = [text for block in blocks.values() for text in _uncompared(devices, block, state)]
    if faults:
        raise ConfigError("\n".join(faults))


def _uncompared(devices: SiteDevices, block: WriteBlock, state: Path) -> Iterator[str]:
    if devices.device(block.device).connection.kind == "controller":
        return  # its inputs lie in the agent: there is no register to be taken for another, and no display
    record, name = load_record(state, block.device), block.device
    wanted = [limits.point for limits in block.points]
    if record is None:
        why, missing = "nobody compared it with its display", wanted
    elif record.profile_hash_hex != profile_hash(devices.profile_of(name)):
        why, missing = f"its profile changed since {record.person} compared it with its display", wanted
    else:
        compared = {one.point for one in record.comparisons}
        missing = [point for point in wanted if point not in compared]
        why = f"{', '.join(missing)} was not compared with its display"
    if missing:
        shown = " ".join(f"--shown {point}=…" for point in wanted)
        yield (
            f"{name}: {why}, so nothing of it may be written; read the display and run first: "
            f'ems edge commission {name} --person "…" {shown}'
        )
