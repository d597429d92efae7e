"""`reports.yaml` in the hub's own folder: what belongs to this machine. It need not be there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from protocols.config import Config
from runtime.yaml_config import load_config

FILE: Final = "reports.yaml"


class ReportSettings(Config):
    """`reports.yaml` in the hub's own folder."""

    font: Path | None = None
    """A font file with more characters, such as a whole Noto Sans CJK SC; none: the hub's own."""

    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 1100
    """How long reports are kept. [d]"""

    limit_s: Annotated[float, Field(ge=10.0, le=86_400.0)] = 900.0
    """Longest time that making a report may take. [s]"""


def load_settings(state: Path) -> ReportSettings:
    """Read them.

    Raises:
        ConfigError: The file has faults.
    """
    path = state / FILE
    return load_config(path, ReportSettings) if path.exists() else ReportSettings()
