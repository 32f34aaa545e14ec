"""Cause 4: the snapshot cannot be taken or its status read, as the platform sees it."""

from __future__ import annotations

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import TROUBLESHOOTING_2016, TROUBLESHOOTING_2025, Commands, control
from backup_compliance.guest.recording import Guest
from backup_compliance.model.verdicts import NonCompliant
from backup_compliance.platform.decisions.agent_and_power import power_failure
from backup_compliance.platform.decisions.backups import backup_failure
from backup_compliance.platform.decisions.load import check_in_use, load_failure
from backup_compliance.platform.decisions.schedule_groups import REFERENCE_YEAR, ScheduleGroup, schedule_failure
from backup_compliance.platform.decisions.static_address import static_address_failure
from backup_compliance.platform.machine import Machine
from backup_compliance.schedules.start_collisions import StartRule


@control(
    "AVB-411",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Stop the VM from the platform (az vm deallocate) or start it (az vm start); a failed provisioning state is mended by az vm reapply.",
    because="the VM does not run as the platform believes",
    breaks=("AVB-211", "AVB-312", "AVB-415"),
    commands=Commands(
        azure=(
            "az vm get-instance-view --subscription {subscription} --resource-group {group} --name {vm} --query instanceView.statuses",
            "az vm deallocate --subscription {subscription} --resource-group {group} --name {vm}",
            "az vm start --subscription {subscription} --resource-group {group} --name {vm}",
        ),
    ),
)
def test_power_state_is_true(machine: Machine, guest_inside: Guest | None) -> None:
    """A VM that was shut down from inside may be shown in a wrong state, and the snapshot is then asked of nobody."""
    answered = guest_inside.identity.collected_at if guest_inside is not None else None
    failure = power_failure(machine.power, machine.read_at, answered)
    assert failure is None, failure


@control(
    "AVB-412",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Spread the group over several policies whose start times are apart; the message names times that fit.",
    because="too many of a group start together",
    breaks=("AVB-415",),
    commands=Commands(
        azure=(
            "az backup policy list --subscription {subscription} --resource-group VAULT_GROUP --vault-name VAULT --output table",
            "az backup item set-policy --subscription {subscription} --resource-group VAULT_GROUP --vault-name VAULT --container-name {vm} --name {vm} --policy-name POLICY --backup-management-type AzureIaasVM",
        ),
    ),
)
def test_group_does_not_start_together(machine: Machine, schedule_group: ScheduleGroup, thresholds: Thresholds) -> None:
    """VMs of one cloud service that start their backups at one time keep each other from finishing the snapshot."""
    rule = StartRule(thresholds.schedule_members, thresholds.schedule_minutes)
    year = machine.read_at.year if machine.read_at else REFERENCE_YEAR
    failure = schedule_failure(schedule_group, machine.identity, rule, year)
    assert failure is None, failure


@control(
    "AVB-413",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Move the backup to a quieter time (another policy), or give the VM a larger size; AVB-402 and AVB-403 say in the guest what is busy now.",
    because="processor or memory were used up while backups ran",
    breaks=("AVB-415",),
    see=("AVB-402", "AVB-403"),
    commands=Commands(
        azure=(
            "az monitor metrics list --resource $(az vm show --subscription {subscription} --resource-group {group} --name {vm} --query id --output tsv) --metric 'Percentage CPU' 'Available Memory Percentage' --interval PT5M --offset 1d --output table",
        ),
    ),
)
def test_load_leaves_room_during_backups(machine: Machine, thresholds: Thresholds) -> None:
    """Above 90 % of processor or memory, snapshots are queued and time out; what counts is the time in which they are taken."""
    check_in_use(machine.power)
    failure = load_failure(machine.load, thresholds.cpu_percent, thresholds.memory_percent, machine.read_at)
    assert failure is None, failure


@control(
    "AVB-414",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Set the private addresses static on the network interface in Azure, and leave DHCP on in the guest.",
    because="a static address is not set on the platform",
    commands=Commands(
        azure=(
            "az network nic ip-config list --subscription {subscription} --resource-group {group} --nic-name NIC --output table",
            "az network nic ip-config update --subscription {subscription} --resource-group {group} --nic-name NIC --name IP_CONFIGURATION --private-ip-address PRIVATE_ADDRESS",
        ),
    ),
)
def test_static_address_is_set_on_the_platform(machine: Machine, guest_inside: Guest | None) -> None:
    """An address that is set in the guest and not on the platform takes DHCP away, and with it the host address."""
    addressing = guest_inside.addressing if guest_inside is not None else None
    told = (addressing.addresses, addressing.uses_dhcp) if addressing is not None else (None, None)
    failure = static_address_failure(machine.interface, *told)
    assert failure is None, failure


@control(
    "AVB-415",
    cause=4,
    source=TROUBLESHOOTING_2025,
    remediation="Mend what the named controls find, then run the backup again (az backup protection backup-now); the next success clears it.",
    because="the last backup failed, and nothing that was judged explains it",
    commands=Commands(
        azure=(
            "az backup job list --subscription {subscription} --resource-group VAULT_GROUP --vault-name VAULT --status Failed --output table",
            "az backup protection backup-now --subscription {subscription} --resource-group VAULT_GROUP --vault-name VAULT --container-name {vm} --item-name {vm} --backup-management-type AzureIaasVM --workload-type VM",
        ),
    ),
)
def test_last_backup_met_no_agent_or_snapshot_failure(machine: Machine) -> None:
    """The article begins with this symptom: the job's own error code says that agent or snapshot did not answer."""
    failure = backup_failure(machine.protection, machine.jobs, machine.read_at)
    if failure is not None:
        raise NonCompliant(failure)
