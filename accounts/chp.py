"""How much of a CHP's fuel (and with it cost and CO2) belongs to its power and how much to its heat.

    energy        f_P = P / (P + Q)
    exergy        f_P = P / (P + Q · (1 - T0/Tm))         Tm = (Ts - Tr) / ln(Ts/Tr)
    alternative   f_P = (P/ηe) / (P/ηe + Q/ηt)            made apart at reference efficiencies
    power_bonus   f_Q = 1 - (P · e) / F                   heat bears what the power, valued at e, leaves over

No method is right: a figure says which it was made by. Source: EN 15316-4-5 (exergy: "Carnot"; power bonus),
Directive 2012/27/EU annex II and Regulation (EU) 2015/2402 (reference efficiencies, the alternative method).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from protocols.errors import ConfigError

Method = Literal["energy", "exergy", "alternative", "power_bonus"]
METHODS: Final[tuple[Method, ...]] = ("energy", "exergy", "alternative", "power_bonus")
_ZERO_C_K: Final = 273.15
_MOST_FRAC: Final = 1.12
"""By the lower heating value what condenses gives more than it burns. [-]"""


@dataclass(frozen=True, slots=True)
class Chp:
    """A CHP over a period.

    Attributes:
        fuel_kwh: Burnt. [kWh]
        power_kwh: Generated, its own use taken off. [kWh]
        heat_kwh: Heat that was used. [kWh]
    """

    fuel_kwh: float
    power_kwh: float
    heat_kwh: float


@dataclass(frozen=True, slots=True)
class Reference:
    """What a method needs beside.

    Attributes:
        supply_c: Flow of the heat. [°C]
        return_c: Its return. [°C]
        outside_c: Surroundings. [°C]
        power_eff_frac: Efficiency of power made apart. [-]
        heat_eff_frac: Efficiency of heat made apart. [-]
        power_value: Fuel that a kilowatt-hour of power replaces. [kWh/kWh]
    """

    supply_c: float = 85.0
    return_c: float = 60.0
    outside_c: float = 10.0
    power_eff_frac: float = 0.53
    heat_eff_frac: float = 0.92
    power_value: float = 2.5


def power_share(chp: Chp, method: Method, reference: Reference | None = None) -> float:
    """Share of the fuel that the power bears; the heat bears the rest. [-].

    Raises:
        ConfigError: It made nothing, more than it burnt, or temperatures and efficiencies cannot be.

    Example:
        >>> round(power_share(Chp(1000, 380, 450), "alternative"), 3)
        0.594
    """
    reference = reference or Reference()
    _believable(chp, reference)
    power, heat = chp.power_kwh, chp.heat_kwh
    if method == "power_bonus":
        return min(power * reference.power_value / chp.fuel_kwh, 1.0)
    if method == "exergy":
        supply_k, return_k = reference.supply_c + _ZERO_C_K, reference.return_c + _ZERO_C_K
        mean_k = supply_k if supply_k == return_k else (supply_k - return_k) / math.log(supply_k / return_k)
        heat *= 1.0 - (reference.outside_c + _ZERO_C_K) / mean_k
    elif method == "alternative":
        power, heat = power / reference.power_eff_frac, heat / reference.heat_eff_frac
    return power / (power + heat)


def _believable(chp: Chp, reference: Reference) -> None:
    given = (chp.fuel_kwh, chp.power_kwh, chp.heat_kwh)
    if not all(math.isfinite(value) and value >= 0 for value in given) or chp.power_kwh + chp.heat_kwh <= 0:
        raise ConfigError(
            f"a CHP with {chp} cannot be split; give energies from 0 on, power or heat above it"
        )
    if chp.power_kwh + chp.heat_kwh > chp.fuel_kwh * _MOST_FRAC:
        raise ConfigError(
            f"a CHP that gives more than it burns: {chp}; its meters or heating values are mixed up"
        )
    if not reference.outside_c < reference.return_c <= reference.supply_c:
        raise ConfigError("temperatures rise from outside over return to supply; give them so")
    if not (0 < reference.power_eff_frac < 1 and 0 < reference.heat_eff_frac <= _MOST_FRAC):
        raise ConfigError("reference efficiencies lie between 0 and 1")
