"""Runs the services of a compose file without an engine: real processes, users, mounts and ports.

Each service gets a root of its own over the image's layer, its volumes, its secrets and its memory file
systems, and is read-only where the file says so. All share one network in which nobody else is, so ports are
those of the file; the names of the services are 127.0.0.1. Images of others are played by the same programs
of this machine (`tests/unit/deploy/foreign_images.py`).
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import Any

import yaml

from runtime.clock import SystemClock
from tests.unit.deploy.dockerfile import Stage

STOP_S = 20.0
NSENTER = "/usr/bin/nsenter"
SECRETS = "/run/secrets"
_MOUNTED = "/dev", "/proc", "/sys"
_PROGRAM = "opt/ems"
_REPLACED = ("command", "entrypoint", "test")
"""Sequences that one of a further file replaces."""
_ENV = ("/usr/bin/env", "-i")
_ASK = """
import sys, urllib.request as u
body = sys.argv[3].encode() if sys.argv[3:] else None
print(u.urlopen(u.Request(sys.argv[1], body, {"Authorization": "Token " + sys.argv[2]})).read().decode())
"""
_KEEPER = """
ip link set lo up && echo up
while read -r started; do groups="${groups:-} -$started"; done
[ -z "${groups:-}" ] || kill -KILL $groups 2>/dev/null
"""
"""Holds the network and hears of each service; ends them when the one who asked is gone, even killed."""
_POST = "import sys, urllib.request as u; u.urlopen(sys.argv[1], sys.stdin.buffer.read())"


@dataclass
class Process:
    """What is run for one service."""

    command: Sequence[str]
    user: str = "0:0"
    workdir: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Service:
    """A service of the file, with every variable filled in."""

    name: str
    data: Mapping[str, Any]

    @property
    def health(self) -> list[str]:
        """Its health command; empty where it has none."""
        test = list(self.data.get("healthcheck", {}).get("test", ()))
        assert not test or test[0] == "CMD", f"{self.name}: only a command without a shell is run here"
        return test[1:]


class Override(list[Any]):
    """A sequence that takes the place of the one in the file before: `!override`."""


def _override(loader: yaml.SafeLoader, node: yaml.Node) -> Override:
    assert isinstance(node, yaml.SequenceNode)
    return Override(loader.construct_sequence(node))


yaml.SafeLoader.add_constructor("!override", _override)


def merged(first: Any, second: Any, key: str = "") -> Any:  # noqa: ANN401  what YAML holds
    """A file with the next one laid over it, as an engine does with `-f first -f second`."""
    if isinstance(first, dict) and isinstance(second, dict):
        both = {name: merged(first[name], second[name], name) for name in first.keys() & second.keys()}
        return {**first, **second, **both}
    added = isinstance(first, list) and isinstance(second, list) and key not in _REPLACED
    if added and not isinstance(second, Override):
        return [*first, *(one for one in second if one not in first)]
    return second


def load(path: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables filled in, as an engine would."""

    def filled(found: re.Match[str]) -> str:
        name, kind, text = found[1], found[2], found[3]
        if kind is None or name in environment or kind == ":-":
            return environment.get(name, text or "")
        raise KeyError(f"{name}: {text}")

    text = re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", filled, path.read_text(encoding="utf-8"))
    found: dict[str, Any] = yaml.safe_load(text)
    return found


class Box:
    """One machine for the services of a file; everything is gone at its end."""

    def __init__(self, file: Path, image: Stage, folder: Path, data: dict[str, Any], names: str) -> None:
        self._file = file
        self._image = image
        self._folder = folder
        self._clock = SystemClock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._processes: dict[str, Process] = {}
        self.data = data
        self.services = {name: Service(name, data) for name, data in self.data["services"].items()}
        self._net = subprocess.Popen(
            ["/usr/bin/unshare", "--net", "sh", "-c", _KEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._network = f"--net=/proc/{self._net.pid}/ns/net"
        assert self._net.stdout is not None
        assert self._net.stdout.readline() == b"up\n"
        (folder / "hosts").write_text(f"127.0.0.1 localhost {names}\n")

    def start(self, name: str, process: Process | None = None, number: int = 1) -> subprocess.Popen[bytes]:
        """Start a service as the file says; `process` instead of the image's own for images of others."""
        service = self.services[name]
        script = self._folder / f"{name}-{number}.sh"
        made = self._processes[f"{name}-{number}"] = process or self._ours(service)
        script.write_text(self._script(service, made, f"{name}-{number}"))
        with (self._folder / f"{name}-{number}.log").open("wb") as log:
            running = subprocess.Popen(
                [NSENTER, self._network, "unshare", "--mount", "--propagation", "private", "sh", str(script)],
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        assert self._net.stdin is not None
        self._net.stdin.write(b"%d\n" % running.pid)
        self._net.stdin.flush()
        self._running[f"{name}-{number}"] = running
        return running

    def finished(self, name: str, wait_s: float) -> str:
        """Start a service that ends by itself; gives what it said."""
        code = self.start(name).wait(wait_s)
        said = self.said(name)
        assert code == 0, f"{name} ended with {code}:\n{said}"
        return said

    def healthy(self, name: str, wait_s: float, number: int = 1) -> float:
        """Wait until the health command of a service succeeds; gives after how many seconds."""
        begun_s = self._clock.mono_s()
        while self.inside(name, self.services[name].health, number).returncode != 0:
            running = self._running[f"{name}-{number}"]
            late = self._clock.mono_s() - begun_s > wait_s
            assert running.poll() is None, (
                f"{name} ended with {running.returncode}:\n{self.said(name, number)}"
            )
            assert not late, f"{name} is not healthy after {wait_s} s:\n{self.said(name, number)}"
        return self._clock.mono_s() - begun_s

    def until(self, condition: Callable[[], bool], wait_s: float) -> None:
        """Wait until something is so."""
        begun_s = self._clock.mono_s()
        while not condition():
            assert self._clock.mono_s() - begun_s < wait_s, f"not so after {wait_s} s"
            sleep(0.05)

    def inside(self, name: str, command: Sequence[str], number: int = 1) -> subprocess.CompletedProcess[str]:
        """Run a command in the container of a service, as its user."""
        root = self._folder / f"root-{name}-{number}"
        running, process = self._running[f"{name}-{number}"], self._processes[f"{name}-{number}"]
        service = self.services[name]
        mounts = f"--mount=/proc/{running.pid}/ns/mnt"
        as_user = [*_as(service.data.get("user")), str(root), *_ENV]
        variables = [f"{key}={value}" for key, value in process.environment.items()]
        words = [NSENTER, self._network, mounts, *as_user, *variables, *command]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    def post(self, url: str, body: bytes) -> None:
        """Send a body from inside the network."""
        words = [NSENTER, self._network, sys.executable, "-c", _POST, url]
        subprocess.run(words, input=body, check=True, timeout=30)

    def ask(self, url: str, token: str, body: str | None = None) -> str:
        """An answer from inside the network, to the holder of a token of InfluxDB."""
        words = [
            NSENTER,
            self._network,
            sys.executable,
            "-c",
            _ASK,
            url,
            token,
            *([] if body is None else [body]),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr[-300:]
        return done.stdout

    def said(self, name: str, number: int = 1) -> str:
        """What a service wrote."""
        return (self._folder / f"{name}-{number}.log").read_text(errors="replace")[-4000:]

    def volume(self, name: str) -> Path:
        """Folder of a named volume."""
        return self._folder / "volumes" / name

    def stop(self, name: str, number: int = 1) -> int:
        """End a service as an engine does; gives its exit code."""
        running = self._running.pop(f"{name}-{number}")
        if running.poll() is None:
            os.kill(running.pid, signal.SIGTERM)
            try:
                running.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait(STOP_S)
        return running.returncode

    def close(self) -> None:
        """End everything."""
        for key in reversed(list(self._running)):
            name, _, number = key.rpartition("-")
            self.stop(name, int(number))
        self._net.kill()
        self._net.communicate()

    def _ours(self, service: Service) -> Process:
        image, data = self._image, service.data
        command = [*data.get("entrypoint", image.entrypoint), *data.get("command", image.command)]
        environment = {**image.environment, **{k: str(v) for k, v in data.get("environment", {}).items()}}
        return Process(command, data.get("user", image.user), image.workdir, environment)

    def _script(self, service: Service, process: Process, key: str) -> str:
        root, upper, work = (self._folder / f"{part}-{key}" for part in ("root", "upper", "work"))
        for one in (root, work):
            one.mkdir(parents=True, exist_ok=True)
        if not upper.exists():
            self._lay(upper)
        lines = ["set -eu", f"mount -t overlay o -o lowerdir=/,upperdir={upper},workdir={work} {root}"]
        lines += [f"mount --rbind {one} {root}{one}" for one in _MOUNTED]
        lines += [f"mount --bind {self._folder}/hosts {root}/etc/hosts"]
        if not (self._image.layer / _PROGRAM).is_symlink():
            lines.append(f"mount --bind {self._image.layer}/{_PROGRAM} {root}/{_PROGRAM}")
        lines += self._mounts(service, root)
        if service.data.get("read_only"):
            lines.append(f"mount -o remount,ro {root}")
        environment = [f"{name}={value}" for name, value in process.environment.items()]
        words = [*_as(process.user), str(root), *_ENV, "-C", process.workdir, *environment, *process.command]
        return "\n".join([*lines, f"exec {shlex.join(words)}", ""])

    def _lay(self, upper: Path) -> None:
        """What the image has, for one container; the program is large and mounted instead."""
        upper.mkdir()
        linked = (self._image.layer / _PROGRAM).is_symlink()
        left_out = [] if linked else [f"--exclude=./{_PROGRAM}"]
        keep = ["--xattrs", "--xattrs-include=*"]
        pack = ["/bin/tar", "-C", str(self._image.layer), *keep, *left_out, "-cf", "-", "."]
        packed = subprocess.run(pack, check=True, capture_output=True)
        subprocess.run(["/bin/tar", "-C", str(upper), *keep, "-xpf", "-"], input=packed.stdout, check=True)
        for one in (_PROGRAM, SECRETS.lstrip("/")):
            if not (upper / one).is_symlink():
                (upper / one).mkdir(parents=True, exist_ok=True)

    def _mounts(self, service: Service, root: Path) -> Iterator[str]:
        for text in service.data.get("tmpfs", ()):
            place, _, options = text.partition(":")
            yield f"mkdir -p {root}{place} && mount -t tmpfs -o {options} tmpfs {root}{place}"
        for text in service.data.get("volumes", ()):
            source, place, *mode = text.split(":")
            yield from _bound(self._source(source, place), root, place, read_only="ro" in mode)
        for one in service.data.get("secrets", ()):
            name = one if isinstance(one, str) else one["source"]
            place = f"{SECRETS}/{name}" if isinstance(one, str) else one["target"]
            source = self._folder / "secrets" / Path(self.data["secrets"][name]["file"]).name
            yield f"touch {root}{place}"
            yield from _bound(source, root, place, read_only=True)

    def _source(self, source: str, place: str) -> Path:
        """Folder behind a mount; a named volume that is new begins as the image has that place."""
        if source.startswith("."):
            return (self._file.parent / source).resolve()
        assert source in self.data["volumes"], f"{source} is no volume of the file"
        volume = self.volume(source)
        if not volume.exists():
            volume.parent.mkdir(exist_ok=True)
            made = self._image.layer / place.lstrip("/")
            if made.is_dir():
                subprocess.run(["/bin/cp", "-a", made, volume], check=True)
            else:
                volume.mkdir()
        return volume


def _bound(source: Path, root: Path, place: str, *, read_only: bool) -> Iterator[str]:
    if source.is_dir():
        yield f"mkdir -p {root}{place}"
    yield f"mount --bind {source} {root}{place}"
    if read_only:
        yield f"mount -o remount,bind,ro {root}{place}"


def _as(user: str | None) -> list[str]:
    return ["chroot", f"--userspec={user or '0:0'}", "--groups="]


@contextlib.contextmanager
def box(
    file: Path, image: Stage, folder: Path, data: dict[str, Any] | None = None, names: str = ""
) -> Iterator[Box]:
    """A box that ends with the block: for the services of a file, or of `data` and `names`."""
    found = load(file, {}) if data is None else data
    made = Box(file, image, folder, found, names or " ".join(found["services"]))
    try:
        yield made
    finally:
        made.close()
