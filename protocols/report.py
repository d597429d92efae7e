"""Report by exception: which samples of a point are handed on, and how long silence may last.

Every poll still reads every point; the gate and the local controllers see all of them. What is held back
only never reaches the journal. A change of quality, the first sample and the end of `max_silence_s` always
pass, so who knows this configuration can tell silence from loss: silence never lasts longer.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocols.config import Config
from protocols.units import Seconds


class Report(Config):
    """When a sample is an exception."""

    dead_band: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """A value further than this from the last one reported is handed on. [unit of the point]"""

    dead_band_pct: Annotated[float, Field(ge=0, le=100)] = 0.0
    """The same as a part of the last one reported; where both are given the wider band counts. [%]"""

    max_silence_s: Annotated[Seconds, Field(gt=0, le=600)] = 60.0
    """Longest time without a sample of the point while the agent runs; the hub holds a value for 900 s, so a
    longer silence could not be told from a loss. [s]"""

    debounce_s: Annotated[Seconds, Field(ge=0, le=60)] = 0.0
    """A new state is handed on once it has stood for so long, seen at each poll; for states only. [s]"""
