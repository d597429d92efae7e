"""What a package is built for: an architecture of Debian and one minor version of Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WHEEL_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
_FIRST_GLIBC: Final = 17
_DEBIAN_12_GLIBC: Final = 36
_OLDEST_PYTHON: Final = 11


class BuildError(Exception):
    """The package cannot be built; the text says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of box.

    Attributes:
        arch: Debian's name of the architecture.
        minor: Minor version of its Python 3.
    """

    arch: str
    minor: int

    @property
    def python(self) -> str:
        """Version of its Python, `3.11`."""
        return f"3.{self.minor}"

    @property
    def depends(self) -> str:
        """What of Debian's packages must be there."""
        return f"python3 (>= {self.python}), python3 (<< 3.{self.minor + 1}), systemd"

    def pip_options(self) -> list[str]:
        """Options by which pip takes wheels of this target alone (PEP 600: its C library or an older one)."""
        machine = _WHEEL_MACHINES[self.arch]
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(_FIRST_GLIBC, _DEBIAN_12_GLIBC + 1)]
        platforms.append(f"manylinux2014_{machine}")
        chosen = [option for platform in platforms for option in ("--platform", platform)]
        return ["--only-binary=:all:", "--implementation", "cp", "--python-version", self.python, *chosen]


def parse_target(arch: str, python: str) -> Target:
    """Read what the command was given.

    Raises:
        BuildError: An architecture no package is built for, or a Python that is too old.

    Example:
        >>> parse_target("arm64", "3.11").depends
        'python3 (>= 3.11), python3 (<< 3.12), systemd'
    """
    if arch not in _WHEEL_MACHINES:
        raise BuildError(f"ARCH={arch} is not {' or '.join(_WHEEL_MACHINES)}")
    major, _, minor = python.partition(".")
    if major != "3" or not minor.isdecimal() or int(minor) < _OLDEST_PYTHON:
        raise BuildError(f"PY={python} is not 3.{_OLDEST_PYTHON} or newer, for example PY=3.13")
    return Target(arch, int(minor))
