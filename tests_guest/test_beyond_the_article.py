"""Beyond the article: preconditions that the documentation added later."""

from __future__ import annotations

from backup_compliance.catalogue.controls import TROUBLESHOOTING_2025, Commands, control
from backup_compliance.guest.decisions import reboot_failure
from backup_compliance.guest.recording import Guest
from backup_compliance.guest.windows.decisions import writers_failure


@control(
    "AVB-504",
    cause=5,
    source=TROUBLESHOOTING_2025,
    remediation="Restart the VM in a maintenance window.",
    windows="Restart the VM in a maintenance window; of a VSS writer that failed, the service behind it is enough.",
    because="a restart is pending",
    commands=Commands(
        azure=("az vm restart --subscription {subscription} --resource-group {group} --name {vm}",),
    ),
)
def test_no_restart_is_pending(guest: Guest) -> None:
    """What waits for a restart runs on half-replaced files; a VSS writer that failed waits for its service's restart."""
    failure = reboot_failure(guest.reboot) or writers_failure(guest.writers)
    assert failure is None, failure
