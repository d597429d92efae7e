"""A SunSpec device → a profile: each model is read once, and what the device implements becomes points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge_agent.commission.rawread import RawReader
from edge_agent.commission.sunspec_chain import Chain, Place, is_common, nameplate, read_model, walk
from edge_agent.commission.sunspec_models import SunspecModel
from edge_agent.commission.sunspec_points import LONGEST_NAME, Mapped, map_model
from protocols.config import Text
from protocols.errors import DeviceRefusedError, DeviceUnreachableError
from protocols.profile import PointSpec, Profile
from runtime.yaml_config import as_config

_OTHER: Final = "meter"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for.

    Attributes:
        id: Id of the profile.
        label: What people call the device; empty: maker and type as it says itself.
        label_zh: The same in Chinese.
        equipment: Kind of equipment; empty: by its models.
        max_registers: Most registers in one request.
        curves: Whether curves become points.
    """

    id: str
    label: str = ""
    label_zh: str = ""
    equipment: str = ""
    max_registers: int = 125
    curves: bool = False


@dataclass(slots=True)
class Survey:
    """What a device has.

    Attributes:
        chain: Its models.
        who: Maker and type; empty when it says none.
        version: Its version; empty when it says none.
        points: Points of all known models, each with a name of its own.
        known: Ids of the models that became points.
        notes: What was left out, and why.
        faults: What cannot be believed.
    """

    chain: Chain
    who: str = ""
    version: str = ""
    points: list[PointSpec] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


async def survey(reader: RawReader, table: Mapping[int, SunspecModel], wish: Wish) -> Survey:
    """Read all models of a device once.

    Raises:
        DeviceUnreachableError: No answer; in the middle the message says how far it went.
        BadAnswerError: It answers something else than was asked.
    """
    chain = await walk(reader)
    found = Survey(chain, faults=[chain.fault] if chain.fault else [])
    for place in chain.places:
        if place.model not in table:
            found.notes.append(f"{place.title} of {place.length} registers is not in the table")
            continue
        words = await _read(reader, place, wish, found)
        if words and is_common(place) and not found.who:
            found.who, found.version = nameplate(words)
        if words:
            _take(found, place, map_model(table[place.model], place, words, curves=wish.curves))
    return found


async def _read(reader: RawReader, place: Place, wish: Wish, found: Survey) -> tuple[int, ...]:
    try:
        return await read_model(reader, place, wish.max_registers)
    except DeviceRefusedError as error:
        found.faults.append(
            f"{place.title} of {place.length} registers is refused: {error}; try fewer in one request, "
            "for example --max-registers 50"
        )
        return ()
    except DeviceUnreachableError as error:
        raise DeviceUnreachableError(
            f"fell silent while {place.title} of {place.length} registers was read: {error}; try again, "
            "a longer --timeout-s, or fewer registers in one request, for example --max-registers 50"
        ) from error


def _take(found: Survey, place: Place, mapped: Mapped) -> None:
    found.notes += mapped.notes
    if mapped.fault:
        found.faults.append(mapped.fault)
    if not mapped.points:
        return
    again = found.known.count(place.model)
    found.known.append(place.model)
    taken = {spec.name for spec in found.points}
    for spec in mapped.points:
        name = _free_name(spec.name, taken, place.model, again + 1)
        if name:
            taken.add(name)
            found.points.append(_renamed(spec, name, place))
        else:
            found.notes.append(f"{place.title}: {spec.name} finds no free name of {LONGEST_NAME} signs")


def _free_name(name: str, taken: Iterable[str], model: int, number: int) -> str:
    """The name itself, or with the model before it where an earlier model has it already."""
    tries = (name, f"m{model}_{name}", f"m{model}_{number}_{name}")
    return next((one for one in tries if one not in taken and len(one) <= LONGEST_NAME), "")


def _renamed(spec: PointSpec, name: str, place: Place) -> PointSpec:
    if name == spec.name:
        return spec
    label = Text(en=f"{spec.label.en} ({place.title})", zh=f"{spec.label.zh}（{place.title}）")
    return spec.model_copy(update={"name": name, "label": label})


def make_profile(found: Survey, table: Mapping[int, SunspecModel], wish: Wish) -> Profile:
    """Profile of what was found; there must be a point.

    Raises:
        ConfigError: Id or equipment is no id part.
    """
    kinds = [table[model].equipment for model in found.known]
    label = wish.label or found.who or wish.id
    version = f", its version {found.version}" if found.version else ""
    origin = {
        "sources": list(dict.fromkeys(table[model].source for model in found.known)),
        "revision": f"models {_listed(found.known)} as the device lists them{version}",
        "certainty": "maker_document",
    }
    document = {
        "id": wish.id,
        "label": {"en": label, "zh": wish.label_zh or label},
        "protocol": "modbus",
        "equipment": wish.equipment or next((kind for kind in kinds if kind), _OTHER),
        "origin": origin,
        "points": [spec.model_dump() for spec in found.points],
        "max_registers": wish.max_registers,
    }
    return as_config(wish.id, document, Profile)


def _listed(models: Iterable[int]) -> str:
    return ", ".join(str(model) for model in dict.fromkeys(models))
