"""The examples in the documents are connections that load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from protocols.device import Connection

DOCUMENT = Path(__file__).parents[3] / "docs" / "opcua-and-mqtt.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_is_a_connection(text: str) -> None:
    adapter: TypeAdapter[Connection] = TypeAdapter(Connection)
    made = adapter.validate_python(yaml.safe_load(text))
    assert made.kind in {"opcua", "mqtt"}


def test_there_is_an_example_of_each_way() -> None:
    assert len(EXAMPLES) == 3
