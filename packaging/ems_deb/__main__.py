"""`make deb ARCH=amd64|arm64 [PY=3.11]`: build `dist/ems-edge_<version>+py3.11_<arch>.deb`."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import string
import subprocess
import sys
from pathlib import Path
from typing import Final

from ems_deb.target import BuildError, Target, parse_target
from ems_deb.tree import Layout, conffiles, lay_out, same_times, size_kib
from ems_deb.wheels import fetch

ROOT: Final = Path(__file__).resolve().parents[2]
_SCRIPTS: Final = ("postinst", "prerm", "postrm")
_RUNS: Final = 0o755
_MB: Final = 1e6


def build(target: Target, out: Path) -> Path:
    """Build the package for `target` into `out`, with `SHA256SUMS` beside it; gives its path.

    Raises:
        BuildError: dpkg-deb is not here, a dependency has no wheel for the target, or a file in the tree
            is for another machine.
    """
    if shutil.which("dpkg-deb") is None:
        raise BuildError(
            "dpkg-deb is not on this machine; build on Debian or Ubuntu, or install the package dpkg"
        )
    epoch_s = int(os.environ.setdefault("SOURCE_DATE_EPOCH", str(_last_change_s())))
    work = out / f"build-{target.arch}-py{target.python}"
    ours = fetch(ROOT, target, work / "wheels")
    tree = work / "tree"
    counts = lay_out(Layout(ROOT, target, work / "wheels", tree))
    version = f"{ours.name.split('-')[1]}+py{target.python}"
    _control_files(tree, target, version)
    same_times([tree, *tree.rglob("*")], epoch_s)
    package = out / f"ems-edge_{version}_{target.arch}.deb"
    pack = ["dpkg-deb", "--build", "--root-owner-group", "-Zxz", "-z2", str(tree), str(package)]
    done = subprocess.run(pack, capture_output=True, text=True, check=False)  # noqa: S603  names of our own making
    if done.returncode:
        raise BuildError(f"dpkg-deb says: {done.stderr.strip()}")
    _sums(out)
    size = f"{package.stat().st_size / _MB:.1f} MB, {size_kib(tree) / 1000:.0f} MB on the box"
    sys.stdout.write(f"{package}: {size}; ELF files: {counts}\n")
    return package


def _control_files(tree: Path, target: Target, version: str) -> None:
    folder, sources = tree / "DEBIAN", ROOT / "packaging/debian"
    listed, size = conffiles(tree), size_kib(tree)
    folder.mkdir()
    text = string.Template((sources / "control.in").read_text(encoding="utf-8"))
    fields = {"version": version, "arch": target.arch, "depends": target.depends, "size": str(size)}
    (folder / "control").write_text(text.substitute(fields), encoding="utf-8")
    (folder / "conffiles").write_text("".join(f"{path}\n" for path in listed), encoding="ascii")
    for name in _SCRIPTS:
        shutil.copyfile(sources / name, folder / name)
        (folder / name).chmod(_RUNS)


def _sums(out: Path) -> None:
    """What the installer checks a package against that it loaded from somewhere."""
    lines = [
        f"{hashlib.sha256(deb.read_bytes()).hexdigest()}  {deb.name}\n" for deb in sorted(out.glob("*.deb"))
    ]
    (out / "SHA256SUMS").write_text("".join(lines), encoding="ascii")


def _last_change_s() -> int:
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  a fixed command
    if done.returncode:
        raise BuildError("this is no clone; give SOURCE_DATE_EPOCH, the time of the sources in Unix seconds")
    return int(done.stdout)


def main() -> None:
    """Read the options and build; a fault is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(prog="make deb", description=__doc__)
    parser.add_argument("--arch", default="amd64")
    parser.add_argument("--python", default="3.11")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    given = parser.parse_args()
    try:
        build(parse_target(given.arch, given.python), given.out.absolute())
    except BuildError as error:
        sys.stderr.write(f"make deb: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
