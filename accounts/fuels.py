"""Energy of carriers in one measure: standard coal, and heating values that are never mixed up.

Source: GB/T 2589-2020, 《综合能耗计算通则》, annex A (reference values; a measured heating value of one's own
goes before them). One kilogram of standard coal equivalent is 29307.6 kJ.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

from protocols.errors import ConfigError

HeatBasis = Literal["lhv", "hhv"]

COAL_EQUIVALENT_KJ_KG: Final = Decimal("29307.6")
"""Heat of a kilogram of standard coal. [kJ/kg]"""

STANDARD_COAL: Final[Mapping[str, tuple[str, Decimal]]] = {
    "electricity": ("kWh", Decimal("0.1229")),
    "heat": ("MJ", Decimal("0.03412")),
    "raw_coal": ("kg", Decimal("0.7143")),
    "coke": ("kg", Decimal("0.9714")),
    "crude_oil": ("kg", Decimal("1.4286")),
    "fuel_oil": ("kg", Decimal("1.4286")),
    "gasoline": ("kg", Decimal("1.4714")),
    "kerosene": ("kg", Decimal("1.4714")),
    "diesel": ("kg", Decimal("1.4571")),
    "lpg": ("kg", Decimal("1.7143")),
    "lng": ("kg", Decimal("1.7572")),
    "oil_field_gas": ("m³", Decimal("1.3300")),
    "gas_field_gas": ("m³", Decimal("1.2143")),
}
"""Carrier to its unit and kilograms of standard coal for one; electricity and heat by 当量值."""


def standard_coal_kg(
    used: Mapping[str, Decimal], own: Mapping[str, Decimal] | None = None
) -> dict[str, Decimal]:
    """Standard coal of each carrier that was bought; media made on the site are not counted twice. [kg].

    Args:
        used: Carrier to what was bought, in the unit of `STANDARD_COAL`.
        own: Coefficients of one's own, measured ones, by carrier. [kg for one unit]

    Raises:
        ConfigError: A carrier has no coefficient.

    Example:
        >>> standard_coal_kg({"electricity": Decimal(1000)})
        {'electricity': Decimal('122.9000')}
    """
    own = own or {}
    unknown = sorted(set(used) - set(own) - set(STANDARD_COAL))
    if unknown:
        raise ConfigError(
            f"there is no coefficient of standard coal for {', '.join(unknown)}; known are "
            f"{', '.join(sorted(STANDARD_COAL))}, others are given as one's own"
        )
    return {
        name: amount * own.get(name, STANDARD_COAL.get(name, ("", Decimal(0)))[1])
        for name, amount in used.items()
    }


def fuel_coal_kg(kwh: Decimal, stated: HeatBasis, hhv_per_lhv: Decimal | None) -> Decimal:
    """Standard coal of a fuel whose energy is known: by its lower heating value. [kg].

    Raises:
        ConfigError: As `in_basis`.

    Example:
        >>> round(fuel_coal_kg(Decimal(1000), "lhv", None), 3)
        Decimal('122.835')
    """
    return in_basis(kwh, stated, "lhv", hhv_per_lhv) * 3600 / COAL_EQUIVALENT_KJ_KG


def in_basis(kwh: Decimal, stated: HeatBasis, wanted: HeatBasis, hhv_per_lhv: Decimal | None) -> Decimal:
    """Energy of a fuel by another heating value. [kWh].

    Args:
        kwh: Energy as stated. [kWh]
        stated: Heating value it is stated in: European gas invoices by the higher, Chinese ones by the lower.
        wanted: Heating value that is wanted.
        hhv_per_lhv: Higher over lower, of the gas that was delivered; natural gas 1.10 to 1.11.

    Raises:
        ConfigError: The two differ and the ratio is not given, or is none.

    Example:
        >>> int(in_basis(Decimal("1108"), "hhv", "lhv", Decimal("1.108")))
        1000
    """
    if stated == wanted:
        return kwh
    if hhv_per_lhv is None or not Decimal(1) <= hhv_per_lhv <= Decimal("1.25"):
        raise ConfigError(
            f"energy stated by the {stated.upper()} is wanted by the {wanted.upper()}: give the ratio of "
            "the two of this fuel, from 1 to 1.25"
        )
    return kwh / hhv_per_lhv if wanted == "lhv" else kwh * hhv_per_lhv
