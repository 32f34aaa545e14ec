"""Cause 2: the VM agent is missing, stopped or old, as the platform sees it."""

from __future__ import annotations

from datetime import timedelta

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import (
    MINIMUM_AGENT_2025,
    TROUBLESHOOTING_2016,
    TROUBLESHOOTING_2025,
    Commands,
    control,
)
from backup_compliance.platform.decisions.agent_and_power import (
    agent_failure,
    agent_switch_failure,
    agent_version_failure,
)
from backup_compliance.platform.estate.facts import AgentView, InstanceView
from backup_compliance.platform.machine import Machine


@control(
    "AVB-211",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="Look into the guest: is the agent's service running, and does 168.63.129.16 answer (AVB-201, AVB-103)? Restart the agent, then the VM.",
    because="the platform hears nothing from the agent",
    breaks=("AVB-312", "AVB-415"),
    see=("AVB-201", "AVB-103"),
    commands=Commands(
        guest=(
            "systemctl status walinuxagent waagent",
            "sudo tail -n 100 /var/log/waagent.log",
            "sudo systemctl restart walinuxagent || sudo systemctl restart waagent",
        ),
        azure=(
            "az vm get-instance-view --subscription {subscription} --resource-group {group} --name {vm} --query instanceView.vmAgent",
        ),
    ),
)
def test_agent_reports_ready(machine: Machine, agent: AgentView, thresholds: Thresholds, contradiction: str) -> None:
    """Azure Backup asks the platform for the agent's state first; without a fresh Ready no snapshot is even tried."""
    limit = timedelta(minutes=thresholds.agent_report_minutes)
    failure = agent_failure(agent, machine.read_at, limit)
    assert failure is None, f"{failure}{contradiction}"


@control(
    "AVB-212",
    cause=2,
    source=MINIMUM_AGENT_2025,
    remediation="Update the agent: the distribution's package, or AutoUpdate.UpdateToLatestVersion=y; on Windows the agent's MSI.",
    because="the agent is too old",
    breaks=("AVB-312", "AVB-415"),
    commands=Commands(
        guest=("waagent --version",),
        azure=(
            "az vm get-instance-view --subscription {subscription} --resource-group {group} --name {vm} --query instanceView.vmAgent.vmAgentVersion",
        ),
    ),
)
def test_reported_agent_is_supported(machine: Machine, agent: AgentView, thresholds: Thresholds) -> None:
    """Agents below the minimum get no new extension versions, and have no way around a blocked Azure Storage."""
    minima = thresholds.linux_agent_minimum, thresholds.windows_agent_minimum
    failure = agent_version_failure(agent, machine.profile, *minima)
    assert failure is None, failure


@control(
    "AVB-213",
    cause=2,
    source=TROUBLESHOOTING_2025,
    remediation="Set osProfile.allowExtensionOperations and provisionVMAgent to true. Rules of other scanners that ask for no extensions (CKV_AZURE_50) contradict Azure Backup: exempt them there.",
    because="the VM's model forbids the agent's extensions",
    breaks=("AVB-211", "AVB-301", "AVB-302", "AVB-311", "AVB-312", "AVB-415"),
    commands=Commands(
        azure=(
            "az vm show --subscription {subscription} --resource-group {group} --name {vm} --query osProfile",
            "az vm update --subscription {subscription} --resource-group {group} --name {vm} --set osProfile.allowExtensionOperations=true",
        ),
    ),
)
def test_model_allows_agent_and_extensions(machine: Machine, reported: InstanceView | None) -> None:
    """A VM that may not run extensions cannot be backed up, whatever its agent does."""
    failure = agent_switch_failure(machine.profile, reported)
    assert failure is None, failure
