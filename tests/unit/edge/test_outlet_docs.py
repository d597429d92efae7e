"""The manual page of the outlet: its examples load, both languages say the same, each metric is named."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from edge_agent.metrics import _outlet
from edge_agent.outlet.meter import OutletMeter
from protocols.outlet import Outlet

DOCS = Path(__file__).parents[3] / "docs"
ENGLISH, CHINESE = (
    (DOCS / name).read_text(encoding="utf-8") for name in ("mqtt-outlet.md", "mqtt-outlet.zh.md")
)


def examples(text: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


def test_each_shape_has_an_example_that_loads_in_both_languages() -> None:
    assert examples(ENGLISH) == examples(CHINESE)
    shapes = [Outlet.model_validate(yaml.safe_load(text)["outlet"]).shape.kind for text in examples(ENGLISH)]
    assert shapes == ["point", "device", "sparkplug"]


def test_each_metric_is_on_the_page() -> None:
    names = re.findall(r"^ems_edge_(\w+) ", "".join(_outlet(OutletMeter())), re.MULTILINE)
    assert len(names) == 6
    assert all(f"`{name}`" in text for name in names for text in (ENGLISH, CHINESE))
