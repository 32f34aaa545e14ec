"""Beyond the article: preconditions that the documentation added later."""

from __future__ import annotations

from backup_compliance.controls import TROUBLESHOOTING_2025, control
from backup_compliance.guest.decisions import reboot_failure
from backup_compliance.guest.linux import LinuxGuest


@control("AVB-504", cause=5, source=TROUBLESHOOTING_2025, remediation="Restart the VM in a maintenance window.")
def test_no_restart_is_pending(guest: LinuxGuest) -> None:
    """A guest that waits for a restart may hold half-replaced libraries under the agent and its extensions."""
    failure = reboot_failure(guest.reboot)
    assert failure is None, failure
