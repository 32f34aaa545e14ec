"""Cause 3: the backup extension cannot be updated or loaded."""

from __future__ import annotations

from datetime import timedelta

from packaging.version import Version

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import EXTENSION_SOURCE_2026, TROUBLESHOOTING_2016, Commands, control
from backup_compliance.guest.decisions import check_report_is_new, handler_failure, judge_last_run
from backup_compliance.guest.extension_status.facts import BackupExtension, Handler
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.guest.linux.guest import LinuxGuest
from backup_compliance.guest.python_support import interpreter_failure, support_failure
from backup_compliance.guest.recording import Guest
from backup_compliance.guest.windows.decisions import provider_failure
from backup_compliance.guest.windows.guest import WindowsGuest
from backup_compliance.model.verdicts import NotApplicable

REINSTALL = "Uninstall VMSnapshotLinux (az vm extension delete; the portal does not show it on VMs with managed disks); the next backup installs it again."

NEVER_INSTALLED = "no trace of the backup extension: it comes with the first backup"
REINSTALL_WINDOWS = REINSTALL.replace("VMSnapshotLinux", "VMSnapshot")


@control(
    "AVB-301",
    cause=3,
    source=TROUBLESHOOTING_2016,
    remediation="Uninstall VMSnapshotLinux (az vm extension delete): the next backup installs the newest version; or install an older Python beside Python 3.12 and newer, as /usr/local/bin/python3.8.",
    because="the backup extension is too old",
    breaks=("AVB-302", "AVB-311", "AVB-312", "AVB-415"),
    commands=Commands(
        guest=("ls -d /var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*",),
        azure=(
            "az vm extension list --subscription {subscription} --resource-group {group} --vm-name {vm} --output table",
            "az vm extension delete --subscription {subscription} --resource-group {group} --vm-name {vm} --name VMSnapshotLinux",
        ),
    ),
)
def test_backup_extension_is_new_enough(
    linux: LinuxGuest, installed: BackupExtension, handler: Handler | None, thresholds: Thresholds
) -> None:
    """An extension below the documented version cannot be loaded; under Python 3.12 and newer only a run proves that one can."""
    assert handler is not None, f"the extension was asked for ({installed.traces[0]}) and has no handler folder"
    minimum = thresholds.linux_extension_minimum
    assert handler.version >= Version(minimum), f"{handler.path} is {handler.version}, the minimum is {minimum}"
    pythons = linux.interpreters
    failure = support_failure(pythons, handler, thresholds.python_oldest) if pythons else None
    assert failure is None, failure


@control(
    "AVB-302",
    cause=3,
    source=TROUBLESHOOTING_2016,
    remediation=REINSTALL,
    windows=REINSTALL_WINDOWS,
    because="the backup extension is not ready",
    breaks=("AVB-312", "AVB-415"),
    commands=Commands(
        guest=("sudo tail -n 100 /var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux/*.log",),
        azure=(
            "az vm extension list --subscription {subscription} --resource-group {group} --vm-name {vm} --output table",
            "az vm extension delete --subscription {subscription} --resource-group {group} --vm-name {vm} --name VMSnapshotLinux",
        ),
    ),
)
def test_backup_extension_is_ready(
    guest: Guest, extension: BackupExtension, platform_reports: tuple[ExtensionStatus, ...], thresholds: Thresholds
) -> None:
    """A handler that is not enabled, not ready or whose last run failed takes no snapshot; its outer status says success whatever happened."""
    if not extension.handlers and isinstance(guest, LinuxGuest):
        raise NotApplicable("the extension is not installed; AVB-301 judges that")
    failure = handler_failure(extension)
    assert failure is None, failure
    judged = judge_last_run(extension, platform_reports, guest.reference_time)
    guest.add_remark(judged.remark)
    assert judged.failure is None, judged.failure
    check_report_is_new(extension, guest.identity.collected_at, timedelta(minutes=thresholds.agent_report_minutes))


@control(
    "AVB-303",
    cause=3,
    source=TROUBLESHOOTING_2016,
    remediation="Set-Service IaasVmProvider -StartupType Automatic; where it does not exist, uninstall VMSnapshot: the next backup installs both again.",
)
def test_snapshot_provider_starts_automatically(windows: WindowsGuest) -> None:
    """The extension's VSS provider has to be enabled and Automatic; it stops between backups, and need not run."""
    if not windows.extension_traces:
        raise NotApplicable(NEVER_INSTALLED)
    failure = provider_failure(windows.provider)
    assert failure is None, f"{failure} ({windows.extension_traces[0]})"


@control(
    "AVB-304",
    cause=3,
    source=EXTENSION_SOURCE_2026,
    remediation="Install a Python that the extension supports as /usr/bin/python3, or beside a newer one as /usr/local/bin/python3.8; or let the next backup bring in a newer version of the extension.",
    because="the extension finds no interpreter that it can run on",
    breaks=("AVB-301", "AVB-302", "AVB-312", "AVB-415"),
    commands=Commands(
        guest=(
            "ls -l /usr/bin/python*",
            "sudo apt-get install python3 || sudo dnf install python3 || sudo zypper install python3",
        ),
    ),
)
def test_extension_finds_its_interpreter(linux: LinuxGuest, handler: Handler | None, thresholds: Thresholds) -> None:
    """The extension's launcher tries a fixed list of interpreters, and at last the agent's own, until one runs its code."""
    failure = interpreter_failure(linux.interpreters, handler, thresholds.python_oldest)
    assert failure is None, failure
