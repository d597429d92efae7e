"""Energy carriers and the constants of nature that belong to them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Carrier(StrEnum):
    """What flows in a node; two nodes of one carrier may be joined, two of different carriers never."""

    ELECTRICITY = "electricity"
    """Active power [kW]."""
    GAS = "gas"
    """Natural gas as fuel power on its lower heating value [kW LHV]."""
    HEAT = "heat"
    """Hot water [kW]."""
    COOLING = "cooling"
    """Chilled water; taken heat counts positive [kW]."""
    COMPRESSED_AIR = "compressed_air"
    """Free air delivery, ISO 1217: 20 °C, 1 bar absolute, dry [m³/min]."""


GAS_LHV_KWH_NM3: Final = 10.0
"""Lower heating value of natural gas, group H, per normal cubic metre (0 °C, 1.01325 bar). [kWh/Nm³]

Source: DVGW G 260, group H range 8.4 to 13.1 kWh/Nm³ upper value; 10.0 LHV is its usual middle."""

GAS_CO2_KG_KWH: Final = 0.202
"""Carbon dioxide per kWh of natural gas on its LHV. [kg/kWh]

Source: IPCC 2006 Guidelines, vol. 2, table 2.2: 56.1 kg/GJ LHV × 0.0036 GJ/kWh = 0.202."""

ATMOSPHERE_BAR_A: Final = 1.0
"""Absolute pressure of free air in the reference state of ISO 1217 [bar a]."""

GAUGE_OFFSET_BAR: Final = 1.01325
"""Absolute minus gauge pressure at sea level [bar]."""

WATER_KWH_M3_K: Final = 1.163
"""Heat per cubic metre and kelvin of water: 1000 kg/m³ × 4.187 kJ/(kg·K) / 3600 [kWh/(m³·K)]."""


def gas_nm3(fuel_kwh: float) -> float:
    """Normal cubic metres of natural gas that hold `fuel_kwh` on the LHV.

    Example:
        >>> gas_nm3(25.0)
        2.5
    """
    return fuel_kwh / GAS_LHV_KWH_NM3
