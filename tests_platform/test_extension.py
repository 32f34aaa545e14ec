"""Cause 3: the backup extension cannot be updated or loaded, as the platform sees it."""

from __future__ import annotations

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import TROUBLESHOOTING_2016, control
from backup_compliance.platform.decisions.extensions import (
    extension_failure,
    handler_version_failure,
    snapshot_versions,
)
from backup_compliance.platform.machine import Machine


@control(
    "AVB-311",
    cause=3,
    source=TROUBLESHOOTING_2016,
    remediation="Uninstall the extension in the portal (VM, Extensions, VMSnapshotLinux): the next backup installs the newest one.",
)
def test_reported_backup_extension_is_new_enough(machine: Machine, thresholds: Thresholds) -> None:
    """An extension below 1.0.91.0 cannot talk to today's service; one that a backup needs and nobody reports does not load."""
    versions = snapshot_versions(machine.instance, machine.profile)
    minimum = thresholds.linux_extension_minimum
    failure = handler_version_failure(versions, minimum) if versions else machine.missing_handler
    assert failure is None, failure


@control(
    "AVB-312",
    cause=3,
    source=TROUBLESHOOTING_2016,
    remediation="Uninstall the extension that is named (the next backup reinstalls VMSnapshot); look for its reason in the guest: AVB-302, /var/log/azure, C:\\WindowsAzure\\Logs.",
)
def test_extensions_are_ready(machine: Machine) -> None:
    """An extension that failed, or hangs between two states, keeps the platform from updating the backup extension."""
    failure = extension_failure(
        machine.instance, machine.profile, machine.power, lambda: machine.missing_handler, machine.read_at
    )
    assert failure is None, failure
