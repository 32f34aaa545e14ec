"""A Windows guest: its facts by the same names as a Linux guest's, each parsed when a control first asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backup_compliance.guest.addressing import Addressing
from backup_compliance.guest.extension_status.facts import BackupExtension
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.guest.facts import (
    AgentProcesses,
    AgentService,
    AgentVersion,
    GuestIdentity,
    GuestLoad,
    HttpCheck,
    Proxy,
    Reboot,
    RouteDecision,
    Storage,
)
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.windows.agent import parse_agent_processes, parse_agent_service, parse_agent_version
from backup_compliance.guest.windows.extension import (
    parse_backup_extension,
    parse_presence,
    parse_provider,
    parse_sql_server,
)
from backup_compliance.guest.windows.facts import SnapshotWriters, SqlServer, WindowsService
from backup_compliance.guest.windows.network import (
    parse_addressing,
    parse_http_checks,
    parse_routes,
    parse_storage,
)
from backup_compliance.guest.windows.proxy import parse_proxy
from backup_compliance.guest.windows.system import parse_identity, parse_load, parse_reboot
from backup_compliance.guest.windows.writers import parse_writers
from backup_compliance.model.lazy_facts import FactHolder, fact, inner_fact
from backup_compliance.model.verdicts import Unreadable


@dataclass(frozen=True)
class WindowsGuest(FactHolder):
    """What one Windows guest said. Attributes raise `Unreadable` where it did not say it."""

    output: ProbeOutput
    identity: GuestIdentity
    read_at: datetime | None = None
    """When it was read, UTC by the collector's clock; None for a recording that was brought by hand."""

    @property
    def reference_time(self) -> datetime:
        """When it was read, by the collector's clock, else by the guest's own."""
        return self.read_at or self.identity.collected_at

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
        return self.agent is not None

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
    def extension_traces(self) -> tuple[str, ...]:
        """Whether the backup extension left traces."""
        return parse_presence(self.output)

    @fact
    def provider(self) -> WindowsService | None:
        """The service of the VSS provider."""
        return parse_provider(self.output)

    @fact
    def sql_server(self) -> SqlServer | None:
        """The instances of SQL Server and the keys that concern them."""
        return parse_sql_server(self.output)

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

    @fact
    def writers(self) -> SnapshotWriters:
        """The VSS writers and their states."""
        return parse_writers(self.output)


def parse_windows_guest(output: ProbeOutput) -> WindowsGuest:
    """The guest behind a probe's output; `Unreadable` where it was not read as an administrator."""
    return WindowsGuest(output, parse_identity(output))
