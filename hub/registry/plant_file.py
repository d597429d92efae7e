"""The plant of a site with the curves that were learnt and accepted: what planning and savings go by."""

from __future__ import annotations

from pathlib import Path

from plant.flowsheet import Flowsheet, with_curves
from plant.learnt import CURVES_FILE, CurveBook
from plant.state import Plant, compile_plant
from protocols.errors import ConfigError
from runtime.yaml_config import load_config


def load_curves(config: Path, site: str) -> CurveBook:
    """Accepted curves; a site without the file has none.

    Raises:
        ConfigError: The file is wrong.
    """
    path = config / "sites" / site / CURVES_FILE
    return load_config(path, CurveBook) if path.exists() else CurveBook()


def load_nominal(config: Path, site: str) -> Flowsheet:
    """The flowsheet as it was drawn, with nominal curves: what learning begins with.

    Raises:
        ConfigError: The file is missing or wrong.
    """
    return load_config(config / "sites" / site / "flowsheet.yaml", Flowsheet)


def load_plant(config: Path, site: str) -> Plant:
    """The plant, learnt curves in the place of nominal ones.

    Raises:
        ConfigError: A file is missing or wrong, or a curve is of no unit of the flowsheet.
    """
    flowsheet = load_nominal(config, site)
    return compile_plant(flowsheet, fitting_curves(config, site, flowsheet).curves)


def fitting_curves(config: Path, site: str, flowsheet: Flowsheet) -> CurveBook:
    """Accepted curves, each of a unit that the flowsheet has.

    Raises:
        ConfigError: The file is wrong, or a curve is of no unit or of another kind of unit; all, one a line.
    """
    book = load_curves(config, site)
    try:
        with_curves(flowsheet, book.curves)
    except ConfigError as error:
        path = config / "sites" / site / CURVES_FILE
        raise ConfigError("\n".join(f"{path}:1: {line}" for line in str(error).splitlines())) from error
    return book
