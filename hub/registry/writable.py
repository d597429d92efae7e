"""What may be written on a site, by the hub's copy of the write blocks; the edge goes by its own, signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.registry.site import Registry, load_site_devices
from protocols.point import PointId
from protocols.write_block import Duty, WriteBlock, WriteLimits
from runtime.site import load_write_blocks


@dataclass(frozen=True, slots=True)
class Writable:
    """One point that may be written.

    Attributes:
        point: The point.
        edge: Edge that writes it.
        zone: Part of the site that is stopped together; None: the device alone.
        cap_hash_hex: State of the hub's copy of its write block.
        limits: Its limits.
    """

    point: PointId
    edge: str
    zone: str | None
    cap_hash_hex: str
    limits: WriteLimits

    @property
    def duty(self) -> Duty:
        """Rate, wear, interlock and steps; that of a point without any where it has none."""
        return self.limits.duty or Duty()

    def scopes(self) -> tuple[str, ...]:
        """Every scope of an act it lies in, the widest first."""
        site, device, _ = self.point
        zone = () if self.zone is None else (f"zone:{self.zone}",)
        return ("all", f"site:{site}", *zone, f"{site}/{device}", str(self.point))


Writables = Mapping[str, Writable]
"""By `site/device/point`, in the order of the files."""


def load_writables(config_dir: Path, registry: Registry) -> dict[str, Writable]:
    """Read the write blocks of all edges of a site.

    Raises:
        ConfigError: A file is missing or wrong; all faults of an edge, one a line.
    """
    site = registry.site
    return {
        str(one.point): one
        for edge in site.edges
        for block in load_write_blocks(
            config_dir, site.id, load_site_devices(config_dir, site.id, edge)
        ).values()
        for one in _of(block)
    }


def scopes_of(writables: Writables) -> dict[str, tuple[Writable, ...]]:
    """Scope of an act to the points in it, the widest scopes first."""
    found: dict[str, list[Writable]] = {}
    for one in writables.values():
        for scope in one.scopes():
            found.setdefault(scope, []).append(one)
    return {scope: tuple(points) for scope, points in found.items()}


def _of(block: WriteBlock) -> Iterator[Writable]:
    cap_hash_hex = block.cap_hash().hex()
    for limits in block.points:
        point = PointId(block.site, block.device, limits.point)
        yield Writable(point, block.edge, block.zone, cap_hash_hex, limits)
