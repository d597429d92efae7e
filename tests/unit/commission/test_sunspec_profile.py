"""A SunSpec device becomes a profile by its own list of models, and the driver reads what it meant."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from edge_agent.commission.sunspec_cli import from_sunspec
from edge_agent.commission.target import Line, connected, connection_of
from protocols.errors import ConfigError, DeviceUnreachableError
from protocols.point import PointKind
from protocols.profile import ModbusAddress, Profile
from runtime.yaml_config import load_config
from tests.unit.commission.sunspec_device import (
    INVERTER,
    LIMIT_AT,
    MPPT,
    NAMEPLATE,
    USUAL,
    chain,
    common,
    served,
)

CONFIGS = Path(__file__).parents[3] / "configs"
MEANT = {
    "current_a": 12.3,
    "current_l2_a": 4.1,
    "voltage_l1l2_v": 400.1,
    "voltage_l2_v": 231.1,
    "power_kw": -8.5,
    "frequency_hz": 49.98,
    "reactive_kvar": -0.12,
    "power_factor_frac": -0.985,
    "export_kwh": 123456.789,
    "dc_voltage_v": 600.5,
    "dc_power_kw": 8.7,
    "cabinet_c": 41.5,
    "state_code": 4.0,
    "event1_code": 1.0,
    "rated_power_kw": 10.0,
    "rated_apparent_kva": 11.0,
    "rated_q4_kvar": -6.0,
    "rated_current_a": 16.0,
    "rated_pf_q1_frac": -0.85,
    "max_power_kw": 10.0,
    "ref_voltage_v": 230.0,
    "pv_connection_code": 7.0,
    "active_energy_kwh": 4294967.296,
    "available_power_kw": 9.0,
    "power_limit_pct": 100.0,
    "power_limit_revert_s": 60.0,
    "pf_set_frac": 1.0,
    "mppt1_current_a": 7.12,
    "mppt1_voltage_v": 600.5,
    "mppt2_power_kw": 4.4,
    "mppt2_energy_kwh": 6.0,
    "mppt1_inside_c": 45.0,
}
"""What the usual device means by its registers."""

NOT_THERE = (
    "voltage_l3_v",
    "apparent_kva",
    "dc_current_a",
    "transformer_c",
    "rated_q2_kvar",
    "rated_energy_kwh",
    "energy_q1_kvarh",
    "mppt2_inside_c",
    "vendor_state_code",
)
"""What it does not implement."""

app = typer.Typer()
app.command()(from_sunspec)


def run(port: int, out: Path, *options: str) -> Result:
    words = [f"127.0.0.1:{port}", str(out), "--config", str(CONFIGS), "--timeout-s", "0.3", *options]
    return CliRunner().invoke(app, words)


@pytest.fixture(scope="module")
def usual() -> Iterator[int]:
    with served(chain()) as port:
        yield port


@pytest.mark.net
async def test_the_driver_reads_what_the_device_meant(usual: int, tmp_path: Path) -> None:
    done = await asyncio.to_thread(run, usual, tmp_path / "acme_inv.yaml")
    assert done.exception is None, done.exception
    profile = load_config(tmp_path / "acme_inv.yaml", Profile)
    async with connected(connection_of(f"127.0.0.1:{usual}", Line())) as driver:
        reading = await driver.read(profile.points)
    values = dict(zip((spec.name for spec in profile.points), reading.values, strict=True))
    assert {name: pytest.approx(meant) for name, meant in MEANT.items()} == {
        name: values.get(name, math.nan) for name in MEANT
    }
    assert not reading.qualities.any()
    assert not set(NOT_THERE) & set(values)
    assert (profile.label.en, profile.equipment) == ("Acme INV-10", "pv")


@pytest.mark.net
def test_what_is_left_out_is_said_with_its_reason(usual: int, tmp_path: Path) -> None:
    out = run(usual, tmp_path / "acme_inv.yaml").output
    assert "left out: model 64001 at 40304 of 5 registers is not in the table" in out
    assert "left out: model 103 at 40069, not implemented by the device: apparent_kva, dc_current_a" in out
    assert (
        "not given now, though the standard demands it (look again while the machine runs): voltage_l3_v"
        in out
    )
    assert "readings are usual for their unit" in out
    assert "warning" not in out


@pytest.mark.net
async def test_a_set_point_is_of_that_kind_and_written_by_function_16(tmp_path: Path) -> None:
    words = chain()
    with served(words) as port:
        assert (await asyncio.to_thread(run, port, tmp_path / "acme_inv.yaml")).exception is None
        profile = load_config(tmp_path / "acme_inv.yaml", Profile)
        limit = profile.point("power_limit_pct")
        assert limit.kind is PointKind.SETPOINT
        async with connected(connection_of(f"127.0.0.1:{port}", Line())) as driver:
            await driver.write(limit, 70.0)
            assert await driver.read_back(limit) == 70.0
    assert words[LIMIT_AT] == 700


@pytest.mark.net
def test_the_addresses_are_those_of_the_profile_sourced_elsewhere(tmp_path: Path) -> None:
    everything = [1 if word in {0x8000, 0xFFFF} else word for word in INVERTER]
    with served(chain([(1, common()), (103, everything)])) as port:
        assert run(port, tmp_path / "inv.yaml").exception is None
    made = load_config(tmp_path / "inv.yaml", Profile)
    other = load_config(CONFIGS / "devices" / "sunspec_inverter_103.yaml", Profile)
    assert len(other.points) == 20
    for spec in other.points:
        mine = made.point(spec.name)
        assert (mine.address, mine.scale, mine.unit) == (spec.address, spec.scale, spec.unit)


@pytest.mark.net
@pytest.mark.parametrize("base", [0, 50000])
def test_the_mark_may_stand_elsewhere(tmp_path: Path, base: int) -> None:
    with served(chain([(1, [*common(), 0]), (103, INVERTER)], base)) as port:
        assert run(port, tmp_path / "inv.yaml").exception is None
    address = load_config(tmp_path / "inv.yaml", Profile).point("power_kw").address
    assert isinstance(address, ModbusAddress)
    assert address.address == base + 2 + 68 + 14


@pytest.mark.net
def test_a_second_model_of_a_kind_gets_names_of_its_own(tmp_path: Path) -> None:
    with served(chain([(1, common()), (103, INVERTER), (103, INVERTER), (103, INVERTER)])) as port:
        assert run(port, tmp_path / "inv.yaml").exception is None
    profile = load_config(tmp_path / "inv.yaml", Profile)
    names = {spec.name for spec in profile.points}
    assert {"power_kw", "m103_power_kw", "m103_3_power_kw"} <= names
    assert profile.point("m103_power_kw").label.en.endswith("(model 103 at 40121)")


@pytest.mark.net
def test_a_count_that_the_length_contradicts_is_not_believed(tmp_path: Path) -> None:
    many = [*MPPT[:6], 900, *MPPT[7:]]
    with served(chain([(1, common()), (160, many)])) as port:
        done = run(port, tmp_path / "inv.yaml")
    assert done.exception is None
    assert "model 160 at 40069: N says 900 groups, its 49 registers hold 2: 2 read" in done.output


@pytest.mark.net
def test_a_name_cannot_break_out_of_its_comment_and_wrong_options_are_told(tmp_path: Path) -> None:
    out = tmp_path / "inv.yaml"
    with served(chain([(1, common("Ac\nid: evil", "\x1b[2JX")), (103, INVERTER)])) as port:
        done = run(port, out, "--equipment", "PV Inverter")
        assert isinstance(done.exception, ConfigError)
        assert "equipment" in str(done.exception)
        assert run(port, out).exception is None
    assert load_config(out, Profile).id == "inv"
    assert load_config(out, Profile).label.en == "Acid: evil [2JX"
    done = run(port, out)
    assert "is there already" in str(done.exception)


LAST = 40069 + 52
HOSTILE = {
    "truncated": (
        chain([(1, common()), (103, INVERTER)], end=False),
        f"registers {LAST} and {LAST + 1}, behind model 103 at 40069 of 50 registers, are refused",
    ),
    "endless": (
        chain([(1, common()), *(((900 + n), []) for n in range(300))]),
        "no end mark 0xFFFF behind 64 models",
    ),
    "zeros": (
        chain([(1, common()), (103, INVERTER)], end=False) | dict.fromkeys(range(LAST, LAST + 99), 0),
        f"register {LAST}, behind model 103 at 40069 of 50 registers, holds 0, which is no model",
    ),
    "beyond": (
        chain([(1, common()), (103, INVERTER)]) | {LAST: 120, LAST + 1: 30000},
        f"model 120 at {LAST} says 30000 registers, which leads beyond the last register 65535",
    ),
    "draft": (
        chain([(1, common()), (103, INVERTER), (120, NAMEPLATE[:-4])]),
        f"model 120 at {LAST} says 22 registers, the standard's has 26",
    ),
}


@pytest.mark.net
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_list_is_told_and_only_what_is_sound_is_taken_on_request(tmp_path: Path, case: str) -> None:
    words, sentence = HOSTILE[case]
    out = tmp_path / "inv.yaml"
    with served(words) as port:
        done = run(port, out)
        assert isinstance(done.exception, ConfigError)
        assert sentence in str(done.exception)
        assert "nothing was written" in str(done.exception)
        assert not out.exists()
        if case != "endless":
            taken = run(port, out, "--take-good")
            assert taken.exception is None
            assert sentence in taken.output
            assert load_config(out, Profile).point("power_kw").unit == "kW"


@pytest.mark.net
@pytest.mark.parametrize(
    ("silent", "sentence"),
    [
        (40121, "fell silent at register 40121, behind model 103 at 40069 of 50 registers"),
        (40069 + 125, "fell silent while model 201 at 40069 of 200 registers was read"),
    ],
)
def test_silence_in_the_middle_says_how_far_it_went(tmp_path: Path, silent: int, sentence: str) -> None:
    models = [(1, common()), (103, INVERTER) if silent == 40121 else (201, [1] * 200)]
    with served(chain(models), silent={silent}) as port:
        done = run(port, tmp_path / "inv.yaml")
    assert isinstance(done.exception, DeviceUnreachableError)
    assert sentence in str(done.exception)
    assert not (tmp_path / "inv.yaml").exists()


@pytest.mark.net
def test_no_sunspec_device_and_a_list_without_points_are_told(usual: int, tmp_path: Path) -> None:
    with served({0: 1}) as port:
        done = run(port, tmp_path / "inv.yaml")
    assert isinstance(done.exception, ConfigError)
    assert '"SunS" stands at none of 40000, 0, 50000' in str(done.exception)
    with served(chain([USUAL[0], USUAL[-1]])) as port:
        done = run(port, tmp_path / "inv.yaml")
    assert "none of its models (1 at 40002, 64001 at 40069) gives a point" in str(done.exception)
    done = run(usual, tmp_path / "Acme Inv.yaml")
    assert "the name of the file is the profile's id" in str(done.exception)
