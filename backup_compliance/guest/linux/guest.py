"""A Linux guest: its facts, each parsed when a control first asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backup_compliance.guest.addressing import Addressing
from backup_compliance.guest.extension_status.facts import BackupExtension, Interpreter
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.guest.facts import (
    AgentConfiguration,
    AgentProcesses,
    AgentService,
    AgentVersion,
    GoalState,
    GuestIdentity,
    GuestLoad,
    HttpCheck,
    Proxy,
    Reboot,
    RouteDecision,
    Storage,
)
from backup_compliance.guest.linux.agent import (
    is_agent_installed,
    parse_agent_configuration,
    parse_agent_processes,
    parse_agent_service,
    parse_agent_version,
)
from backup_compliance.guest.linux.agent_layouts import AgentLayout, parse_layout
from backup_compliance.guest.linux.connectivity import parse_http_checks, parse_storage
from backup_compliance.guest.linux.extension import parse_backup_extension
from backup_compliance.guest.linux.goal_state import parse_goal_state
from backup_compliance.guest.linux.interpreters import parse_interpreters
from backup_compliance.guest.linux.leases import parse_addressing
from backup_compliance.guest.linux.proxy import parse_proxy
from backup_compliance.guest.linux.routes import parse_routes
from backup_compliance.guest.linux.system import parse_identity, parse_load, parse_reboot
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.lazy_facts import FactHolder, fact, inner_fact
from backup_compliance.model.verdicts import Unreadable


@dataclass(frozen=True)
class LinuxGuest(FactHolder):
    """What one Linux guest said. Attributes raise `Unreadable` where it did not say it."""

    output: ProbeOutput
    identity: GuestIdentity
    read_at: datetime | None = None
    """When it was read, UTC by the collector's clock; None for a recording that was brought by hand."""

    @property
    def reference_time(self) -> datetime:
        """When it was read, by the collector's clock, else by the guest's own."""
        return self.read_at or self.identity.collected_at

    @fact
    def layout(self) -> AgentLayout:
        """Where the agent is on this guest."""
        return parse_layout(self.output)

    @fact
    def configuration(self) -> AgentConfiguration | None:
        """The agent's configuration; None where there is no file."""
        return parse_agent_configuration(self.output)

    @fact
    def processes(self) -> AgentProcesses:
        """The agent's processes, from their full command lines."""
        return parse_agent_processes(self.output)

    @fact
    def service(self) -> AgentService | None:
        """The agent's service as the service manager shows it; None where there is none."""
        return parse_agent_service(self.output)

    @fact
    def agent(self) -> AgentVersion | None:
        """The agent's versions."""
        return parse_agent_version(self.output)

    @fact
    def agent_is_installed(self) -> bool:
        """Whether an agent is installed at all."""
        return is_agent_installed(self.output)

    @fact
    def goal_state(self) -> GoalState | None:
        """What the goal state asks of this VM."""
        return parse_goal_state(self.output)

    @fact
    def proxy(self) -> Proxy | None:
        """The proxy that is configured; None where there is none."""
        return parse_proxy(self.output)

    @fact
    def storage(self) -> Storage:
        """How storage answers from inside the guest."""
        return parse_storage(self.output).as_reported(self.last_report)

    @inner_fact
    def last_report(self) -> ExtensionStatus | None:
        """The extension's newest report of a run; None where none could be read."""
        try:
            active = self.extension.active if self.extension is not None else None
        except Unreadable:
            return None
        return active.last if active is not None else None

    @fact
    def host_address(self) -> tuple[HttpCheck, ...]:
        """How 168.63.129.16 answers on each port."""
        return parse_http_checks(self.output, "host")

    @fact
    def routes(self) -> tuple[RouteDecision, ...]:
        """The kernel's routing decision for each address that was asked."""
        return parse_routes(self.output)

    @fact
    def extension(self) -> BackupExtension | None:
        """The backup extension with its health."""
        return parse_backup_extension(self.output)

    @fact
    def extension_folders(self) -> BackupExtension | None:
        """The backup extension's folders alone: their versions, not their health."""
        return parse_backup_extension(self.output, health=False)

    @fact
    def interpreters(self) -> tuple[Interpreter, ...]:
        """The Pythons that the extension's launcher tries, in its order."""
        return parse_interpreters(self.output)

    @fact
    def addressing(self) -> Addressing:
        """How the primary interface got its address."""
        return parse_addressing(self.output, self.identity.collected_at)

    @fact
    def load(self) -> GuestLoad:
        """Processor and memory in use."""
        return parse_load(self.output)

    @fact
    def reboot(self) -> Reboot:
        """Whether a restart is pending, and why."""
        return parse_reboot(self.output)

    writers = None
    """Only Windows has VSS writers."""


def parse_linux_guest(output: ProbeOutput) -> LinuxGuest:
    """The guest behind a probe's output; `Unreadable` where it was not read as root."""
    return LinuxGuest(output, parse_identity(output))
