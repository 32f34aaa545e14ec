"""The README's lines about Azure, typed as they stand there, in a copy of the project, against the simulator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from selftests.builders.arm import SUBSCRIPTION, Subscription, subscription
from selftests.builders.arm_simulator import METRICS_TOKEN, TOKEN, ArmSimulator, serving
from selftests.builders.live_cases import DENYING
from selftests.builders.product import ROOT
from selftests.builders.programs import needs

pytestmark = needs("bash")
OTHER = "0f0f0f0f-5a11-4a11-8a11-5a11ab1e0000"
SECTION = (ROOT / "README.md").read_text().split("## Against Azure")[1].split("## In CI")[0]
SHELL = [
    line.strip() for line in re.findall(r"^    (?:az|pytest|sub=).*$", SECTION.replace("\\$", "$"), flags=re.MULTILINE)
]
# what stands in for the Azure CLI: signed in, asked for tokens, and sending REST calls to the simulator
AZ = """#!/bin/sh
echo "$*" >> "$AZ_LOG"
case "$*" in
  "account get-access-token"*metrics.monitor*|"account get-access-token"*127.0.0.1*) token=$AZ_METRICS_TOKEN ;;
  "account get-access-token"*) token=$AZ_TOKEN ;;
  "account show"*) echo "$AZ_SUBSCRIPTION"; exit ;;
  "role definition create"*) exec "$AZ_PYTHON" -m json.tool role.json ;;
  "rest --url "*) exec curl -sS --cacert "$REQUESTS_CA_BUNDLE" -H "Authorization: Bearer $AZ_TOKEN" "$(echo "$3" | sed "s|https://management.azure.com|$AZ_URL|")" ;;
  *) exit 0 ;;
esac
printf '{"accessToken": "%s", "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800, "subscription": "x", "tenant": "y", "tokenType": "Bearer"}\\n' "$token"
"""


@dataclass(frozen=True)
class Desk:
    """Where somebody sits who follows the README: a copy of the project, a shell, and `az`."""

    folder: Path
    environment: dict[str, str]

    def type(self, line: str) -> subprocess.CompletedProcess[str]:
        """One line, with the placeholders filled in."""
        for placeholder, value in (("=ID", f"={SUBSCRIPTION}"), ("=ANOTHER", f"={OTHER}"), ("=GROUP", "=mg-apps")):
            line = line.replace(placeholder, value)
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArmSimulator]:
    """Two subscriptions below one management group; one has something to verify."""
    other: Subscription = subscription("other", 5, address="10.20.0.5").renamed(OTHER)
    with serving(tmp_path_factory.mktemp("arm"), DENYING, other) as found:
        found.management_groups = {"mg-apps": [OTHER, SUBSCRIPTION]}
        found.page_size = 1000
        yield found


@pytest.fixture(scope="module")
def desk(served: ArmSimulator, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Nothing but what the README says is typed there; where the simulator is, the environment says."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("backup_compliance", "tests_guest", "tests_platform"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pytest.ini"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "hosts.txt").write_text("ssh://127.0.0.1:1\n")
    (folder / "role.json").write_text(re.search(r"\{\n.*?\n    \}", SECTION, flags=re.DOTALL)[0])  # type: ignore[index]
    tools = folder / "tools"
    tools.mkdir()
    (tools / "az").write_text(AZ)
    (tools / "az").chmod(0o755)
    where = f"--arm-endpoint={served.url} --metrics-endpoint={served.metrics_url} -p no:cacheprovider"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARM_", "AZURE_", "PYTEST_"))}
    return Desk(
        folder,
        kept
        | {
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTEST_ADDOPTS": where,
            "REQUESTS_CA_BUNDLE": str(served.authority),
            "NO_PROXY": "localhost,127.0.0.1",
            "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",  # and no question to a metadata service
            "AZ_LOG": str(folder / "az.log"),
            "AZ_TOKEN": TOKEN,
            "AZ_METRICS_TOKEN": METRICS_TOKEN,
            "AZ_SUBSCRIPTION": SUBSCRIPTION,
            "AZ_URL": served.url,
            "AZ_PYTHON": sys.executable,
        },
    )


def test_lines_are_those_of_the_readme() -> None:
    """So many of them, or the patterns here see none of them any more."""
    assert len([line for line in SHELL if line.startswith("pytest")]) >= 7
    assert len([line for line in SHELL if line.startswith("az rest")]) >= 1


@pytest.mark.parametrize(
    "line", [line for line in SHELL if line.startswith("pytest --") and line[-11:] != "facts=facts"]
)
def test_line_works_as_it_stands(desk: Desk, served: ArmSimulator, line: str) -> None:
    """Signed in by `az login`, everything is read; what is judged may fail, what is asked may not."""
    assert desk.type("az login").returncode == 0
    served.asked.clear()
    done = desk.type(line)
    assert done.returncode == int("--check-access" not in line), done.stdout + done.stderr
    assert len(served.asked) > 15
    assert ("ipFlowVerify" in str(served.asked)) is ("--verify-live" in line)
    assert ("could not be read" in done.stdout) is ("hosts-file" in line), done.stdout
    assert TOKEN not in done.stdout + done.stderr
    if "--save-facts" in line:
        assert {p.name for p in (desk.folder / "facts-today" / "arm").iterdir()} == {SUBSCRIPTION, OTHER}


def test_role_is_taken(desk: Desk) -> None:
    """The JSON between the lines is what `az role definition create` is given."""
    (line,) = (line for line in SHELL if line.startswith("az role definition"))
    done = desk.type(line)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["Actions"]) > 20


@needs("curl")
def test_facts_by_rest_are_judged(desk: Desk, served: ArmSimulator) -> None:
    """A list that `az rest` wrote is judged as it is."""
    lines = SHELL[SHELL.index(next(line for line in SHELL if line.startswith("sub="))) :]
    served.asked.clear()
    done = desk.type(
        "; ".join(line.replace("pytest --facts=facts", "env PYTEST_ADDOPTS= pytest --facts=facts") for line in lines)
    )
    assert "networkSecurityGroups" in str(served.asked)
    assert "virtualMachines.json of subscription" in done.stdout, done.stdout + done.stderr
