"""Cause 2: the VM agent is missing, stopped or old."""

from __future__ import annotations

from packaging.version import Version

from backup_compliance.baselines import Thresholds
from backup_compliance.controls import MINIMUM_AGENT_2025, TROUBLESHOOTING_2016, TROUBLESHOOTING_2025, control
from backup_compliance.guest.agent import RESTARTING
from backup_compliance.guest.facts import AgentConfiguration, AgentVersion
from backup_compliance.guest.linux import LinuxGuest


@control(
    "AVB-201",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="Install and start the agent: apt-get install walinuxagent, dnf install WALinuxAgent or zypper install python-azure-agent; systemctl enable --now walinuxagent (Ubuntu) or waagent.",
)
def test_agent_processes_run(guest: LinuxGuest) -> None:
    """The snapshot's status comes through the agent: its daemon and its extension handler must both run."""
    processes = guest.processes
    # its version is not asked for: an agent that cannot even tell it does not run either
    assert guest.agent_is_installed or processes.daemon, "the agent is not installed: no waagent command and no process"
    decoys = f"; {len(processes.others)} other processes only bear its name" if processes.others else ""
    assert processes.daemon is not None, f"no process runs 'waagent -daemon'{decoys}"
    assert processes.handler is not None, (
        f"the daemon runs (process {processes.daemon.pid}) but no '-run-exthandlers' process{decoys}"
    )


@control(
    "AVB-202",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="systemctl enable walinuxagent (Ubuntu, Debian) or waagent.",
)
def test_agent_starts_at_boot(guest: LinuxGuest) -> None:
    """An agent that was only started by hand is gone after the next restart, and backups with it."""
    service = guest.service
    assert service is not None, "no service of the agent exists: neither walinuxagent nor waagent"
    assert service.starts_at_boot, f"{service.name} does not start at boot: {service.boot_evidence}"


@control(
    "AVB-203",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="systemctl edit walinuxagent (or waagent) and add: [Service] Restart=always, RestartSec=5.",
)
def test_agent_restarts_after_a_crash(guest: LinuxGuest) -> None:
    """The article asks for automatic restart: a crashed agent otherwise stays down until somebody looks."""
    service = guest.service
    assert service is not None, "no service of the agent exists: neither walinuxagent nor waagent"
    assert service.restart in RESTARTING, (
        f"{service.name} ({service.path}) is not restarted after a crash: Restart={service.restart or 'unset'}"
    )


@control(
    "AVB-204",
    cause=2,
    source=MINIMUM_AGENT_2025,
    remediation="Update the agent from the distribution's repository and restart it.",
)
def test_agent_is_supported(agent: AgentVersion, thresholds: Thresholds) -> None:
    """An agent below the supported minimum is not served any more and cannot use the host's extension channel."""
    minimum = thresholds.linux_agent_minimum
    assert agent.goal_state >= Version(minimum), (
        f"the agent is {agent.goal_state} ({agent.evidence}), the minimum is {minimum}"
    )


@control(
    "AVB-205",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="Set AutoUpdate.UpdateToLatestVersion=y in /etc/waagent.conf (older agents: AutoUpdate.Enabled=y) and restart the agent.",
)
def test_agent_updates_itself(configuration: AgentConfiguration) -> None:
    """The article asks for the newest agent; distribution packages lag, so the agent has to update itself."""
    newer, older = "AutoUpdate.UpdateToLatestVersion", "AutoUpdate.Enabled"
    key = newer if newer in configuration.settings else older
    assert configuration.switch(key), f"{key}={configuration.settings[key]} in {configuration.path}"


@control(
    "AVB-206",
    cause=2,
    source=TROUBLESHOOTING_2025,
    remediation="Restore /etc/waagent.conf from the distribution's package, set Extensions.Enabled=y and restart the agent.",
)
def test_agent_may_run_extensions(guest: LinuxGuest) -> None:
    """Backup is an extension: with Extensions.Enabled=n, or without its configuration, the agent runs none."""
    configuration = guest.configuration
    assert configuration is not None, "/etc/waagent.conf does not exist: the agent refuses to start"
    assert configuration.settings, (
        f"{configuration.path} holds no setting: {', '.join(configuration.odd_lines[:1]) or 'it is empty'}"
    )
    assert configuration.switch("Extensions.Enabled"), (
        f"Extensions.Enabled={configuration.settings['Extensions.Enabled']} in {configuration.path}"
    )


@control(
    "AVB-207",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="Turn on auto-update and let the agent reach the host address; it then fetches the version that the platform asks for.",
)
def test_agent_is_the_newest(guest: LinuxGuest, agent: AgentVersion, thresholds: Thresholds) -> None:
    """The article asks for the latest agent; what the platform asks of this VM is the latest that it can have."""
    asked = guest.goal_state.agent_version if guest.goal_state else None
    newest = asked or Version(thresholds.linux_agent_newest)
    known = "the platform asks for" if asked else f"the newest release known on {thresholds.linux_agent_newest_date} is"
    assert agent.goal_state >= newest, f"the agent is {agent.goal_state} ({agent.evidence}), {known} {newest}"
