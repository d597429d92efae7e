"""Load/unload with blow-down, run-on and restart, variable speed, and the mean of a cycle."""

from __future__ import annotations

import pytest

from plant.control.cascade import band_of, call
from plant.flowsheet import Flowsheet
from plant.units.air import Receiver, balance
from plant.units.compressor import (
    FAULT,
    LOADED,
    OFF,
    UNLOADED,
    Compressor,
    CompressorOrder,
    CompressorState,
    FixedCompressor,
    VsdCompressor,
    advance,
    cycle_power_frac,
    cycle_s,
    power_kw,
)

LOAD = CompressorOrder(load=True)
REST = CompressorOrder(load=False)


@pytest.fixture
def fixed(flowsheet: Flowsheet) -> FixedCompressor:
    return next(unit for _, unit in flowsheet.of_kind(FixedCompressor))


@pytest.fixture
def vsd(flowsheet: Flowsheet) -> VsdCompressor:
    return next(unit for _, unit in flowsheet.of_kind(VsdCompressor))


@pytest.fixture
def plain(flowsheet: Flowsheet) -> Receiver:
    """The receiver without leaks and with regulated users only, as the closed form has it."""
    receiver = next(unit for _, unit in flowsheet.of_kind(Receiver))
    return receiver.model_copy(update={"leak_m3_min": 0.0, "unregulated_frac": 0.0})


def _after(unit: Compressor, state: CompressorState, order: CompressorOrder, seconds: int) -> CompressorState:
    for _ in range(seconds):
        state = advance(unit, state, order, 1.0)
    return state


def test_a_start_takes_its_time_and_counts_once(fixed: FixedCompressor) -> None:
    started = _after(fixed, CompressorState(), LOAD, 1)
    assert (started.mode, started.starts_count, started.flow_m3_min) == (UNLOADED, 1, 0.0)
    loaded = _after(fixed, started, LOAD, 20)
    assert (loaded.mode, loaded.starts_count, loaded.flow_m3_min) == (LOADED, 1, fixed.flow_m3_min)


def test_the_unload_power_falls_in_a_straight_line_over_the_blow_down(fixed: FixedCompressor) -> None:
    loaded = _after(fixed, CompressorState(), LOAD, 30)
    full_kw = power_kw(fixed, loaded, 7.0, 20.0)
    unloaded = advance(fixed, loaded, REST, 1.0)
    assert power_kw(fixed, unloaded, 7.0, 20.0) == pytest.approx(full_kw)
    half = _after(fixed, unloaded, REST, 22)
    middle_kw = full_kw * (1 + fixed.unloaded_frac) / 2
    assert power_kw(fixed, half, 7.0, 20.0) == pytest.approx(middle_kw, rel=0.02)
    idle = _after(fixed, unloaded, REST, 60)
    assert power_kw(fixed, idle, 7.0, 20.0) == pytest.approx(full_kw * fixed.unloaded_frac)


def test_after_the_run_on_the_motor_stops_and_waits_before_it_starts_again(fixed: FixedCompressor) -> None:
    loaded = _after(fixed, CompressorState(), LOAD, 30)
    stopped = _after(fixed, loaded, REST, 302)
    assert stopped.mode == OFF
    assert power_kw(fixed, stopped, 7.0, 20.0) == 0.0
    assert _after(fixed, stopped, LOAD, 30).mode == OFF
    assert _after(fixed, stopped, LOAD, 90).mode == LOADED


def test_without_permit_it_stops_after_the_blow_down(fixed: FixedCompressor) -> None:
    loaded = _after(fixed, CompressorState(), LOAD, 30)
    assert _after(fixed, loaded, CompressorOrder(load=False, stop_early=True), 50).mode == OFF


def test_a_fault_keeps_the_machine_off(fixed: FixedCompressor) -> None:
    state = _after(fixed, CompressorState(mode=FAULT), LOAD, 300)
    assert (state.mode, state.flow_m3_min, power_kw(fixed, state, 7.0, 20.0)) == (FAULT, 0.0, 0.0)


@pytest.mark.parametrize("load_frac", [0.2, 0.5, 0.8])
def test_the_cycle_time_is_that_of_the_closed_form(
    fixed: FixedCompressor, plain: Receiver, load_frac: float
) -> None:
    demand = load_frac * fixed.flow_m3_min
    loaded_s, idle_s = cycle_s(fixed.flow_m3_min, demand, plain.usable_m3(0.6))
    band, dt_s = band_of(fixed, plain, None, 0), 0.1
    header, calling, state, loads = 7.0, False, CompressorState(), []
    for i in range(12000):
        calling = call(calling, band, header)
        before, state = state, advance(fixed, state, CompressorOrder(load=calling), dt_s)
        header = balance(plain, header, state.flow_m3_min, demand, dt_s).header_bar_g
        if state.mode == LOADED and before.mode != LOADED:
            loads.append(i * dt_s)
    assert loads[-1] - loads[-2] == pytest.approx(loaded_s + idle_s, rel=0.02)


@pytest.mark.parametrize(("usable_m3", "extra"), [(18.0, 0.12), (6.0, 0.29), (3.0, 0.34)])
def test_small_receivers_cost_power_at_half_load(
    fixed: FixedCompressor, usable_m3: float, extra: float
) -> None:
    machine = fixed.model_copy(update={"flow_m3_min": 31.0})
    straight = 0.5 + 0.5 * machine.unloaded_frac
    assert cycle_power_frac(machine, 0.5, usable_m3) - straight == pytest.approx(extra, abs=0.015)


def test_the_mean_of_a_cycle_is_what_the_steps_give(fixed: FixedCompressor, plain: Receiver) -> None:
    demand, band, dt_s = 0.6 * fixed.flow_m3_min, band_of(fixed, plain, None, 0), 0.5
    header, calling, state, kws = 7.0, False, CompressorState(), []
    for _ in range(20000):
        calling = call(calling, band, header)
        state = advance(fixed, state, CompressorOrder(load=calling), dt_s)
        header = balance(plain, header, state.flow_m3_min, demand, dt_s).header_bar_g
        kws.append(power_kw(fixed, state, 7.0, 20.0))
    tail = kws[2000:]
    expected = fixed.power.rated_kw * cycle_power_frac(fixed, 0.6, plain.usable_m3(0.6))
    assert sum(tail) / len(tail) == pytest.approx(expected, rel=0.02)


def test_variable_speed_follows_between_least_and_full_speed(vsd: VsdCompressor) -> None:
    state = _after(vsd, CompressorState(), CompressorOrder(load=True, flow_frac=0.6), 60)
    assert state.flow_m3_min == pytest.approx(0.6 * vsd.flow_max_m3_min)
    state = _after(vsd, state, CompressorOrder(load=True, flow_frac=0.0), 60)
    assert state.flow_m3_min == vsd.flow_min_m3_min
    assert power_kw(vsd, state, 7.0, 20.0) == pytest.approx(vsd.power.rated_kw * vsd.part_load.at(0.32))


def test_more_pressure_costs_a_percent_per_two_psi(fixed: FixedCompressor) -> None:
    rise = fixed.power.full_kw(7.14, 20.0) / fixed.power.full_kw(7.0, 20.0) - 1.0
    assert rise == pytest.approx(0.01, rel=0.05)
