"""The watchdog and the local switch of a device, in virtual time."""

from collections.abc import Callable

import pytest

from runtime.clock import VirtualClock
from simulator.device import Fault, FieldDevice


def test_six_seconds_without_a_write_drop_every_set_point(
    field_device: Callable[[str], FieldDevice], clock: VirtualClock
) -> None:
    comp = field_device("comp1")
    comp.write("role_set_code", 1.0)
    comp.write("permit_set_code", 1.0)
    clock.advance(5.9)
    assert comp.followed() == {"role_set_code": 1.0, "permit_set_code": 1.0}
    clock.advance(0.1)
    assert comp.value("role_set_code") == 3.0
    assert comp.value("permit_set_code") == 2.0


def test_an_equal_write_feeds_the_watchdog_of_all_set_points(
    field_device: Callable[[str], FieldDevice], clock: VirtualClock
) -> None:
    comp = field_device("comp1")
    comp.write("role_set_code", 1.0)
    comp.write("permit_set_code", 0.0)
    for _ in range(10):
        clock.advance(4.0)
        comp.write("role_set_code", 1.0)
    assert comp.value("permit_set_code") == 0.0


def test_a_machine_in_local_mode_keeps_the_register_but_follows_itself(
    field_device: Callable[[str], FieldDevice],
) -> None:
    battery = field_device("battery1")
    battery.fault = Fault.LOCAL
    battery.write("power_set_kw", 80.0)
    assert battery.value("power_set_kw") == 80.0
    assert battery.followed() == {"power_set_kw": 0.0}
    assert battery.value("local_mode_code") == 1.0


def test_a_bacnet_set_point_stays_until_it_is_relinquished(
    field_device: Callable[[str], FieldDevice], clock: VirtualClock
) -> None:
    chiller = field_device("chiller1")
    chiller.write("supply_set_c", 9.0)
    clock.advance(3600.0)
    assert chiller.followed()["supply_set_c"] == 9.0


def test_a_measurement_is_no_set_point(field_device: Callable[[str], FieldDevice]) -> None:
    with pytest.raises(KeyError):
        field_device("comp1").write("power_kw", 1.0)
