"""Reads a Dockerfile and does what it says, without an engine: each stage is an overlay over this system.

The base images are replaced by this machine (Debian with Python and Node); every COPY and RUN of the file is
carried out as it stands there, in a root of its own, so nothing of it is left on the machine.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

RUN_S = 1200


@dataclass
class Stage:
    """What one `FROM … AS name` came to."""

    name: str
    layer: Path
    """Files it made, as the upper folder of an overlay."""
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Word and rest of each instruction; continued lines are joined, comments are left out."""
    joined = re.sub(
        r"\\\n\s*", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    )
    for line in joined.splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


class Builder:
    """Builds the stages of one file below a folder; `given` stages are taken as they are."""

    def __init__(self, context: Path, folder: Path, given: Mapping[str, Path] | None = None) -> None:
        self._context = context
        self._folder = folder
        self._given = dict(given or {})
        self._arguments = {"BUILDPLATFORM": "here"}
        self.ran: list[str] = []
        self.stages: dict[str, Stage] = {}

    def build(self, text: str) -> Stage:
        """Carry out every instruction; gives the last stage."""
        stage = Stage("", self._folder)
        for word, rest in instructions(text):
            if word == "FROM":
                stage = self._from(rest)
            elif stage.name not in self._given:
                self._do(stage, word, rest)
        return stage

    def _from(self, rest: str) -> Stage:
        image, _, name = re.sub(r"--platform=\S+ ", "", rest).partition(" AS ")
        name = name or "final"
        layer = self._given.get(name, self._folder / name)
        if image in self.stages:
            layer.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["/bin/cp", "-a", self.stages[image].layer, layer], check=True)
        layer.mkdir(parents=True, exist_ok=True)
        self.stages[name] = Stage(name, layer, {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
        if name not in self._given:
            _base(layer)
        return self.stages[name]

    def _do(self, stage: Stage, word: str, rest: str) -> None:
        rest = re.sub(r"\$\{(\w+)\}", lambda found: self._arguments.get(found[1], found[0]), rest)
        if word == "ARG":
            name, _, value = rest.partition("=")
            self._arguments[name] = value
        elif word == "ENV":
            for part in shlex.split(rest):
                name, _, value = part.partition("=")
                stage.environment[name] = value.replace("$PATH", stage.environment["PATH"])
        elif word == "WORKDIR":
            stage.workdir = rest
            (stage.layer / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            self._copy(stage, shlex.split(rest))
        elif word == "RUN":
            self._run(stage, rest)
        else:
            _note(stage, word, rest)

    def _copy(self, stage: Stage, words: list[str]) -> None:
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        *sources, target = [word for word in words if not word.startswith("--")]
        top = self.stages[options["from"]].layer if "from" in options else self._context
        place = stage.layer / os.path.normpath(
            f"{stage.workdir}/{target}" if target[0] != "/" else target
        ).lstrip("/")
        ignored = None if "from" in options else self._ignored
        for source in sources:
            path = top / source.strip("/")
            if path.is_symlink():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(path.readlink())
            elif path.is_dir():
                shutil.copytree(path, place, symlinks=True, dirs_exist_ok=True, ignore=ignored)
            else:
                self._file(path, place / path.name if target.endswith("/") else place, options.get("chmod"))

    def _file(self, path: Path, place: Path, mode: str | None) -> None:
        if path.is_relative_to(self._context):
            assert self._sent(path.relative_to(self._context).as_posix()), f"{path} is kept out of the build"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)
        if mode is not None:
            place.chmod(int(mode, 8))

    def _sent(self, name: str) -> bool:
        """Whether the ignore file lets a file into the build."""
        sent = True
        for line in (self._context / "deploy" / "Dockerfile.dockerignore").read_text().splitlines():
            pattern = line.removeprefix("!").removeprefix("**/")
            if line.startswith("#") or not line:
                continue
            parts = [name, *[name.rsplit("/", depth)[0] for depth in range(1, name.count("/") + 1)]]
            bare = [one.rsplit("/", 1)[-1] for one in parts] if "**/" in line else parts
            if any(fnmatch.fnmatch(one, pattern) for one in bare):
                sent = line.startswith("!")
        return sent

    def _ignored(self, folder: str, names: list[str]) -> set[str]:
        below = Path(folder).relative_to(self._context).as_posix()
        return {name for name in names if not self._sent(f"{below}/{name}")}

    def _run(self, stage: Stage, command: str) -> None:
        self.ran.append(command)
        work, root = self._folder / f".work-{stage.name}", self._folder / f".root-{stage.name}"
        for one in (work, root):
            one.mkdir(exist_ok=True)
        environment = [f"{name}={value}" for name, value in stage.environment.items()]
        script = (
            f"mount -t overlay o -o lowerdir=/,upperdir={stage.layer},workdir={work} {root}\n"
            f"mount --rbind /dev {root}/dev && mount --bind /proc {root}/proc\n"
            f"mount -t tmpfs tmpfs {root}/work\n"  # nothing of the sources but what was copied
            'exec chroot "$1" /usr/bin/env -C "$2" HOME=/root "${@:4}" /bin/sh -euc "$3"'
        )
        subprocess.run(
            ["/usr/bin/unshare", "--mount", "--propagation", "private", "bash", "-euc", script, "bash",
             root, stage.workdir, command, *environment],
            check=True, timeout=RUN_S,
        )  # fmt: skip


def _note(stage: Stage, word: str, rest: str) -> None:
    """What says how the image is run."""
    if word == "USER":
        stage.user = rest
    elif word in {"ENTRYPOINT", "CMD"}:
        setattr(stage, "entrypoint" if word == "ENTRYPOINT" else "command", json.loads(rest))
    elif word == "HEALTHCHECK":
        stage.health = json.loads(rest.partition("CMD ")[2])
    else:
        assert word in {"LABEL", "EXPOSE", "STOPSIGNAL", "VOLUME"}, f"{word} is not known here"


def _base(layer: Path) -> None:
    """What the base images have beside a Debian: `python` and `pip` by these names."""
    tools = layer / "usr" / "local" / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    if (tools / "python").is_symlink():
        return
    (tools / "python").symlink_to("/usr/bin/python3")
    (tools / "pip").write_text('#!/bin/sh\nexec /usr/bin/python3 -m pip "$@"\n')
    (tools / "pip").chmod(0o755)
