"""Good rules above a plant: what a careful engineer sets up without a plan.

Air by the sequencer at a target pressure, chillers by the staging with a supply reset by outdoor temperature,
the battery by the tariff; on request the engine by the tariff too. They see sensors with bias and noise, know
the machines by their data sheets and the tariff a day ahead, and no future of the plant.

    cheap:  price <= low + (high - low) / 4        dear:  price >= high - (high - low) / 4

of the 24 h that begin now, as long as high · η_out - low / η_in is more than the wear. In cheap hours the
battery charges, never beyond the highest quarter of the billing period so far; in dear hours it gives what
the plant would buy, never more; what the plant would feed in goes into it at any price.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.cases.sequencer import Sequencer
from benchmarks.plant_run import QUARTER_S, Moment, World
from optimizer.problem import FloatArray
from optimizer.tariff import price_series
from plant.control import staging
from plant.control.setpoints import ChillerSetpoint, Setpoints, no_setpoints
from plant.control.staging_types import ChillerSeen, StagedChiller, StagingNow, StagingSettings
from plant.units.cooling import RUNNING, Chiller
from plant.units.power import Battery

LOOK_S: Final = 10
"""Chillers and battery are looked after this often; the sequencer each second. [s]"""
_NS: Final = 1_000_000_000
_NOISE_FRAC: Final = 0.003
_NEAR_FRAC: Final = 0.25
_DAY_STEPS: Final = 96
_WARM_C, _COLD_C = 28.0, 12.0
"""Outdoor temperatures of the coldest and of the warmest supply. [°C]"""
_LEAST_CHARGE_KW: Final = 5.0


class Rules:
    """Target pressure, staged chillers, battery by tariff; `engine` lets the CHP follow the tariff too."""

    def __init__(self, world: World, *, engine: bool = False, peak_kw: float | None = None) -> None:
        nominal = world.site.plant
        self._world = world
        self._engine = engine
        self._sequencer = Sequencer(nominal, world.seed)
        self._chillers = tuple(
            StagedChiller(id=name, cooling_kw=unit.eir.capacity_kw)
            for name, unit in zip(nominal.chiller_ids, nominal.chillers, strict=True)
        )
        self._staging = StagingSettings(supply_set_c=nominal.chillers[0].supply.default_c)
        self._staged = staging.initial_memory(self._chillers)
        self._told = no_setpoints(nominal)
        self._prices = self._day_ahead(0)
        past_kw = float(max(np.max(world.past["meter_main/power_kw"]), 0.0))
        self._peak_kw = past_kw if peak_kw is None else peak_kw
        self._import_kw = 0.0
        self._random = np.random.default_rng([world.seed, 11])
        self.plans = 0
        self.refused: list[str] = []

    def second(self, now: Moment) -> Setpoints:
        """Take one second in, and give what the machines are told."""
        self._import_kw += now.out.grid_import_kw - now.out.grid_export_kw
        if now.at_s % QUARTER_S == 0:
            self._peak_kw = max(self._peak_kw, self._import_kw / QUARTER_S)
            self._import_kw = 0.0
            self._prices = self._day_ahead(now.at_s)
        air = self._sequencer.told(float(now.at_s), now.state.header_bar_g, now.state.compressors)
        if now.at_s % LOOK_S == 0:
            permit, engine_kw = self._engine_order()
            self._told = self._told._replace(
                chillers=self._chiller_orders(now),
                battery_kw=self._battery_kw(now),
                chp_permit=permit,
                chp_kw=engine_kw,
            )
        self._told = self._told._replace(compressors=air)
        return self._told

    def _day_ahead(self, at_s: int) -> FloatArray:
        start_ns = self._world.monday_ns + (self._world.start_s + at_s) * _NS
        return price_series(self._world.site.supply[0], start_ns, _DAY_STEPS, float(QUARTER_S))

    def _chiller_orders(self, now: Moment) -> tuple[ChillerSetpoint, ...]:
        sheet, bias = self._world.site.plant.flowsheet, self._world.bias
        noise = 1.0 + _NOISE_FRAC * self._random.standard_normal(len(self._chillers) + 1)
        point = sheet.binding(self._chillers[0].id, "supply_c") or ""
        shown_c = now.state.loop_c * float(noise[0]) + bias.get(point, 0.0)
        seen = tuple(
            ChillerSeen(
                available=True,
                running=state.mode == RUNNING,
                cooling_kw=flow.cooling_kw * float(error),
                run_h=state.run_h,
            )
            for state, flow, error in zip(now.state.chillers, now.out.chillers, noise[1:], strict=True)
        )
        unit = self._world.site.plant.chillers[0]
        asked = StagingNow(float(now.at_s), shown_c, seen, supply_reset_c(unit, now.weather.outdoor_c))
        said = staging.decide(self._staging, self._chillers, self._staged, asked)
        self._staged = said.memory
        return tuple(ChillerSetpoint(one.permit, one.supply_set_c) for one in said.wanted)

    def _battery_kw(self, now: Moment) -> float | None:
        plant, unit = self._world.plant, self._world.site.plant.battery
        if unit is None:
            return None
        name = next(name for name, found in plant.flowsheet.units.items() if found is plant.battery)
        own_kw = now.out.unit_kw[plant.electric_ids.index(name)] - unit.standby_kw
        noise = 1.0 + _NOISE_FRAC * float(self._random.standard_normal())
        rest_kw = (now.out.grid_import_kw - now.out.grid_export_kw) * noise - own_kw
        if rest_kw < 0.0:
            return min(-rest_kw, unit.power_max_kw)
        if not _pays(unit, self._prices, self._world.site.supply[0].cny_rate):
            return 0.0
        return by_tariff_kw(unit, self._prices, rest_kw, self._peak_kw)

    def _engine_order(self) -> tuple[bool | None, float | None]:
        """Full power where bought electricity is dearer than the engine's without any use of its heat."""
        unit = self._world.site.plant.chp
        if not self._engine or unit is None:
            return None, None
        tariff, emissions = self._world.site.supply
        fuel = tariff.gas_per_kwh + tariff.co2_per_t * emissions.gas_kg_per_kwh / 1000.0
        bought = float(self._prices[0]) + tariff.co2_per_t * emissions.grid_kg_per_kwh / 1000.0
        pays = bought * unit.generation_max_kw > fuel * unit.fuel_kw[1]
        return (True, -unit.generation_max_kw) if pays else (None, None)


def supply_reset_c(unit: Chiller, outdoor_c: float) -> float:
    """Chilled-water set-point by outdoor temperature: its own when warm, its warmest when cold [°C].

    Source: ASHRAE 90.1, 6.5.4.4 (chilled-water temperature reset by outside air), as a straight line.
    """
    warm = min(max((outdoor_c - _COLD_C) / (_WARM_C - _COLD_C), 0.0), 1.0)
    return unit.supply.high_c + (unit.supply.default_c - unit.supply.high_c) * warm


def by_tariff_kw(unit: Battery, prices: FloatArray, rest_kw: float, peak_kw: float) -> float:
    """Power of a battery that follows a tariff, charging positive. [kW].

    Args:
        unit: The battery.
        prices: Of the 24 h that begin now, shape (steps,). [money/kWh]
        rest_kw: Import of everything else, not negative.
        peak_kw: What the import may come to.
    """
    price, low, high = float(prices[0]), float(prices.min()), float(prices.max())
    near = _NEAR_FRAC * (high - low)
    if price >= high - near:
        return -min(rest_kw, unit.power_max_kw)
    room_kw = min(peak_kw - rest_kw, unit.power_max_kw)
    return room_kw if price <= low + near and room_kw >= _LEAST_CHARGE_KW else 0.0


def _pays(unit: Battery, prices: FloatArray, cny_rate: float) -> bool:
    """Whether the spread of the day is worth a cycle."""
    gained = float(prices.max()) * unit.discharge_efficiency_frac
    return gained - float(prices.min()) / unit.charge_efficiency_frac > unit.wear_cny_kwh / cny_rate
