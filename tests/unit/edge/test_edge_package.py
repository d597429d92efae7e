"""The Debian package of the edge and its installer: what they hold, and what they refuse in one sentence."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ems_deb.__main__ import build
from ems_deb.elf import machine_of, machines_below
from ems_deb.target import BuildError, parse_target
from ems_deb.tree import NOT_OURS_HERE, PREFIX
from ems_deb.wheels import PURE_SOURCES, explain

from benchmarks.edge_rig import farm, rig, until, write_site
from tests.needs import missing

ROOT = Path(__file__).resolve().parents[3]
INSTALLER = ROOT / "packaging" / "install.sh"
SCRIPTS = (*sorted((ROOT / "packaging").glob("*.sh")), *sorted((ROOT / "packaging" / "debian").glob("p*")))
DOCUMENTED = ("--from", "--site", "--replace-site", "--bus", "--keys", "--uninstall", "--purge")
BUILD_S = 1500


def said_by_installer(*options: str) -> str:
    done = subprocess.run(["/bin/sh", INSTALLER, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def test_the_machine_of_a_file_is_read_from_its_header() -> None:
    own = machine_of(Path(sys.executable).resolve().read_bytes()[:20])
    assert own == {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, own)
    arm = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\xb7\x00"
    assert machine_of(arm) == "arm64"
    assert machine_of(arm[:18] + b"\x28\x00") == "ELF machine 40"
    assert machine_of(arm[:19]) is None
    assert machine_of(b"PK\x03\x04" + bytes(16)) is None


@pytest.mark.parametrize(
    ("arch", "python", "words"),
    [("armhf", "3.11", "amd64 or arm64"), ("arm64", "3.9", "3.11 or newer"), ("arm64", "three", "PY=3.13")],
)
def test_no_package_is_built_for_what_does_not_run(arch: str, python: str, words: str) -> None:
    with pytest.raises(BuildError, match=words):
        parse_target(arch, python)


def test_a_dependency_without_a_wheel_is_named() -> None:
    said = "ERROR: Could not find a version that satisfies the requirement uvloop==9 (from versions: none)\n"
    assert "uvloop==9 has no wheel there" in explain(said, "the wheels for arm64")
    assert "disk full" in explain("ERROR: disk full", "the wheels for arm64")


def test_what_is_built_here_is_pinned_like_the_rest() -> None:
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert set(PURE_SOURCES) <= pinned


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_sound_by_the_shell_itself(script: Path) -> None:
    subprocess.run(["/bin/sh", "-n", script], check=True)


def test_the_installer_knows_its_options_and_names_a_wrong_one() -> None:
    text = INSTALLER.read_text()
    assert all(text.count(option) >= 2 for option in DOCUMENTED)
    assert "--frm is no option" in said_by_installer("--frm", "x")
    assert "--site needs a value" in said_by_installer("--site")


def test_a_package_that_was_changed_on_its_way_is_not_installed(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("dpkg") is None:
        missing("root", "the installer first asks for root and dpkg")
    assert "give --from" in said_by_installer()
    assert "SHA256SUMS is missing" in said_by_installer("--from", str(tmp_path))
    arch = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)  # noqa: S607  Debian's own
    python = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    name = f"ems-edge_0.1.0+py{python.stdout.strip()}_{arch.stdout.strip()}.deb"
    (tmp_path / name).write_bytes(b"changed")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'as it was').hexdigest()}  {name}\n")
    assert "damaged or changed" in said_by_installer("--from", str(tmp_path))
    (tmp_path / "SHA256SUMS").write_text("0  ems-edge_0.1.0+py3.9_other.deb\n")
    assert "has no package for" in said_by_installer("--from", str(tmp_path))


def test_what_is_left_out_is_imported_by_nothing_that_is_in_the_package() -> None:
    left_out = tuple(name.replace("/", ".") for name in NOT_OURS_HERE)
    imported = re.compile(r"^\s*(?:from|import) ([\w.]+)", re.MULTILINE)
    for package in ("edge_agent", "plant", "protocols", "runtime"):
        for file in (ROOT / package).rglob("*.py"):
            for name in imported.findall(file.read_text()):
                assert not f"{name}.".startswith(tuple(f"{out}." for out in left_out)), f"{file}: {name}"


def built(arch: str, folder: Path) -> Path:
    if shutil.which("dpkg-deb") is None:
        missing("packages", "dpkg-deb is not here")
    try:
        return build(parse_target(arch, "3.11"), folder / "dist")
    except BuildError as error:
        if "has no wheel there" in str(error):
            raise
        missing("packages", str(error))


@pytest.mark.nightly
@pytest.mark.timeout(BUILD_S)
def test_every_dependency_has_a_wheel_for_arm64_and_all_machine_code_is_for_it(tmp_path: Path) -> None:
    package = built("arm64", tmp_path)
    subprocess.run(["dpkg", "-x", package, tmp_path / "box"], check=True)  # noqa: S607  Debian's own
    machines = [machine for _, machine in machines_below(tmp_path / "box")]
    assert len(machines) > 40
    assert set(machines) == {"arm64"}
    assert package.name in (tmp_path / "dist" / "SHA256SUMS").read_text()


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The package, unpacked somewhere else than its place; gives its `ems`."""
    subprocess.run(["dpkg", "-x", built("amd64", tmp_path), tmp_path / "box"], check=True)  # noqa: S607  Debian's own
    ems = tmp_path / "box" / PREFIX / "bin" / "ems"
    if not ems.with_name("python3").exists():
        missing("packages", "this system has no Python 3.11 of its own")
    return ems


@pytest.mark.nightly
@pytest.mark.timeout(BUILD_S)
def test_the_unpacked_package_writes_a_device_list(tmp_path: Path, unpacked: Path) -> None:
    def said(*arguments: str) -> str:
        bare = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [unpacked, *arguments], capture_output=True, text=True, check=True, env=bare, cwd=tmp_path
        )
        return done.stdout

    assert "Usage: ems edge" in said("edge", "--help")
    assert not {"hub", "sim", "demo"} & set(said("--help").split())
    config = str(tmp_path / "box" / "etc" / "ems" / "config")
    device = "m1=eastron_sdm630@127.0.0.1:502#1"
    assert "1 devices" in said("edge", "init", "--config", config, "--site", "plant1", "--device", device)


@pytest.mark.net
@pytest.mark.nightly
@pytest.mark.timeout(BUILD_S)
async def test_the_unpacked_package_polls_with_nothing_but_the_python_of_the_system(
    tmp_path: Path, unpacked: Path
) -> None:
    with farm(2, 10) as port:
        write_site(tmp_path / "config", port, devices=2, floats=10, every_s=0.2)
        async with rig(tmp_path) as bench:
            # the rig's own command without its interpreter: the package's runs it
            into = f'shift 3; exec {unpacked} "$@"'
            bench.prefix = ("/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", into, "sh")
            bench.start_agent()
            await until(lambda: sum(bench.hub.samples.values()) >= 100, 60, "samples")


@pytest.mark.nightly
@pytest.mark.timeout(BUILD_S)
def test_on_a_booted_system_it_installs_runs_hangs_upgrades_and_goes(tmp_path: Path) -> None:
    nspawn = os.environ.get("NSPAWN") or shutil.which("systemd-nspawn")
    if os.geteuid() != 0 or nspawn is None:
        missing("box", "it takes root and systemd-nspawn (Debian's systemd-container)")
    package = built("amd64", tmp_path)
    done = subprocess.run(
        ["/bin/sh", ROOT / "packaging" / "prove.sh", package],
        capture_output=True, text=True, check=False, env={**os.environ, "NSPAWN": nspawn},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok: ") == 8
