"""A Windows guest: its facts by the same names as a Linux guest's, each parsed when a control first asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from backup_compliance.guest.facts import Identity
from backup_compliance.guest.linux.output import ProbeOutput
from backup_compliance.guest.windows.agent import parse_agent_processes, parse_agent_service, parse_agent_version
from backup_compliance.guest.windows.extension import (
    parse_backup_extension,
    parse_presence,
    parse_provider,
    parse_sql_server,
)
from backup_compliance.guest.windows.network import (
    parse_addressing,
    parse_http_checks,
    parse_routes,
    parse_storage,
)
from backup_compliance.guest.windows.proxy import parse_proxy
from backup_compliance.guest.windows.system import parse_identity, parse_load, parse_reboot, parse_writers
from backup_compliance.model.lazy_facts import evidence, fact


@dataclass(frozen=True)
class WindowsGuest:
    """What one Windows guest said. Attributes raise `Unreadable` where it did not say it."""

    output: ProbeOutput
    identity: Identity
    parsed: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    processes = fact(lambda guest: parse_agent_processes(guest.output))
    service = fact(lambda guest: parse_agent_service(guest.output))
    agent = fact(lambda guest: parse_agent_version(guest.output))
    agent_is_installed = fact(lambda guest: guest.agent is not None)
    proxy = fact(lambda guest: parse_proxy(guest.output))
    storage = fact(lambda guest: parse_storage(guest.output))
    host_address = fact(lambda guest: parse_http_checks(guest.output, "host"))
    routes = fact(lambda guest: parse_routes(guest.output))
    extension = fact(lambda guest: parse_backup_extension(guest.output))
    extension_traces = fact(lambda guest: parse_presence(guest.output))
    provider = fact(lambda guest: parse_provider(guest.output))
    sql_server = fact(lambda guest: parse_sql_server(guest.output))
    addressing = fact(lambda guest: parse_addressing(guest.output, guest.identity.collected_at))
    load = fact(lambda guest: parse_load(guest.output))
    reboot = fact(lambda guest: parse_reboot(guest.output))
    writers = fact(lambda guest: parse_writers(guest.output))

    def observed(self) -> WindowsGuest:
        """The same guest with an empty memory of what was asked: one for every test."""
        return replace(self, seen=[])

    def evidence(self) -> dict[str, Any]:
        """The facts that were asked for so far, by name; unreadable ones are left out."""
        return evidence(self)


def parse_windows_guest(output: ProbeOutput) -> WindowsGuest:
    """The guest behind a probe's output; `Unreadable` where it was not read as an administrator."""
    return WindowsGuest(output, parse_identity(output))
