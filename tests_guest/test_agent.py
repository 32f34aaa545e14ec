"""Cause 2: the VM agent is missing, stopped or old."""

from __future__ import annotations

from packaging.version import Version

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import (
    MINIMUM_AGENT_2025,
    TROUBLESHOOTING_2016,
    TROUBLESHOOTING_2025,
    Commands,
    control,
)
from backup_compliance.guest.conditions import minimum_agent
from backup_compliance.guest.facts import AgentConfiguration, AgentVersion
from backup_compliance.guest.linux.agent import RESTARTING
from backup_compliance.guest.linux.agent_layouts import DEFAULT
from backup_compliance.guest.linux.guest import LinuxGuest
from backup_compliance.guest.recording import Guest
from backup_compliance.guest.windows.guest import WindowsGuest

SERVICES = {
    LinuxGuest: f"neither {' nor '.join(DEFAULT.units)}",
    WindowsGuest: "neither RdAgent nor WindowsAzureGuestAgent",
}
RESTART_AGENT = "sudo systemctl restart walinuxagent || sudo systemctl restart waagent"


@control(
    "AVB-201",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation=f"Install and start the agent: {DEFAULT.package}; systemctl enable --now walinuxagent (Ubuntu) or waagent.",
    windows="Install the Windows VM agent (the MSI of Azure/WindowsVMAgent on GitHub), then Start-Service RdAgent, WindowsAzureGuestAgent.",
    because="the agent is not there or does not run",
    breaks=(
        "AVB-102",
        "AVB-204",
        "AVB-207",
        "AVB-211",
        "AVB-212",
        "AVB-301",
        "AVB-302",
        "AVB-311",
        "AVB-312",
        "AVB-415",
    ),
    commands=Commands(
        guest=(
            "systemctl status walinuxagent waagent",
            "sudo apt-get install walinuxagent || sudo dnf install WALinuxAgent || sudo zypper install python-azure-agent",
            "sudo systemctl enable --now walinuxagent || sudo systemctl enable --now waagent",
        ),
    ),
)
def test_agent_processes_run(guest: Guest) -> None:
    """The snapshot's status comes through the agent: its daemon and its extension handler must both run."""
    processes = guest.processes
    # its version is not asked for: an agent that cannot even tell it does not run either
    assert guest.agent_is_installed or processes.daemon, "the agent is not installed, and nothing of it runs"
    decoys = f"; {len(processes.others)} other processes only bear its name" if processes.others else processes.detail
    assert processes.daemon is not None, f"{processes.daemon_name} does not run{decoys}"
    assert processes.handler is not None, f"{processes.daemon_name} runs and {processes.handler_name} does not{decoys}"


@control(
    "AVB-202",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="systemctl enable walinuxagent (Ubuntu, Debian) or waagent.",
    windows="Set-Service RdAgent -StartupType Automatic; Set-Service WindowsAzureGuestAgent -StartupType Automatic.",
    because="the agent does not start with the VM",
    commands=Commands(
        guest=(
            "systemctl is-enabled walinuxagent waagent",
            "sudo systemctl enable walinuxagent || sudo systemctl enable waagent",
        ),
    ),
)
def test_agent_starts_at_boot(guest: Guest) -> None:
    """An agent that was only started by hand is gone after the next restart, and backups with it."""
    service = guest.service
    assert service is not None, f"no service of the agent exists: {SERVICES[type(guest)]}"
    assert service.starts_at_boot, f"{service.name} does not start at boot: {service.boot_evidence}"


@control(
    "AVB-203",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="systemctl edit walinuxagent (or waagent) and add: [Service] Restart=always, RestartSec=5.",
    windows="sc.exe failure RdAgent reset= 86400 actions= restart/60000/restart/60000//, and the same for WindowsAzureGuestAgent.",
    because="the agent is not started again after a crash",
    commands=Commands(
        guest=("systemctl show --property=Restart walinuxagent waagent", "sudo systemctl edit walinuxagent"),
    ),
)
def test_agent_restarts_after_a_crash(guest: Guest) -> None:
    """The article asks for automatic restart: a crashed agent otherwise stays down until somebody looks."""
    service = guest.service
    assert service is not None, f"no service of the agent exists: {SERVICES[type(guest)]}"
    assert service.restart in RESTARTING, (
        f"{service.name} ({service.path}) is not restarted after a crash: {service.restart_setting}={service.restart or 'unset'}"
    )


@control(
    "AVB-204",
    cause=2,
    source=MINIMUM_AGENT_2025,
    remediation="Update the agent from the distribution's repository and restart it.",
    windows="Install the newest Windows VM agent (the MSI of Azure/WindowsVMAgent on GitHub).",
    because="the agent is too old",
    breaks=("AVB-207", "AVB-212", "AVB-302", "AVB-312", "AVB-415"),
    commands=Commands(
        guest=(
            "waagent --version",
            "sudo apt-get install --only-upgrade walinuxagent || sudo dnf upgrade WALinuxAgent || sudo zypper update python-azure-agent",
            RESTART_AGENT,
        ),
    ),
)
def test_agent_is_supported(guest: Guest, agent: AgentVersion, thresholds: Thresholds) -> None:
    """An agent below the supported minimum is not served any more and cannot use the host's extension channel."""
    minimum = minimum_agent(guest, thresholds)
    assert agent.goal_state >= minimum, f"the agent is {agent.goal_state} ({agent.evidence}), the minimum is {minimum}"


@control(
    "AVB-205",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="Set AutoUpdate.UpdateToLatestVersion=y in /etc/waagent.conf (older agents: AutoUpdate.Enabled=y) and restart the agent.",
    because="the agent does not update itself",
    breaks=("AVB-204", "AVB-207", "AVB-212"),
    commands=Commands(
        guest=(
            "grep -n '^AutoUpdate' /etc/waagent.conf",
            "sudoedit /etc/waagent.conf",
            RESTART_AGENT,
        ),
    ),
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
    because="the agent's configuration forbids extensions",
    breaks=("AVB-301", "AVB-302", "AVB-311", "AVB-312", "AVB-415"),
    commands=Commands(
        guest=(
            "grep -n '^Extensions' /etc/waagent.conf",
            "sudoedit /etc/waagent.conf",
            RESTART_AGENT,
        ),
    ),
)
def test_agent_may_run_extensions(linux: LinuxGuest) -> None:
    """Backup is an extension: with Extensions.Enabled=n, or without its configuration, the agent runs none."""
    configuration = linux.configuration
    assert configuration is not None, f"{linux.layout.configuration} does not exist: the agent refuses to start"
    assert configuration.settings, f"{configuration.path} holds no setting: it is empty"
    assert configuration.switch("Extensions.Enabled"), (
        f"Extensions.Enabled={configuration.settings['Extensions.Enabled']} in {configuration.path}"
    )


@control(
    "AVB-207",
    cause=2,
    source=TROUBLESHOOTING_2016,
    remediation="Turn on auto-update and let the agent reach the host address; it then fetches the version that the platform asks for.",
    because="there is a newer agent",
    commands=Commands(
        guest=("waagent --version", "grep -n '^AutoUpdate' /etc/waagent.conf"),
    ),
)
def test_agent_is_the_newest(linux: LinuxGuest, agent: AgentVersion, thresholds: Thresholds) -> None:
    """The article asks for the latest agent; what the platform asks of this VM is the latest that it can have."""
    asked = linux.goal_state.agent_version if linux.goal_state else None
    newest = asked or Version(thresholds.linux_agent_newest)
    known = "the platform asks for" if asked else f"the newest release known on {thresholds.linux_agent_newest_date} is"
    assert agent.goal_state >= newest, f"the agent is {agent.goal_state} ({agent.evidence}), {known} {newest}"
