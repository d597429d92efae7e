"""The cases that can be measured: one file in `benchmarks/cases` with a `CASE` adds one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from protocols.errors import ConfigError

Figures = dict[str, float]
_CASES: Final = Path(__file__).parent / "cases"


@dataclass(frozen=True, slots=True)
class Result:
    """What one call measured.

    Attributes:
        figures: Name, with its unit as suffix, to number.
        against: Peers measured in the same run, by name.
        results: Answers by case file, for others to judge; plain values.
    """

    figures: Figures
    against: dict[str, Figures] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One benchmark.

    Attributes:
        name: As in `make bench CASE=name`.
        about: One sentence.
        run: Measures everything anew, checks its answers; raises when one is wrong.
        axes: Axes of size and of difficulty, with the values that are measured.
    """

    name: str
    about: str
    run: Callable[[], Result]
    axes: Mapping[str, tuple[object, ...]] = field(default_factory=dict)


def cases() -> dict[str, Case]:
    """All cases by name, in the order of their files.

    Raises:
        ConfigError: A file has no `CASE`, or two have one name.
    """
    found: dict[str, Case] = {}
    for module in sorted(pkgutil.iter_modules([str(_CASES)]), key=lambda info: info.name):
        case = getattr(importlib.import_module(f"benchmarks.cases.{module.name}"), "CASE", None)
        if not isinstance(case, Case) or case.name in found:
            raise ConfigError(f"benchmarks/cases/{module.name}.py needs a CASE with a name of its own")
        found[case.name] = case
    return found
