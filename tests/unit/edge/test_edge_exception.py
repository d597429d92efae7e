"""Report by exception: what says nothing new stays away, everything else passes; nobody is misled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.exception import ByException
from edge_agent.poll import HandOn, poll_groups
from protocols.clock import Instant
from protocols.device import Device, EdgeDevices
from protocols.errors import ConfigError
from protocols.frame import Frame
from protocols.profile import Profile
from protocols.quality import Quality
from protocols.source_time import SourceTimes
from runtime.site import SiteDevices
from runtime.yaml_config import as_config

TEXT = {"en": "x", "zh": "x"}
S = 1_000_000_000
NAMES = ("power_kw", "state_code", "energy_kwh", "flow_m3_h")


def site_of(reports: dict[str, dict[str, float]], default: dict[str, float] | None = None) -> SiteDevices:
    units = {"power_kw": "kW", "state_code": "code", "energy_kwh": "kWh", "flow_m3_h": "m³/h"}
    kinds = {"state_code": "state", "energy_kwh": "counter"}
    points = [
        {"name": name, "label": TEXT, "unit": units[name], "kind": kinds.get(name, "measurement"),
         "address": {"kind": "modbus", "address": at}, "report": reports.get(name)}
        for at, name in enumerate(NAMES)
    ]  # fmt: skip
    profile = {"id": "x", "label": TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    device = {
        "id": "m", "label": TEXT, "profile": "x", "report": default,
        "connection": {"kind": "modbus", "host": "h"},
    }  # fmt: skip
    edge = as_config("edge", {"site": "demo", "edge": "edge1", "devices": [device]}, EdgeDevices)
    return SiteDevices(edge, {"x": as_config("profile", profile, Profile)})


class Polls:
    """Polls of the one group, a second apart."""

    def __init__(self, site: SiteDevices) -> None:
        (self.group,) = poll_groups(site)
        self.stage = ByException(site, (self.group,))
        self.at_s = 0.0
        self.told_ns: list[int] = []

    def poll(
        self, *values: float, qualities: tuple[int, ...] = (0, 0, 0, 0), told_ns: tuple[int, ...] = ()
    ) -> dict[str, float]:
        self.at_s += 1.0
        at = Instant("b", round(self.at_s * 1e9), 1)
        sources = SourceTimes(S, np.array(told_ns)) if told_ns else None
        marks = np.array(qualities, np.uint8)
        left = self.stage.pick(Frame(self.group.hash, at, np.array(values), marks, None, sources))
        self.told_ns = [] if left is None or left.sources is None else left.sources.told_ns.tolist()
        if left is None:
            return {}
        where = range(len(NAMES)) if left.indices is None else left.indices.tolist()
        return dict(zip((NAMES[at] for at in where), left.values.tolist(), strict=True))


ALL = {name: {"max_silence_s": 10.0} for name in NAMES}


def test_without_a_report_the_way_on_is_the_very_same() -> None:
    site = site_of({})

    def on(frame: Frame, protocol: str) -> None:
        raise AssertionError((frame, protocol))

    way: HandOn = on
    assert ByException(site, poll_groups(site)).thinned(way) is way


def test_the_first_sample_passes_and_one_inside_the_band_does_not() -> None:
    polls = Polls(site_of(ALL | {"power_kw": {"dead_band": 0.5, "max_silence_s": 10.0}}))
    assert set(polls.poll(10.0, 1.0, 5.0, 1.0)) == set(NAMES)
    assert polls.poll(10.5, 1.0, 5.0, 1.0) == {}
    assert polls.poll(10.6, 1.0, 5.0, 1.0) == {"power_kw": 10.6}


def test_slow_drift_passes_because_the_band_lies_around_what_was_handed_on() -> None:
    polls = Polls(site_of(ALL | {"power_kw": {"dead_band": 0.5, "max_silence_s": 100.0}}))
    seen = [polls.poll(10.0 + 0.2 * step, 1.0, 5.0, 1.0).get("power_kw") for step in range(7)]
    assert [value for value in seen if value is not None] == pytest.approx([10.0, 10.6, 11.2])


def test_a_per_cent_band_goes_with_the_value_and_the_wider_band_counts() -> None:
    report = {"dead_band": 0.5, "dead_band_pct": 10.0, "max_silence_s": 100.0}
    polls = Polls(site_of(ALL | {"power_kw": report}))
    polls.poll(100.0, 1.0, 5.0, 1.0)
    assert polls.poll(109.0, 1.0, 5.0, 1.0) == {}
    assert polls.poll(111.0, 1.0, 5.0, 1.0) == {"power_kw": 111.0}
    assert polls.poll(1.0, 1.0, 5.0, 1.0) == {"power_kw": 1.0}
    assert polls.poll(1.4, 1.0, 5.0, 1.0) == {}


def test_silence_ends_after_its_time_even_when_nothing_changes() -> None:
    polls = Polls(site_of(ALL))
    seen = [bool(polls.poll(1.0, 1.0, 1.0, 1.0)) for _ in range(25)]
    assert [at for at, passed in enumerate(seen) if passed] == [0, 10, 20]


def test_a_change_of_quality_passes_both_ways_and_a_lasting_failure_is_told_once() -> None:
    polls = Polls(site_of(ALL))
    polls.poll(1.0, 1.0, 1.0, 1.0)
    bad = (Quality.BAD_ANSWER, 0, 0, 0)
    assert list(polls.poll(math.nan, 1.0, 1.0, 1.0, qualities=bad)) == ["power_kw"]
    assert polls.poll(math.nan, 1.0, 1.0, 1.0, qualities=bad) == {}
    assert polls.poll(1.0, 1.0, 1.0, 1.0) == {"power_kw": 1.0}


def test_a_state_passes_once_it_stood_and_a_bounce_never_does() -> None:
    polls = Polls(site_of(ALL | {"state_code": {"debounce_s": 2.0, "max_silence_s": 100.0}}))
    seen = [
        polls.poll(1.0, state, 1.0, 1.0).get("state_code")
        for state in (1.0, 2.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0)
    ]
    assert seen == [1.0, None, None, None, None, None, 3.0, None]


def test_where_most_pass_the_whole_frame_goes_because_it_is_shorter() -> None:
    polls = Polls(site_of(ALL))
    polls.poll(1.0, 1.0, 1.0, 1.0)
    assert set(polls.poll(2.0, 2.0, 2.0, 2.0)) == set(NAMES)
    assert polls.poll(2.0, 3.0, 2.0, 3.0) == {"state_code": 3.0, "flow_m3_h": 3.0}


def test_the_default_of_a_device_leaves_counters_alone() -> None:
    polls = Polls(site_of({}, {"dead_band_pct": 50.0, "max_silence_s": 100.0}))
    polls.poll(10.0, 1.0, 5.0, 1.0)
    assert polls.poll(11.0, 2.0, 5.0, 1.1) == {"state_code": 2.0, "energy_kwh": 5.0}


def test_a_sample_told_again_is_not_new_until_the_longest_silence_of_the_device_ends() -> None:
    polls = Polls(site_of({}, {"max_silence_s": 5.0}))
    told = (7 * S, 7 * S, 7 * S, 0)
    seen = [polls.poll(1.0, 1.0, 5.0, 1.0, told_ns=told) for _ in range(6)]
    assert [set(passed) for passed in seen] == [set(NAMES), set(), set(), set(), set(), set(NAMES)]
    assert polls.poll(1.0, 1.0, 5.0, 1.0, told_ns=(7 * S, 7 * S, 8 * S, 0)) == {"energy_kwh": 5.0}
    assert polls.told_ns == [8 * S]  # a counter is handed on when it is told anew, also with an old value


def test_a_new_number_under_an_old_told_time_passes() -> None:
    polls = Polls(site_of({}, {"max_silence_s": 5.0}))
    told = (7 * S, 7 * S, 7 * S, 7 * S)
    polls.poll(1.0, 1.0, 5.0, 1.0, told_ns=told)
    assert polls.poll(1.0, 1.0, 6.0, 1.0, told_ns=told) == {"energy_kwh": 6.0}


def test_told_times_stay_with_their_samples_and_are_left_out_where_none_has_one() -> None:
    polls = Polls(site_of(ALL))
    polls.poll(1.0, 1.0, 1.0, 1.0, told_ns=(5, 6, 7, 0))
    assert polls.poll(1.0, 2.0, 1.0, 2.0, told_ns=(5, 8, 7, 0)) == {"state_code": 2.0, "flow_m3_h": 2.0}
    assert polls.told_ns == [8, 0]
    assert polls.poll(1.0, 2.0, 1.0, 3.0, told_ns=(5, 8, 7, 0)) == {"flow_m3_h": 3.0}
    assert polls.told_ns == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0.0, 1e5), st.floats(1.0, 20.0))
def test_what_the_hub_holds_is_never_further_off_than_the_band_nor_older_than_the_silence(
    values: list[float], band: float, silence_s: float
) -> None:
    polls = Polls(site_of(ALL | {"power_kw": {"dead_band": band, "max_silence_s": silence_s}}))
    held, since_s = math.nan, 0.0
    for value in values:
        passed = polls.poll(value, 1.0, 1.0, 1.0)
        if "power_kw" in passed:
            held, since_s = passed["power_kw"], polls.at_s
        assert abs(held - value) <= band
        assert polls.at_s - since_s <= silence_s


def test_a_debounce_is_for_states_and_a_band_with_a_unit_for_one_point() -> None:
    with pytest.raises(ConfigError, match="only a state is debounced"):
        site_of({"power_kw": {"debounce_s": 1.0}})
    with pytest.raises(ConfigError, match="give it in the profile"):
        as_config("d", _device({"dead_band": 1.0}), Device)
    with pytest.raises(ConfigError, match="max_silence_s"):
        as_config("d", _device({"max_silence_s": 900.0}), Device)


def _device(report: dict[str, float]) -> dict[str, object]:
    return {"id": "m", "label": TEXT, "profile": "x", "report": report,
            "connection": {"kind": "modbus", "host": "h"}}  # fmt: skip
