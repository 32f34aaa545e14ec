"""Cause 3: the backup extension cannot be updated or loaded, as the platform sees it."""

from __future__ import annotations

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import TROUBLESHOOTING_2016, Commands, control
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.platform.decisions.extensions import (
    extensions_judgement,
    handler_version_failure,
    snapshot_versions,
)
from backup_compliance.platform.machine import Machine


@control(
    "AVB-311",
    cause=3,
    source=TROUBLESHOOTING_2016,
    remediation="Uninstall the extension in the portal (VM, Extensions, VMSnapshotLinux): the next backup installs the newest one.",
    because="the backup extension is too old",
    breaks=("AVB-312", "AVB-415"),
    commands=Commands(
        azure=(
            "az vm get-instance-view --subscription {subscription} --resource-group {group} --name {vm} --query instanceView.vmAgent.extensionHandlers",
            "az vm extension delete --subscription {subscription} --resource-group {group} --vm-name {vm} --name EXTENSION",
        ),
    ),
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
    because="an extension is failed or stuck",
    breaks=("AVB-415",),
    see=("AVB-302",),
    commands=Commands(
        azure=(
            "az vm get-instance-view --subscription {subscription} --resource-group {group} --name {vm} --query instanceView.extensions",
            "az vm extension delete --subscription {subscription} --resource-group {group} --vm-name {vm} --name EXTENSION",
        ),
    ),
)
def test_extensions_are_ready(machine: Machine, guest_reports: tuple[ExtensionStatus, ...]) -> None:
    """An extension that failed, or hangs between two states, keeps the platform from updating the backup extension."""
    judged = extensions_judgement(
        machine.instance,
        machine.profile,
        machine.power,
        guest_reports,
        lambda: machine.missing_handler,
        machine.read_at,
    )
    machine.add_remark(judged.remark)
    assert judged.failure is None, judged.failure
