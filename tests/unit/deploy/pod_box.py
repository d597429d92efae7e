"""Pods as services of a box: init containers and containers with their users, volumes, settings and probes.

Volumes are made as a kubelet makes them: an empty one and a claim belong to root and the pod's group, a
secret can be read by that group. All pods share one network, as the services of a compose file do.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Manifest = Mapping[str, Any]
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "Job"})


def services_of(manifests: Iterable[Manifest], secrets: Path, volumes: Path) -> dict[str, Any]:
    """Every container as a service `<workload>.<container>`, as a compose file would have it."""
    whole = list(manifests)
    settings = next(one["data"] for one in whole if one["metadata"]["name"] == "ems-settings")
    found: dict[str, Any] = {}
    names: dict[str, None] = {}
    for one in whole:
        if one["kind"] not in _WORKLOADS:
            continue
        workload, pod = one["metadata"]["name"], one["spec"]["template"]["spec"]
        claims = [claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", ())]
        group = pod["securityContext"]["fsGroup"]
        for volume in (*pod.get("volumes", ()), *({"name": name} for name in claims)):
            name = f"{workload}.{volume['name']}"
            names[name] = None
            _make(volumes / name, volume, secrets, group)
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            user = f"{pod['securityContext']['runAsUser']}:{group}"
            found[f"{workload}.{container['name']}"] = _service(workload, container, settings, user)
    return {"services": found, "volumes": names}


def _make(place: Path, volume: Mapping[str, Any], secrets: Path, group: int) -> None:
    place.mkdir(parents=True)
    os.chown(place, 0, group)
    place.chmod(0o2777)
    named = [source["secret"]["name"] for source in volume.get("projected", {}).get("sources", ())]
    named += [volume["secret"]["secretName"]] if "secret" in volume else []
    script = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes" / "secrets.sh"
    for name in named:
        (line,) = re.findall(rf"secret generic {name} (.*)", script.read_text())
        for file in re.findall(r"--from-file=(\S+)", line):
            shutil.copy(secrets / file, place / file)
            os.chown(place / file, 0, group)
            (place / file).chmod(0o440)


def _service(workload: str, one: Mapping[str, Any], settings: Mapping[str, str], user: str) -> dict[str, Any]:
    environment = {entry["name"]: entry["value"] for entry in one.get("env", ())}
    environment |= settings if "envFrom" in one else {}
    mounts = sorted(one["volumeMounts"], key=lambda mount: len(mount["mountPath"]))
    service: dict[str, Any] = {
        "user": user,
        "read_only": one["securityContext"]["readOnlyRootFilesystem"],
        "environment": environment,
        "volumes": [
            f"{workload}.{mount['name']}:{mount['mountPath']}{':ro' if mount.get('readOnly') else ''}"
            for mount in mounts
        ],
    }
    if "command" in one:
        service |= {"entrypoint": one["command"], "command": []}
    if "args" in one:
        service["command"] = [re.sub(r"\$\((\w+)\)", lambda f: settings[f[1]], word) for word in one["args"]]
    if "readinessProbe" in one:
        service["healthcheck"] = {"test": ["CMD", *_probe(one["readinessProbe"])]}
    return service


def _probe(probe: Mapping[str, Any]) -> list[str]:
    if "exec" in probe:
        return list(probe["exec"]["command"])
    return ["ems-health", f"http://127.0.0.1:8080{probe['httpGet']['path']}"]
