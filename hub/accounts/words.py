"""What carriers are called by people, where the book has no label of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from protocols.config import Text

OWN: Final = "_own"
"""Ending of a carrier that the site generates for itself."""

CARRIERS: Final[Mapping[str, Text]] = {
    "electricity": Text(en="Electricity", zh="电力"),
    "electricity_own": Text(en="Own electricity", zh="自发电"),
    "natural_gas": Text(en="Natural gas", zh="天然气"),
    "heat": Text(en="Heat", zh="热力"),
    "heat_own": Text(en="Own heat", zh="自产热"),
    "steam": Text(en="Steam", zh="蒸汽"),
    "water": Text(en="Water", zh="水"),
    "hydrogen": Text(en="Hydrogen", zh="氢气"),
    "air": Text(en="Compressed air", zh="压缩空气"),
    "cooling": Text(en="Chilled water", zh="冷冻水"),
    "diesel": Text(en="Diesel", zh="柴油"),
    "gasoline": Text(en="Petrol", zh="汽油"),
    "lng": Text(en="LNG", zh="液化天然气"),
    "lpg": Text(en="LPG", zh="液化石油气"),
    "raw_coal": Text(en="Coal", zh="原煤"),
    "coke": Text(en="Coke", zh="焦炭"),
    "fuel_oil": Text(en="Fuel oil", zh="燃料油"),
    "crude_oil": Text(en="Crude oil", zh="原油"),
    "kerosene": Text(en="Kerosene", zh="煤油"),
    "oil_field_gas": Text(en="Oil field gas", zh="油田天然气"),
    "gas_field_gas": Text(en="Gas field gas", zh="气田天然气"),
}


def residual_text(meter: Text) -> Text:
    """The account of a meter with others below it: what none of them shows."""
    return Text(en=f"{meter.en} (not metered below)", zh=f"{meter.zh}（未分表部分）")


def carrier_text(carrier: str) -> Text:
    """The name of a carrier; its id where nobody named it."""
    plain = carrier.removesuffix(OWN)
    return CARRIERS.get(carrier) or CARRIERS.get(plain) or Text(en=plain, zh=plain)
