"""From case to filled solver model, beside the peers in an environment of their own; nothing is solved.

Here the whole plant with its curves and the demand charge, there the like plant without either.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from ortools.math_opt.python import mathopt

from benchmarks.case_files import case_files
from benchmarks.registry import Case, Figures, Result
from optimizer.build import build
from optimizer.cases.forms import read_form
from optimizer.cases.plant_day import PlantDay, problem_of
from protocols.errors import ConfigError

PEERS: Final = "EMS_BENCH_PEERS"
"""Environment variable: the Python of an environment with benchmarks/peers/requirements.txt."""

_FOLDER: Final = Path(__file__).parents[1] / "peers"
_RUNS: Final = 7
_ROUNDS: Final = 2
_TIMEOUT_S: Final = 200.0
_NAMES: Final = {"oemof": "oemof_plant.py", "pypsa": "pypsa_plant.py"}


def run() -> Result:
    """Build here and there in turn; a figure is the ratio of the medians.

    Raises:
        ConfigError: There are no peers to build beside.
    """
    plain = next(iter(case_files("plant_day").values()))
    python = _python()
    here: list[float] = []
    there: dict[str, list[float]] = {name: [] for name in _NAMES}
    for _ in range(_ROUNDS):
        here += [_once(plain) for _ in range(_RUNS)]
        for name, script in _NAMES.items():
            there[name] += _peer(python, script, plain)
    own = statistics.median(here)
    figures: Figures = {"build_s": own}
    against: dict[str, Figures] = {}
    for name, taken in there.items():
        figures[f"ratio_{name}"] = own / statistics.median(taken)
        against[name] = {"build_s": statistics.median(taken)}
    return Result(figures, against)


def _once(plain: dict[str, Any]) -> float:
    case = read_form(PlantDay, plain)
    began = time.perf_counter()
    matrix, _ = build(problem_of(case))
    mathopt.Model.from_model_proto(matrix.to_proto("plant_day"))
    return time.perf_counter() - began


def _python() -> str:
    python = os.environ.get(PEERS)
    if not python or not os.access(python, os.X_OK):
        raise ConfigError(
            f"the peers are not installed; make an environment (python -m venv, pip install -r "
            f"benchmarks/peers/requirements.txt) and let {PEERS} name its python"
        )
    return python


def _peer(python: str, script: str, plain: dict[str, Any]) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.json"
        file.write_text(json.dumps(plain), encoding="utf-8")
        done = subprocess.run(  # noqa: S603  our own script, the person's own Python
            [python, str(_FOLDER / script), str(file), str(_RUNS)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        raise ConfigError(f"the peer {script} does not build the plant: {done.stderr.strip()[-300:]}")
    return [float(second) for second in json.loads(done.stdout.strip().splitlines()[-1])]


CASE: Final = Case("b07_build", "from case to filled solver model, beside the peers", run, {"steps": (96,)})
