"""The wheels of a target, by pip and whatever index it is set up for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ems_deb.target import BuildError, Target

PURE_SOURCES: Final = ("nkeys",)
"""Dependencies without any wheel at the index that are pure Python; their wheel is built here."""

_MISSING: Final = re.compile(r"No matching distribution found for ([^\s]+)|the requirement ([^\s(]+)")
_LAST_LINES: Final = 4


def fetch(root: Path, target: Target, folder: Path) -> Path:
    """Fill `folder` with our wheel and the wheels of everything the edge needs; gives ours.

    Raises:
        BuildError: A dependency has no wheel for the target; it is named.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    constraints = ["-c", str(root / "constraints.txt")]
    _pip(["wheel", "--no-deps", "-w", str(folder), str(root)], "our own wheel")
    (ours,) = folder.glob("ai4energy_ems-*.whl")
    for name in PURE_SOURCES:
        _pip(["wheel", "--no-deps", *constraints, "-w", str(folder), name], f"the wheel of {name}")
        if not list(folder.glob(f"{name}-*-py3-none-any.whl")):
            raise BuildError(f"{name} is not pure Python, and there is no wheel of it for {target.arch}")
    options = [*constraints, *target.pip_options(), "--find-links", str(folder), "-d", str(folder)]
    _pip(["download", *options, f"{ours}[edge]"], f"the wheels for {target.arch}, Python {target.python}")
    return ours


def unpack(target: Target, folder: Path, site_packages: Path) -> None:
    """Install every wheel of `folder` below `site_packages`, whatever machine this is.

    Raises:
        BuildError: pip refuses one.
    """
    wheels = sorted(str(wheel) for wheel in folder.glob("*.whl"))
    options = ["--no-deps", "--no-index", "--no-compile", "--target", str(site_packages)]
    _pip(["install", *options, *target.pip_options(), *wheels], "laying out the wheels")


def _pip(arguments: Sequence[str], what: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  pip of this environment
    if done.returncode:
        raise BuildError(explain(done.stderr, what))


def explain(said: str, what: str) -> str:
    """One sentence of pip's complaint; names the dependency where pip does.

    Example:
        >>> explain("ERROR: No matching distribution found for nkeys==0.2.1", "the wheels for arm64")
        'the wheels for arm64: nkeys==0.2.1 has no wheel there; pin a version that has one in constraints.txt'
    """
    found = _MISSING.search(said)
    if found:
        name = found[1] or found[2]
        return f"{what}: {name} has no wheel there; pin a version that has one in constraints.txt"
    return f"{what}: pip says: {' / '.join(said.strip().splitlines()[-_LAST_LINES:])}"
