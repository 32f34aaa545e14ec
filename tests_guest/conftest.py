"""What several controls of a guest ask for first."""

from __future__ import annotations

import pytest

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.guest.extension_status.facts import BackupExtension, Handler
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.guest.facts import AgentConfiguration, AgentVersion, Proxy
from backup_compliance.guest.linux.guest import LinuxGuest
from backup_compliance.guest.python_support import needs_health
from backup_compliance.guest.recording import Guest
from backup_compliance.guest.windows.guest import WindowsGuest
from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.extensions import backup_reports
from backup_compliance.platform.machine import Machine

PROXY_PLACES = {
    LinuxGuest: "neither in its configuration, nor in its unit, nor in its processes",
    WindowsGuest: "neither for LocalSystem (S-1-5-18), nor for WinHTTP",
}


@pytest.fixture
def linux(guest: Guest) -> LinuxGuest:
    """The guest, where it runs Linux; what only Linux has is not applicable elsewhere."""
    if not isinstance(guest, LinuxGuest):
        raise NotApplicable(f"this control covers Linux guests, this guest runs {guest.identity.operating_system}")
    return guest


@pytest.fixture
def windows(guest: Guest) -> WindowsGuest:
    """The guest, where it runs Windows; what only Windows has is not applicable elsewhere."""
    if not isinstance(guest, WindowsGuest):
        raise NotApplicable(f"this control covers Windows guests, this guest runs {guest.identity.operating_system}")
    return guest


@pytest.fixture
def agent(guest: Guest) -> AgentVersion:
    """The installed agent's version; undetermined without one, which AVB-201 judges."""
    if guest.agent is None:
        raise Undetermined("the agent is not installed, so it has no version (AVB-201)", see=("AVB-201",))
    return guest.agent


@pytest.fixture
def configuration(linux: LinuxGuest) -> AgentConfiguration:
    """The agent's configuration; undetermined without a file or a setting in it, which AVB-206 judges."""
    if linux.configuration is None:
        raise Undetermined(f"{linux.layout.configuration} does not exist (AVB-206)", see=("AVB-206",))
    if not linux.configuration.settings:
        raise Undetermined(f"{linux.configuration.path} holds no setting (AVB-206)", see=("AVB-206",))
    return linux.configuration


@pytest.fixture
def extension(guest: Guest) -> BackupExtension:
    """The backup extension; not applicable on a guest that never had it."""
    if guest.extension is None:
        raise NotApplicable("no trace of the backup extension: it comes with the first backup")
    return guest.extension


@pytest.fixture
def installed(linux: LinuxGuest) -> BackupExtension:
    """The backup extension's folders alone; not applicable on a guest that never had it."""
    if linux.extension_folders is None:
        raise NotApplicable("no trace of the backup extension: it comes with the first backup")
    return linux.extension_folders


@pytest.fixture
def handler(linux: LinuxGuest, thresholds: Thresholds) -> Handler | None:
    """The version of the extension at work, with its health where that tells whether its Python is fit; None without one."""
    asked = needs_health(linux.interpreters, thresholds.python_oldest)
    found = linux.extension if asked else linux.extension_folders
    return found.active if found is not None else None


@pytest.fixture
def platform_reports(machine_around: Machine | None) -> tuple[ExtensionStatus, ...]:
    """What the extension told the platform of its runs; empty where nobody read that."""
    try:
        return backup_reports(machine_around.instance) if machine_around is not None else ()
    except Unreadable:
        return ()


@pytest.fixture
def proxy(guest: Guest) -> Proxy:
    """The agent's proxy; not applicable where none is set anywhere."""
    if guest.proxy is None:
        raise NotApplicable("no proxy is set for the agent: " + PROXY_PLACES[type(guest)])
    return guest.proxy
