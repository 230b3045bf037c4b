"""Stand-ins for eksctl, kubectl and helm, as programs: they change the files that EKS and the cluster answer from.

Run as `python programs.py <name> <folder> <arguments>`; every call is noted in `<folder>/calls`.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

NAMESPACE = {"metadata": {"name": "airflow", "labels": {"app.kubernetes.io/part-of": "mlops-lab"}}}
DEPLOYMENTS = ("api-server", "scheduler", "dag-processor")


def main(name: str, folder: Path, arguments: list[str]) -> int:
    with (folder / "calls").open("a", encoding="utf-8") as calls:
        calls.write(f"{name} {' '.join(arguments)}\n")
    fails = folder / "fails"
    if fails.exists():
        wanted, _, said = fails.read_text("utf-8").partition("\n")
        if f"{name} {' '.join(arguments)}".startswith(wanted):
            sys.stderr.write(f"{said}\n")
            return 1
    return {"eksctl": eksctl, "kubectl": kubectl, "helm": helm}[name](folder, arguments)


def eksctl(folder: Path, arguments: list[str]) -> int:
    from ruamel.yaml import YAML  # slow to import, and the others need none

    state = load(folder / "eks.json")
    match arguments[:2]:
        case ["create", "cluster"]:
            config = YAML(typ="safe").load(Path(value(arguments, "--config-file")).read_text("utf-8"))
            state.update(cluster=cluster(config), nodes=config["managedNodeGroups"][0]["desiredCapacity"], stack=None)
            state["addons"] = [addon["name"] for addon in config["addons"]]
            for number, asked in enumerate(config["iam"]["podIdentityAssociations"], 1):
                state["associations"][f"e-{number}"] = {
                    "clusterName": config["metadata"]["name"],
                    "namespace": asked["namespace"],
                    "serviceAccount": asked["serviceAccountName"],
                    "roleArn": asked["roleARN"],
                    "tags": asked["tags"],
                    "associationId": f"e-{number}",
                }
        case ["delete", "cluster"]:
            state.update(cluster=None, nodes=None, addons=[], associations={}, stack=None)
        case ["scale", "nodegroup"]:
            state["nodes"] = int(value(arguments, "--nodes"))
        case ["create", "addon"]:
            config = YAML(typ="safe").load(Path(value(arguments, "--config-file")).read_text("utf-8"))
            state["addons"] = [addon["name"] for addon in config["addons"]]
    save(folder / "eks.json", state)
    return 0


def cluster(config: dict[str, Any]) -> dict[str, Any]:
    name, region = config["metadata"]["name"], config["metadata"]["region"]
    return {
        "name": name,
        "arn": f"arn:aws:eks:{region}:123456789012:cluster/{name}",
        "status": "ACTIVE",
        "version": config["metadata"]["version"],
        "endpoint": "https://cluster.example.invalid",
        "certificateAuthority": {"data": "Q0E="},
        "tags": config["metadata"]["tags"],
    }


def kubectl(folder: Path, arguments: list[str]) -> int:
    """The cluster's objects are those of `<folder>/objects.json`, by kind and name."""
    there = load(folder / "objects.json")
    place, arguments = arguments[:4], arguments[4:]
    assert place[0] == "--kubeconfig"
    assert place[2] == "--context"
    status = 0
    match arguments:
        case ["get", "namespace", *_]:
            say(json.dumps(there["Namespace"]) if "Namespace" in there else "")
        case ["get", "secrets,deployments", *_]:
            revisions = load(folder / "helm.json").get("revisions", [])
            say(*(f"Secret\tsh.helm.release.v1.airflow.v{each['version']}\t{json.dumps(each)}" for each in revisions))
            say(*(f"Deployment\tairflow-{name}\t" for name in DEPLOYMENTS if revisions))
        case ["get", "secrets", *rest]:
            say(json.dumps({"items": [item for item in there.get("Secrets", {}).values() if selected(item, rest)]}))
        case ["get", "deployments,statefulsets,daemonsets,pods", *_]:
            say(json.dumps({"items": [deployment(name, there.get("ready", 1)) for name in DEPLOYMENTS]}))
        case ["get", "pods", *rest] | ["logs", *rest]:
            say(of_pods(arguments[0], *value(rest, "--selector").split("="), ready=there.get("ready", 1)))
        case ["get", "persistentvolumes", *_]:
            say(json.dumps({"items": []}))
        case ["diff", *rest]:
            wanted = load(Path(rest[-1]) / "environment.json")
            if there.get("environment") != wanted:
                say("diff -u -N /tmp/LIVE-1/v1.ConfigMap.airflow.pipeline-environment /tmp/MERGED-2/v1.ConfigMap.x.y")
                status = 1
        case ["apply", *rest] if "--kustomize" in rest:
            there |= {
                "Namespace": NAMESPACE,
                "environment": load(Path(value(rest, "--kustomize")) / "environment.json"),
            }
        case ["apply", *_]:
            status = apply_secrets(there.setdefault("Secrets", {}), json.loads(sys.stdin.read())["items"], arguments)
        case ["delete", "namespace", *_]:
            there = {}
        case ["port-forward", *rest] if (folder / "airflow").exists():
            asked = rest[-1].partition(":")[0]
            with (folder / "forwards").open("a", encoding="utf-8") as forwards:
                forwards.write(f"{os.getpid()} {asked}\n")
            say(f"Forwarding from 127.0.0.1:{(folder / 'airflow').read_text('utf-8')} -> 8080")
            sys.stdout.flush()
            signal.pause()
    save(folder / "objects.json", there)
    return status


def deployment(name: str, ready: int) -> dict[str, Any]:
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": ready}
    return {
        "kind": "Deployment",
        "metadata": {"name": f"airflow-{name}", "generation": 1},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"component": name}}}},
        "status": status,
    }


def of_pods(question: str, label: str, component: str, *, ready: int) -> str:
    """What `kubectl logs` or `kubectl get pods --output json` says of the pod with this label."""
    if question == "logs":
        return f"the log of {label}={component}"
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    metadata = {"namespace": "airflow", "name": f"airflow-{component}-1", "labels": {label: component}}
    return json.dumps({"items": [{"metadata": metadata, "status": {"phase": "Running", "conditions": [condition]}}]})


def selected(item: dict[str, Any], options: list[str]) -> bool:
    """By `--selector key=value`; other selectors let everything pass."""
    if "--selector" not in options:
        return True
    labels = item["metadata"].get("labels", {})
    return all(labels.get(key) == found for key, _, found in (p.partition("=") for p in [value(options, "--selector")]))


def apply_secrets(secrets: dict[str, Any], items: list[dict[str, Any]], options: list[str]) -> int:
    """Server-side apply: a key that another manager owns is a conflict, in kubectl's words, and stays as it is."""
    manager = next(option.partition("=")[2] for option in options if option.startswith("--field-manager="))
    status = 0
    for item in items:
        data = {k: base64.b64encode(v.encode()).decode() for k, v in item.pop("stringData", {}).items()}
        data |= item.get("data", {})
        before = secrets.get(item["metadata"]["name"], {"data": {}, "managers": {}})
        owners = {key: before["managers"].get(key, manager) for key in data if before["data"].get(key) != data[key]}
        foreign = {key: owner for key, owner in owners.items() if owner != manager}
        if foreign and "--force-conflicts" not in options:
            key, owner = next(iter(foreign.items()))
            sys.stderr.write(f'error: Apply failed with 1 conflict: conflict with "{owner}" using v1: .data.{key}\n')
            status = 1
        else:
            managers = {**before["managers"], **dict.fromkeys(owners, manager)}
            secrets[item["metadata"]["name"]] = {**item, "data": data, "managers": managers}
    return status


def helm(folder: Path, arguments: list[str]) -> int:
    state = load(folder / "helm.json")
    if "uninstall" in arguments:
        state = {}
    else:
        key, _, label = value(arguments, "--labels").partition("=")
        number = len(state.setdefault("revisions", [])) + 1
        state["revisions"].append(
            {"owner": "helm", "name": "airflow", "version": str(number), "status": "deployed", key: label}
        )
    save(folder / "helm.json", state)
    return 0


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def value(arguments: list[str], option: str) -> str:
    return arguments[arguments.index(option) + 1]


def load(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return found


def save(file: Path, state: dict[str, Any]) -> None:
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(state), "utf-8")
    partial.replace(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
