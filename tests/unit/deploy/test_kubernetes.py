"""The manifests as data: Kubernetes' own schemas, the strictest pod standard, secrets only named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.needs import missing

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes"
OVERLAYS = ("small", "cluster", "bus3")
VERSIONS = ("1.30", "1.36")
WORKLOADS = {"Deployment", "StatefulSet", "Job"}


@cache
def manifests(overlay: str) -> tuple[dict[str, Any], ...]:
    tool = shutil.which("kubectl")
    if tool is None:
        missing("kubectl", "it puts the overlays together")
    done = subprocess.run(
        [tool, "kustomize", FOLDER / "overlays" / overlay], capture_output=True, text=True, check=True
    )
    return tuple(yaml.safe_load_all(done.stdout))


def pods(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in manifests(overlay):
        if one["kind"] in WORKLOADS:
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def containers(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods(overlay):
        for one in (*pod.get("initContainers", ()), *pod["containers"]):
            yield f"{name}/{one['name']}", one


@pytest.mark.parametrize("version", VERSIONS)
def test_every_file_by_itself_fits_the_schemas_of_kubernetes(version: str) -> None:
    overlays = FOLDER / "overlays"
    whole = [overlays / "small" / "databases.yaml"]
    whole += [overlays / "bus3" / f"{name}.yaml" for name in ("servers", "services", "network")]
    files = [*(FOLDER / "base").glob("*.yaml"), *whole]
    for file in files:
        for one in yaml.safe_load_all(file.read_text()) if file.name != "kustomization.yaml" else ():
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_the_schemas_of_kubernetes(overlay: str, version: str) -> None:
    for one in manifests(overlay):
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_keeps_the_restricted_standard_on_a_root_it_cannot_write(overlay: str) -> None:
    for name, pod in pods(overlay):
        locked = pod["securityContext"]
        assert locked["runAsNonRoot"] is True
        assert locked["runAsUser"] > 0
        assert locked["seccompProfile"] == {"type": "RuntimeDefault"}
        assert locked["fsGroupChangePolicy"] == "OnRootMismatch", name
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    for name, one in containers(overlay):
        context = one["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True), name
        assert {"requests", "limits"} <= set(one["resources"]), name
        assert re.search(r":v?\d+\.\d+", one["image"]), one["image"]
        written = {mount["name"] for mount in one["volumeMounts"] if not mount.get("readOnly")}
        assert written, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_lasts_is_watched_and_one_pod_of_a_kind_may_go_at_a_time(overlay: str) -> None:
    budgets = {
        one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        for one in manifests(overlay) if one["kind"] == "PodDisruptionBudget"
    }  # fmt: skip
    assert budgets == {"ingest", "api", "dispatch", "bus"}
    for one in manifests(overlay):
        if one["kind"] in WORKLOADS - {"Job"}:
            for container in one["spec"]["template"]["spec"]["containers"]:
                assert {"livenessProbe", "readinessProbe"} <= set(container), container["name"]


def test_roles_have_the_copies_their_work_allows() -> None:
    copies = {
        one["metadata"]["name"]: one["spec"]["replicas"]
        for one in manifests("cluster")
        if "replicas" in one.get("spec", {})
    }
    assert copies == {"ems-ingest": 3, "ems-api": 2, "ems-dispatch": 2, "ems-bus": 1}


def test_three_servers_of_the_bus_stand_apart_and_only_they_reach_routes_and_register() -> None:
    found = {one["metadata"]["name"]: one for one in manifests("bus3") if one["kind"] == "StatefulSet"}
    servers = {
        {entry["name"]: entry["value"] for entry in container.get("env", ())}.get("EMS_BUS_SERVER"): name
        for name, one in found.items()
        for container in (
            *one["spec"]["template"]["spec"]["initContainers"], *one["spec"]["template"]["spec"]["containers"]
        )
    }  # fmt: skip
    assert {server: name for server, name in servers.items() if server} == {
        "bus1": "ems-bus", "bus2": "ems-bus-2", "bus3": "ems-bus-3",
    }  # fmt: skip
    for number, name in enumerate(("ems-bus", "ems-bus-2", "ems-bus-3"), 1):
        template = found[name]["spec"]["template"]
        assert template["metadata"]["labels"]["ems/server"] == str(number)
        (apart,) = template["spec"]["affinity"]["podAntiAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        assert apart["topologyKey"] == "kubernetes.io/hostname"
        liveness = template["spec"]["containers"][0]["livenessProbe"]["exec"]["command"][1]
        assert liveness.endswith("js-server-only=true"), "one that waits for the others is not killed for it"
    settings = next(one["data"] for one in manifests("bus3") if one["metadata"]["name"] == "ems-settings")
    services = {one["metadata"]["name"]: one["spec"] for one in manifests("bus3") if one["kind"] == "Service"}
    for route in re.findall(r"--cluster-route (\S+):6222", settings["EMS_BUS_OPTIONS"]):
        assert services[route]["publishNotReadyAddresses"] is True
        assert f"tls://{route}:4222" in settings["EMS_BUS"].split(",")
    assert settings["EMS_BUS_REPLICAS"] == "3"
    outside = {name for name, spec in services.items() if spec.get("type") == "LoadBalancer"}
    assert outside == {"ems-bus-1-boxes", "ems-bus-2-boxes", "ems-bus-3-boxes"}
    assert all([port["port"] for port in services[name]["ports"]] == [4222] for name in outside)
    for one in manifests("bus3"):
        if one["kind"] == "NetworkPolicy":
            for rule in one["spec"].get("ingress", ()):
                inner = {port["port"] for port in rule.get("ports", ())} & {6222, 8223}
                assert not inner or rule["from"] == [
                    {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "bus"}}}
                ]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_named_and_made_by_the_script_never_contained(overlay: str) -> None:
    assert not [one for one in manifests(overlay) if one["kind"] == "Secret"]
    made = set(re.findall(r"create secret generic ([\w-]+)", (FOLDER / "secrets.sh").read_text()))
    named = set()
    for _, pod in pods(overlay):
        for volume in pod.get("volumes", ()):
            named |= {source["secret"]["name"] for source in volume.get("projected", {}).get("sources", ())}
            named |= {volume["secret"]["secretName"]} if "secret" in volume else set()
    assert named <= made
    assert {"ems-signing", "ems-bus-login"} <= named
    holders = [name for name, pod in pods(overlay) if "ems-signing" in str(pod.get("volumes"))]
    assert holders == ["ems-dispatch"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_that_is_used_is_set(overlay: str) -> None:
    settings = next(one["data"] for one in manifests(overlay) if one["metadata"]["name"] == "ems-settings")
    for name, one in containers(overlay):
        for used in re.findall(r"\$\((\w+)\)", " ".join(one.get("args", ()))):
            assert used in settings, (name, used)
    script = (FOLDER.parent / "setup.sh").read_text()
    by_itself = {"PGPASSFILE", "EMS_TRUSTED_PROXIES", "EMS_OUTSIDE_ALLOW"}  # libpq and the hub look for these
    assert set(settings) - by_itself - set(re.findall(r"EMS_\w+", script)) == {"EMS_BUS"} | {
        name for name in settings if name == "EMS_BUS_REPLICAS"
    }


def test_the_script_of_secrets_makes_each_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        missing("openssl", "it makes the certificate")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run() -> str:
        words = ["/bin/sh", str(FOLDER / "secrets.sh"), str(tmp_path / "made"), "bus.ems.example"]
        done = subprocess.run(
            words, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
        )
        return str(done.stdout)

    said = run()
    before = {file.name: file.read_bytes() for file in (tmp_path / "made").iterdir()}
    run()
    assert {file.name: file.read_bytes() for file in (tmp_path / "made").iterdir()} == before
    assert all(
        file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "made").iterdir() if file.suffix != ".pub"
    )
    for name in re.findall(r"--from-file=(\S+)", said):
        assert before[name], name
    assert len(before["api_token.key"]) == 64
