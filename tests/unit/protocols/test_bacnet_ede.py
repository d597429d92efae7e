"""EDE lists become profiles; what is wrong in them is named line by line."""

from __future__ import annotations

import pytest
from bacpypes3.basetypes import EngineeringUnits

from protocols.drivers.bacnet import units
from protocols.drivers.bacnet.ede import Wanted, read_ede
from protocols.drivers.bacnet.units import Pressure
from protocols.errors import ConfigError
from protocols.profile import BacnetAddress
from protocols.units import UNITS

HEAD = """\
# Engineering-Data-Exchange - B.I.G.-EU
PROJECT_NAME;Plant
VERSION_OF_REFERENCEFILE;1
TIMESTAMP_OF_LAST_CHANGE;19. Dec 2025
AUTHOR_OF_LAST_CHANGE;G. Sampler
VERSION_OF_LAYOUT;2.3
#mandatory;mandatory;mandatory;mandatory;mandatory;optional
# keyname;device obj.-instance;object-name;object-type;object-instance;description;present-value-default;\
min-present-value;max-present-value;settable;supports COV;hi-limit;low-limit;state-text-reference;unit-code;\
vendor-specific-address
"""
GOOD = """\
AHU.T1;3001;Supply temperature;0;1;Vorlauf;;-20;60,5;N;Y;;;;62;
AHU.P1;3001;Power;0;2;;;0;0;N;N;;;;47;
AHU.SP;3001;AHU setpoint;2;10;Sollwert;;5;30;Y;N;;;;62;
AHU.ON;3001;Running;3;1;Betrieb;;;;N;N;;;1;;
AHU.SCH;3001;Week;17;1;Wochenplan;;;;N;N;;;;;
OTHER.T;3002;Other;0;1;;;;;N;N;;;;62;
"""
WANTED = Wanted("maker_ahu", "air_handler", device=3001)


def test_a_list_becomes_a_profile() -> None:
    made = read_ede((HEAD + GOOD).encode(), "plant.csv", WANTED)
    points = {spec.name: spec for spec in made.profile.points}
    assert list(points) == ["supply_temperature_c", "power_w", "ahu_setpoint_c", "running_code"]
    supply = points["supply_temperature_c"]
    assert (supply.unit, supply.low, supply.high, supply.label.en) == ("°C", -20.0, 60.5, "Vorlauf")
    assert isinstance(supply.address, BacnetAddress)
    assert (supply.address.object, supply.address.instance, supply.address.cov) == ("analog-input", 1, True)
    setpoint = points["ahu_setpoint_c"]
    assert isinstance(setpoint.address, BacnetAddress)
    assert (setpoint.kind, setpoint.address.commandable) == ("setpoint", True)
    assert (points["power_w"].low, points["power_w"].high) == (None, None)
    assert made.left_out == {
        13: "object type 17 has no present value that is a number",
        14: "it is of device 3002",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_and_separators_of_makers_are_read(encoding: str) -> None:
    text = (HEAD + "A;3001;Außenluft;0;1;Außen °C;;;;N;N;;;;62;\n").replace(
        ";", "," if encoding == "utf-8" else ";"
    )
    made = read_ede(text.encode(encoding), "plant.csv", WANTED)
    assert made.profile.points[0].label.en == "Außen °C"


def test_every_wrong_line_is_named_with_what_is_allowed() -> None:
    wrong = """\
A;3001;a;analog;1;;;;;N;N;;;;62;
B;3001;b;0;4194303;;;;;N;N;;;;62;
C;3001;c;0;3;;;;;N;N;;;;24;
D;3001;d;0;4;;;ten;;N;N;;;;62;
E;3001;e;0;5;;;9;1;N;N;;;;62;
F;3001;f;0;6;;;;;N;N;;;;55;
G;3001;g;0;7;;;;;N;N;;;;62;
H;3001;h;0;7;;;;;N;N;;;;62;
I;3001
"""
    with pytest.raises(ConfigError) as caught:
        read_ede((HEAD + wrong).encode(), "plant.csv", WANTED)
    told = str(caught.value).split("\n")
    assert [line.split(": ")[0] for line in told] == [
        "plant.csv:9", "plant.csv:10", "plant.csv:11", "plant.csv:12", "plant.csv:13", "plant.csv:14",
        "plant.csv:16", "plant.csv:17",
    ]  # fmt: skip
    assert "object-type: found 'analog'; allowed is a whole number from 0 to 1023" in told[0]
    assert "unit code 24 has no unit here" in told[2]
    assert "min-present-value: found 'ten'" in told[3]
    assert "gauge, absolute or difference" in told[5]
    assert "the object of line 15 is there again" in told[6]


def test_pressures_are_what_the_person_says() -> None:
    line = "F;3001;Net;0;6;;;0;1000;N;N;;;;54;\n"
    made = read_ede((HEAD + line).encode(), "p.csv", Wanted("m_x", "meter", 3001, Pressure.GAUGE))
    (spec,) = made.profile.points
    assert (spec.name, spec.unit, spec.scale, spec.high) == ("net_bar_g", "bar(g)", 0.01, 10.0)


def test_several_devices_need_a_choice() -> None:
    with pytest.raises(ConfigError, match=r"several devices \(3001, 3002\)"):
        read_ede((HEAD + GOOD).encode(), "plant.csv", Wanted("m_x", "meter"))
    with pytest.raises(ConfigError, match="device 9 is not in it"):
        read_ede((HEAD + GOOD).encode(), "plant.csv", Wanted("m_x", "meter", 9))


def test_equal_and_long_names_stay_apart() -> None:
    rows = "".join(
        f"A;3001;{'Temperature of the supply air ' * 2};0;{at};;;;;N;N;;;;62;\n" for at in (1, 2, 3)
    )
    names = [spec.name for spec in read_ede((HEAD + rows).encode(), "p.csv", WANTED).profile.points]
    assert len(set(names)) == 3
    assert all(len(name) <= 32 and name.endswith("_c") for name in names)


@pytest.mark.parametrize("text", ["", "a;b;c\n1;2;3\n", HEAD, HEAD.replace("object-instance", "x") + GOOD])
def test_what_is_no_list_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=r"p\.csv"):
        read_ede(text.encode(), "p.csv", WANTED)


def test_units_are_those_of_the_standard_by_name() -> None:
    names = {
        2: "milliamperes", 3: "amperes", 5: "volts", 6: "kilovolts", 8: "voltAmperes", 9: "kilovoltAmperes",
        10: "megavoltAmperes", 11: "voltAmperesReactive", 12: "kilovoltAmperesReactive",
        13: "megavoltAmperesReactive", 15: "powerFactor", 17: "kilojoules", 18: "wattHours",
        19: "kilowattHours",
        27: "hertz", 29: "percentRelativeHumidity", 35: "wattsPerSquareMeter", 39: "kilograms",
        42: "kilogramsPerSecond", 44: "kilogramsPerHour", 47: "watts", 48: "kilowatts", 49: "megawatts",
        52: "tonsRefrigeration", 53: "pascals", 54: "kilopascals", 55: "bars", 56: "poundsForcePerSquareInch",
        62: "degreesCelsius", 64: "degreesFahrenheit", 71: "hours", 72: "minutes", 73: "seconds",
        74: "metersPerSecond", 80: "cubicMeters", 82: "liters", 85: "cubicMetersPerSecond",
        87: "litersPerSecond",
        88: "litersPerMinute", 95: "noUnits", 98: "percent", 104: "revolutionsPerMinute",
        121: "deltaDegreesKelvin", 124: "millivolts", 126: "megajoules", 133: "hectopascals",
        134: "millibars",
        135: "cubicMetersPerHour", 136: "litersPerHour", 146: "megawattHours", 165: "cubicMetersPerMinute",
        243: "kilovoltAmpereHoursReactive",
    }  # fmt: skip
    assert set(names) == set(units.known_codes())
    assert {code: EngineeringUnits._enum_map[name] for code, name in names.items()} == {
        code: code for code in names
    }
    for code in names:
        found = units.house_unit(code, Pressure.DIFFERENCE)
        assert isinstance(found, units.HouseUnit)
        assert found.symbol in UNITS
