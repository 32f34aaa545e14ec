"""Cause 4: the snapshot cannot be taken or its status read, as the platform sees it."""

from __future__ import annotations

from backup_compliance.controls import TROUBLESHOOTING_2016, TROUBLESHOOTING_2025, control
from backup_compliance.guest.linux import LinuxGuest
from backup_compliance.platform.backup_decisions import backup_failure
from backup_compliance.platform.decisions import power_failure
from backup_compliance.platform.machine import Machine


@control(
    "AVB-411",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Stop the VM from the platform (az vm deallocate) or start it (az vm start); a failed provisioning state is mended by az vm reapply.",
)
def test_power_state_is_true(machine: Machine, guest_inside: LinuxGuest | None) -> None:
    """A VM that was shut down from inside may be shown in a wrong state, and the snapshot is then asked of nobody."""
    answered = guest_inside.identity.collected_at if guest_inside is not None else None
    failure = power_failure(machine.power, machine.read_at, answered)
    assert failure is None, failure


@control(
    "AVB-415",
    cause=4,
    source=TROUBLESHOOTING_2025,
    remediation="Mend what the named controls find, then run the backup again (az backup protection backup-now); the next success clears it.",
)
def test_last_backup_met_no_agent_or_snapshot_failure(machine: Machine) -> None:
    """The article begins with this symptom: the job's own error code says that agent or snapshot did not answer."""
    failure = backup_failure(machine.protection, machine.jobs)
    assert failure is None, failure
