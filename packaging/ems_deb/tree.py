"""What lies where on the box: the tree that becomes the package."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ems_deb.elf import machines_below
from ems_deb.target import BuildError, Target
from ems_deb.wheels import unpack

PREFIX: Final = Path("opt/ems-edge")

LAUNCHER: Final = """\
#!/bin/sh
# The commands of the edge, wherever this tree lies; no Python package of the system or a user is seen.
here=$(dirname "$(readlink -f "$0")")
exec "$here/python3" -I -c 'import sys; sys.argv[0] = "ems"; from ems.main import main; main()' "$@"
"""

NOT_OURS_HERE: Final = ("hub", "ems_client", "simulator", "optimizer", "accounts", "ems/demo")
"""What belongs to the hub's machine; the edge imports none of it."""

_NEVER_READ: Final = (
    "bin", "*/tests", "*/*/tests", "*/*/*/tests", "pyarrow/include", "pyarrow/src", "numpy/_core/include",
    "numpy/f2py", "numpy/_core/lib", "numpy/random/_examples", "pyarrow/libarrow_flight*",
    "pyarrow/libarrow_substrait*", "pyarrow/_flight*", "pyarrow/_substrait*",
    "pyarrow/libarrow_python_flight*", "*.dist-info/direct_url.json",
    "uvloop/*.c", "uvloop/*.pyx", "uvloop/*.pxd",
)  # fmt: skip

_SHOWN: Final = 0o755
_FILE: Final = 0o644
_SECRET: Final = 0o600


@dataclass(frozen=True, slots=True)
class Layout:
    """What the tree is made from.

    Attributes:
        root: Folder of the sources.
        target: What for.
        wheels: Folder of the wheels.
        tree: Folder that is filled.
    """

    root: Path
    target: Target
    wheels: Path
    tree: Path


def lay_out(layout: Layout) -> dict[str, int]:
    """Fill the tree; gives how many ELF files of which architecture it holds.

    Raises:
        BuildError: A file of machine code is for another machine than the target's.
    """
    shutil.rmtree(layout.tree, ignore_errors=True)
    home = layout.tree / PREFIX
    site_packages = home / f"lib/python{layout.target.python}/site-packages"
    unpack(layout.target, layout.wheels, site_packages)
    _environment(home, site_packages, layout.target)
    _prune(site_packages)
    _system_files(layout.root, layout.tree)
    _plain_modes(layout.tree)
    return _machines(layout)


def _environment(home: Path, site_packages: Path, target: Target) -> None:
    (home / "bin").mkdir(parents=True)
    (home / "bin/ems").write_text(LAUNCHER, encoding="utf-8")
    (home / "bin/python3").symlink_to(f"/usr/bin/python{target.python}")
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {target.python}\n",
        encoding="ascii",
    )
    server = site_packages / "bin/nats-server"
    if server.exists():
        server.rename(home / "bin/nats-server")


def _prune(site_packages: Path) -> None:
    for pattern in (*NOT_OURS_HERE, *_NEVER_READ):
        for path in list(site_packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _system_files(root: Path, tree: Path) -> None:
    copies = {
        "systemd/ems-edge.service": "usr/lib/systemd/system/ems-edge.service",
        "systemd/ems-edge-serial.conf": "usr/share/doc/ems-edge/examples/ems-edge-serial.conf",
        "systemd/ems-edge.sysusers": "usr/lib/sysusers.d/ems-edge.conf",
        "systemd/ems-edge.tmpfiles": "usr/lib/tmpfiles.d/ems-edge.conf",
        "systemd/edge.env.example": "etc/ems/edge.env",
        "docs/running-an-edge.md": "usr/share/doc/ems-edge/running-an-edge.md",
        "docs/running-an-edge.zh.md": "usr/share/doc/ems-edge/running-an-edge.zh.md",
        "docs/connect-first-device.md": "usr/share/doc/ems-edge/connect-first-device.md",
        "docs/connect-first-device.zh.md": "usr/share/doc/ems-edge/connect-first-device.zh.md",
        "LICENSE": "usr/share/doc/ems-edge/copyright",
    }
    for source in sorted((root / "configs").glob("*/*.yaml")):
        if source.parent.name in {"devices", "sunspec"}:
            copies[str(source.relative_to(root))] = f"etc/ems/config/{source.parent.name}/{source.name}"
    for source_name, place in copies.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / source_name, tree / place)
    (tree / "etc/ems/config/sites").mkdir()
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/ems").symlink_to(f"/{PREFIX}/bin/ems")


def _plain_modes(tree: Path) -> None:
    for path in tree.rglob("*"):
        if path.is_symlink():
            continue
        runs = path.is_dir() or path.parent == tree / PREFIX / "bin" or ".so" in path.suffixes
        path.chmod(_SHOWN if runs else _FILE)
    (tree / "etc/ems/edge.env").chmod(_SECRET)  # a device's password may come to stand there


def _machines(layout: Layout) -> dict[str, int]:
    counts: dict[str, int] = {}
    wrong = []
    for path, machine in machines_below(layout.tree):
        counts[machine] = counts.get(machine, 0) + 1
        if machine != layout.target.arch:
            wrong.append(f"{path.relative_to(layout.tree)} is for {machine}")
    if wrong:
        raise BuildError(f"not for {layout.target.arch}: {'; '.join(wrong)}")
    return counts


def conffiles(tree: Path) -> list[str]:
    """Files that an upgrade does not replace once they were changed at the box: all below /etc."""
    return [f"/{path.relative_to(tree)}" for path in sorted((tree / "etc").rglob("*")) if path.is_file()]


def same_times(paths: Iterable[Path], at_s: int) -> None:
    """Give files the time of the sources, so that the same sources give the same package; links too."""
    for path in paths:
        os.utime(path, (at_s, at_s), follow_symlinks=False)


def size_kib(tree: Path) -> int:
    """What the tree takes on the box, in KiB."""
    return sum(-(-path.lstat().st_size // 1024) for path in tree.rglob("*") if not path.is_dir())
