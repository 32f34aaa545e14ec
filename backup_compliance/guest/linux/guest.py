"""A Linux guest: its facts, each parsed when a control first asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from backup_compliance.guest.facts import Identity
from backup_compliance.guest.linux.agent import (
    is_agent_installed,
    parse_agent_configuration,
    parse_agent_processes,
    parse_agent_service,
    parse_agent_version,
    parse_proxy,
)
from backup_compliance.guest.linux.connectivity import parse_http_checks, parse_routes, parse_storage
from backup_compliance.guest.linux.extension import parse_backup_extension, parse_interpreter
from backup_compliance.guest.linux.goal_state import parse_goal_state
from backup_compliance.guest.linux.leases import parse_addressing
from backup_compliance.guest.linux.output import ProbeOutput
from backup_compliance.guest.linux.system import parse_identity, parse_load, parse_reboot
from backup_compliance.model.lazy_facts import evidence, fact


@dataclass(frozen=True)
class LinuxGuest:
    """What one Linux guest said. Attributes raise `Unreadable` where it did not say it."""

    output: ProbeOutput
    identity: Identity
    parsed: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    configuration = fact(lambda guest: parse_agent_configuration(guest.output))
    processes = fact(lambda guest: parse_agent_processes(guest.output))
    service = fact(lambda guest: parse_agent_service(guest.output))
    agent = fact(lambda guest: parse_agent_version(guest.output))
    agent_is_installed = fact(lambda guest: is_agent_installed(guest.output))
    goal_state = fact(lambda guest: parse_goal_state(guest.output))
    proxy = fact(lambda guest: parse_proxy(guest.output))
    storage = fact(lambda guest: parse_storage(guest.output))
    host_address = fact(lambda guest: parse_http_checks(guest.output, "host"))
    routes = fact(lambda guest: parse_routes(guest.output))
    extension = fact(lambda guest: parse_backup_extension(guest.output))
    extension_folders = fact(lambda guest: parse_backup_extension(guest.output, health=False))
    interpreter = fact(lambda guest: parse_interpreter(guest.output))
    addressing = fact(lambda guest: parse_addressing(guest.output, guest.identity.collected_at))
    load = fact(lambda guest: parse_load(guest.output))
    reboot = fact(lambda guest: parse_reboot(guest.output))

    writers = None
    """Only Windows has VSS writers."""

    def observed(self) -> LinuxGuest:
        """The same guest with an empty memory of what was asked: one for every test."""
        return replace(self, seen=[])

    def evidence(self) -> dict[str, Any]:
        """The facts that were asked for so far, by name; unreadable ones are left out."""
        return evidence(self)


def parse_linux_guest(output: ProbeOutput) -> LinuxGuest:
    """The guest behind a probe's output; `Unreadable` where it was not read as root."""
    return LinuxGuest(output, parse_identity(output))
