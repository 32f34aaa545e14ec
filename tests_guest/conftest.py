"""What several controls of a guest ask for first."""

from __future__ import annotations

import pytest

from backup_compliance.guest.facts import AgentConfiguration, AgentVersion, BackupExtension, Proxy
from backup_compliance.guest.linux import LinuxGuest
from backup_compliance.verdicts import NotApplicable, Undetermined


@pytest.fixture
def agent(guest: LinuxGuest) -> AgentVersion:
    """The installed agent's version; undetermined without one, which AVB-201 judges."""
    if guest.agent is None:
        raise Undetermined("the agent is not installed, so it has no version (AVB-201)")
    return guest.agent


@pytest.fixture
def configuration(guest: LinuxGuest) -> AgentConfiguration:
    """The agent's configuration; undetermined without a file or a setting in it, which AVB-206 judges."""
    if guest.configuration is None:
        raise Undetermined("/etc/waagent.conf does not exist (AVB-206)")
    if not guest.configuration.settings:
        raise Undetermined("/etc/waagent.conf holds no setting (AVB-206)")
    return guest.configuration


@pytest.fixture
def extension(guest: LinuxGuest) -> BackupExtension:
    """The backup extension; not applicable on a guest that never had it."""
    if guest.extension is None:
        raise NotApplicable("no trace of the backup extension: it comes with the first backup")
    return guest.extension


@pytest.fixture
def installed(guest: LinuxGuest) -> BackupExtension:
    """The backup extension's folders alone; not applicable on a guest that never had it."""
    if guest.extension_folders is None:
        raise NotApplicable("no trace of the backup extension: it comes with the first backup")
    return guest.extension_folders


@pytest.fixture
def proxy(guest: LinuxGuest) -> Proxy:
    """The agent's proxy; not applicable where none is set anywhere."""
    if guest.proxy is None:
        raise NotApplicable("no proxy is set in waagent.conf, in the agent's unit or in its processes")
    return guest.proxy
