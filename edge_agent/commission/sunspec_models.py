"""SunSpec's information models as a table of ours: `configs/sunspec/<model>.yaml`, one file a model.

A row says where a value lies inside its model, how its bits are read, and what the house calls it. Offsets
are facts of the SunSpec Alliance's definitions; names, units, signs and ranges are the house's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field
from typing_extensions import override

from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError
from protocols.point import PointKind
from protocols.profile import DataType
from runtime.yaml_config import load_config

Offset = Annotated[int, Field(ge=0, le=65535)]
SunspecType = Literal[
    "uint16", "int16", "uint32", "int32", "uint64", "acc32", "acc64", "enum16", "bitfield16", "bitfield32"
]

READ_AS: Final[dict[str, tuple[DataType, int]]] = {
    "uint16": (DataType.U16, 0xFFFF),
    "int16": (DataType.I16, 0x8000),
    "enum16": (DataType.U16, 0xFFFF),
    "bitfield16": (DataType.U16, 0xFFFF),
    "uint32": (DataType.U32, 0xFFFF_FFFF),
    "int32": (DataType.I32, 0x8000_0000),
    "bitfield32": (DataType.U32, 0xFFFF_FFFF),
    "acc32": (DataType.U32, 0),
    "uint64": (DataType.U64, 0xFFFF_FFFF_FFFF_FFFF),
    "acc64": (DataType.U64, 0),
}
"""For each type how its bits are read, and the bits that say "not implemented" (SunSpec Device Information
Model Specification, section on data types; an accumulator that never counted is 0)."""

NO_FACTOR: Final = 0x8000
"""A scale factor that is not implemented."""

TO_THE_END: Final = "to_the_end"
"""A group that is repeated as often as the length of its model allows."""


class SunspecPoint(Config):
    """One value of a model."""

    name: IdPart
    """Name in a profile, with the suffix of its unit."""

    id: str
    """Name in the definition of the model."""

    at: Offset
    """Registers from the model id, or from the beginning of the group."""

    type: SunspecType
    """Type in the definition."""

    factor: str | None = None
    """Its scale factor, among `factors` of the model."""

    unit: str
    """Symbol from the table of units."""

    scale: float = 1.0
    """Value with its scale factor, times this, is the value in `unit`."""

    kind: PointKind = PointKind.MEASUREMENT
    """What may be written is a set-point."""

    low: float | None = None
    """Lowest valid value. [unit]"""

    high: float | None = None
    """Highest valid value. [unit]"""

    must: bool = False
    """Whether every device that has the model has this value."""

    label: Text
    """What people call it."""


class SunspecGroup(Config):
    """Values that belong together, often repeated: the inputs of an inverter, the curves of a function."""

    name: str
    """Name in the definition of the model."""

    prefix: IdPart
    """Begins the names of its points, with a number from 1 where it is repeated."""

    label: Text
    """Begins the labels of its points."""

    repeat: str | None = None
    """Among `counts` of the model: how often it is there; `to_the_end`: as often as the length allows."""

    size: Offset
    """Registers without the groups inside."""

    left_out: tuple[str, ...] = ()
    """Points of the definition that are texts, or have no unit of ours."""

    points: tuple[SunspecPoint, ...] = ()
    """Its values."""

    groups: tuple[SunspecGroup, ...] = ()
    """Groups inside, behind its own registers."""


class SunspecModel(Config):
    """One information model."""

    model: Annotated[int, Field(ge=1, le=65534)]
    """Its id."""

    label: Text
    """What people call it."""

    source: str
    """Where the facts were taken from, with the revision."""

    equipment: IdPart | None = None
    """Kind of equipment that has this model; None: several."""

    every_s: Annotated[float, Field(gt=0)] = 1.0
    """Polling class of its points; counters are read every 10 s at most."""

    prefix: IdPart | None = None
    """Begins the names of all its points."""

    size: Offset
    """Registers with id and length, without the groups."""

    factors: Annotated[dict[str, Offset], Field(default_factory=dict)]
    """Scale factors by name: registers from the model id."""

    counts: Annotated[dict[str, Offset], Field(default_factory=dict)]
    """How often groups are repeated, by name: registers from the model id."""

    left_out: tuple[str, ...] = ()
    """Points of the definition that are texts, or have no unit of ours."""

    points: tuple[SunspecPoint, ...] = ()
    """Its values."""

    groups: tuple[SunspecGroup, ...] = ()
    """Groups behind the fixed registers."""


class ModelTable(Mapping[int, SunspecModel]):
    """The models of a folder by id; a file is read when its model is asked for, and then kept.

    Raises:
        ConfigError: No such folder, or it holds no models; at a model: its file does not fit.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {int(file.stem): file for file in folder.glob("*.yaml") if file.stem.isdecimal()}
        self._models: dict[int, SunspecModel] = {}
        if not self._files:
            raise ConfigError(
                f"{folder}: holds no SunSpec models; give the folder of configurations by --config"
            )

    @override
    def __getitem__(self, model: int) -> SunspecModel:
        if model not in self._models:
            file = self._files[model]
            found = load_config(file, SunspecModel)
            if found.model != model:
                raise ConfigError(f"{file}: model: found {found.model}; the file is named {model}")
            self._models[model] = found
        return self._models[model]

    @override
    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._files))

    @override
    def __len__(self) -> int:
        return len(self._files)
