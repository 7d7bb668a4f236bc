"""The files of deploy/ are valid for the programs that read them; test_compose.py runs what compose.yaml describes."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from gateway.config import Settings, load
from tests.deploy.dashboard import FILE as DASHBOARD
from tests.integration.processes import CHECKOUT, program
from tests.supply.containerfile import instructions, stages

DEPLOY: Final = CHECKOUT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"
KUBERNETES_VERSIONS: Final = ("1.30", kubernetes_validate.latest_version())
"""The oldest version for which docs/operations/deploy.md says that the manifests are, and the newest one known."""

MAXIMUM_EXPOSURE: Final = 15
"""Of systemd-analyze security, times ten: 0 is nothing exposed, 100 everything."""

CLOSING_SECONDS: Final = 2
"""What viewers get after `drain_timeout` to read the last events."""

KEY: Final = 48 * "0"

Json = dict[str, Any]


def run(*command: str, folder: Path = CHECKOUT) -> str:
    """Run a program; return what it printed, and fail with that if it fails."""
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


# Prometheus.


def test_alerts_are_valid_and_fire_when_they_should() -> None:
    promtool = program("promtool")
    assert "SUCCESS" in run(promtool, "check", "rules", str(DEPLOY / "prometheus" / "alerts.yaml"))
    assert "SUCCESS" in run(promtool, "test", "rules", str(DEPLOY / "prometheus" / "alerts.test.yaml"))


def alerts() -> Sequence[Mapping[str, object]]:
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text("utf-8"))["groups"]
    rules: Sequence[Mapping[str, object]] = group["rules"]
    return rules


def test_every_alert_is_in_the_table_with_what_to_do() -> None:
    page = (CHECKOUT / "docs" / "operations" / "deploy.md").read_text("utf-8")
    for rule in alerts():
        assert f"| `{rule['alert']}` |" in page
        annotations = rule["annotations"]
        assert isinstance(annotations, dict)
        assert annotations.keys() == {"summary", "runbook"}


def test_every_expression_of_the_dashboard_is_valid(tmp_path: Path) -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    rules = [
        {"record": f"expression:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(expressions)
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    assert f"{len(rules)} rules found" in run(program("promtool"), "check", "rules", str(file))


@pytest.mark.parametrize("page", ["deploy.md", "metrics.md"])
def test_the_scrape_configurations_of_the_pages_are_valid(page: str, tmp_path: Path) -> None:
    """All but where Kubernetes has its pods: Debian builds Prometheus without that."""
    text = (CHECKOUT / "docs" / "operations" / page).read_text("utf-8")
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "scrape_configs" in block]
    assert blocks
    for block in blocks:
        file = tmp_path / "prometheus.yaml"
        file.write_text(re.sub(r" *kubernetes_sd_configs:.*\n", "", block), "utf-8")
        run(program("promtool"), "check", "config", "--syntax-only", str(file))


# systemd.


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with programs that exist here."""
    text = (DEPLOY / "systemd" / "dualstream.service").read_text("utf-8")
    file = tmp_path / "dualstream.service"
    file.write_text(text.replace("/opt/dualstream/bin/dualstream", program("true")), "utf-8")
    return file


def test_the_unit_is_valid_and_exposes_little(unit: Path) -> None:
    analyze = program("systemd-analyze")
    assert run(analyze, "verify", "--man=no", str(unit), folder=unit.parent) == ""
    run(analyze, "security", "--offline=true", f"--threshold={MAXIMUM_EXPOSURE}", str(unit), folder=unit.parent)


def test_systemd_creates_the_user_of_the_unit(unit: Path) -> None:
    planned = run(program("systemd-sysusers"), "--dry-run", str(DEPLOY / "systemd" / "dualstream.sysusers.conf"))
    user = re.search(r"^User=(\w+)$", unit.read_text("utf-8"), re.MULTILINE)
    assert user
    assert f"Would create user '{user[1]}'" in planned or f"user '{user[1]}'" in planned.lower()


def test_the_unit_waits_longer_than_the_gateway_drains(unit: Path) -> None:
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text("utf-8"), re.MULTILINE)
    assert stop
    # With workers, the supervisor kills what is left 20 s later.
    assert int(stop[1]) > Settings().drain_timeout + 20


# Kubernetes.


def manifests() -> Iterator[Json]:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text("utf-8"))
    for name in kustomization["resources"]:
        yield from yaml.safe_load_all((KUBERNETES / name).read_text("utf-8"))


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_the_manifests_have_the_schema_of_kubernetes(version: str) -> None:
    kinds = set()
    for manifest in manifests():
        kubernetes_validate.validate(manifest, version, strict=True)
        kinds.add(manifest["kind"])
    assert kinds >= {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"}


def test_kubectl_builds_them(tmp_path: Path) -> None:
    """Debian's kubectl (1.20) is too old for `labels`, so none is required."""
    kubectl = shutil.which("kubectl") or pytest.skip("kubectl is not installed")
    folder = tmp_path / "kubernetes"
    shutil.copytree(KUBERNETES, folder)
    (folder / "secrets").mkdir()
    shutil.copy(folder / "gateway.example.env", folder / "secrets" / "gateway.env")
    (folder / "secrets" / "keys.toml").touch()
    built = {str(one["kind"]): one for one in yaml.safe_load_all(run(kubectl, "kustomize", str(folder)))}
    (configuration,) = _find(built["Deployment"], "configMap")
    assert re.fullmatch(r"dualstream-\w{10}", str(configuration["name"])), "a change of the file restarts the gateways"
    del built["Namespace"]
    assert {one["metadata"]["namespace"] for one in built.values()} == {"dualstream"}


def deployment() -> Json:
    (found,) = [manifest for manifest in manifests() if manifest["kind"] == "Deployment"]
    return found


def _find(within: object, key: str) -> list[Any]:
    """Return the values of a key, at any depth."""
    children = within if isinstance(within, list) else list(within.values()) if isinstance(within, dict) else []
    own = [within[key]] if isinstance(within, dict) and key in within else []
    return own + [found for child in children for found in _find(child, key)]


def test_the_grace_period_of_a_pod_is_longer_than_its_drain() -> None:
    (grace,) = _find(deployment(), "terminationGracePeriodSeconds")
    (hook,) = _find(deployment(), "preStop")
    before = re.search(r"sleep\((\d+)\)", str(hook))
    assert before
    (drain,) = [one["value"] for one in _find(deployment(), "env")[0] if one["name"] == "DUALSTREAM_DRAIN_TIMEOUT"]
    assert int(str(grace)) > int(before[1]) + int(str(drain)) + CLOSING_SECONDS


def test_pods_have_the_user_and_the_port_of_the_image() -> None:
    image = dict(stages(instructions((DEPLOY / "container" / "Containerfile").read_text("utf-8")))[-1])
    context, confined = _find(deployment(), "securityContext")
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == image["USER"]
    assert confined["readOnlyRootFilesystem"] is True
    assert _find(deployment(), "containerPort") == [int(image["EXPOSE"])]
    assert image["WORKDIR"] in _find(deployment(), "mountPath")


# Compose.


def test_compose_reads_its_file(tmp_path: Path) -> None:
    """Debian's docker-compose knows the specification but for `name`, and needs no engine to check a file."""
    folder = tmp_path / "deploy" / "compose"
    shutil.copytree(DEPLOY, folder.parent)
    file, secrets = folder / "compose.yaml", folder / "secrets"
    file.write_text(re.sub(r"^name:.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    secrets.mkdir()
    shutil.copy(folder / "gateway.example.env", secrets / "gateway.env")
    for name in ("grafana_password", "metrics_key"):
        (secrets / name).touch()
    read = yaml.safe_load(run(program("docker-compose"), "--file", str(file), "config", folder=folder))
    gateways = {name: service for name, service in read["services"].items() if name.startswith("gateway")}
    assert len(gateways) == 3
    for gateway in gateways.values():
        assert gateway["environment"]["OPENAI_API_KEY"]
        assert gateway["read_only"] is True
    # Every file that is mounted exists, except what a user creates.
    mounts = [volume.split(":")[0] for service in read["services"].values() for volume in service.get("volumes", ())]
    assert [mount for mount in mounts if mount.startswith("/") and not Path(mount).exists()] == []


# Configurations that are included.


@pytest.mark.parametrize("folder", [DEPLOY / "compose", KUBERNETES])
def test_the_configurations_of_the_gateway_are_valid(folder: Path) -> None:
    (example,) = folder.glob("*.example.env")
    lines = [line.split("=", 1) for line in example.read_text("utf-8").splitlines() if "=" in line and line[0] != "#"]
    variables = {name: KEY if value == "change-me" else value for name, value in lines}
    assert "chat" in load({}, variables, folder / "dualstream.toml").models


def test_haproxy_and_caddy_read_their_files(tmp_path: Path) -> None:
    run(program("haproxy", "/usr/sbin/haproxy"), "-c", "-f", str(DEPLOY / "haproxy" / "haproxy.cfg"))
    caddy, file = program("caddy"), DEPLOY / "caddy" / "Caddyfile"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    subprocess.run(
        [caddy, "validate", "--adapter", "caddyfile", "--config", str(file)],
        env=environment,
        capture_output=True,
        check=True,
    )
