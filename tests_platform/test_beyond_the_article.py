"""Beyond the article: what later documentation asks of vaults and policies."""

from __future__ import annotations

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import FAQ_2025, TROUBLESHOOTING_2025, Commands, control
from backup_compliance.platform.decisions.backups import policy_size_failure, protection_failure
from backup_compliance.platform.estate.restore_points import restore_point_failure
from backup_compliance.platform.machine import Machine
from backup_compliance.platform.policy import Policy


@control(
    "AVB-501",
    cause=5,
    source=FAQ_2025,
    remediation="Enable backup for the VM in a Recovery Services vault of its region (az backup protection enable-for-vm), or resume it where it was stopped.",
    because="no vault protects the VM",
    commands=Commands(
        azure=(
            "az backup protection check-vm --subscription {subscription} --resource-group {group} --vm {vm}",
            "az backup protection enable-for-vm --subscription {subscription} --resource-group VAULT_GROUP --vault-name VAULT --vm VM_ID --policy-name POLICY",
        ),
    ),
)
def test_vault_protects_the_machine(machine: Machine) -> None:
    """Every other precondition is idle for a VM that no vault backs up; names prove nothing, resource ids do."""
    failure = protection_failure(machine.protection)
    assert failure is None, failure


@control(
    "AVB-502",
    cause=5,
    source=TROUBLESHOOTING_2025,
    remediation="Remove the lock that is named from the group of the restore points (AzureBackupRG_...); the next backup job cleans up. Without a lock run a backup by hand (az backup protection backup-now), or delete the oldest restore points.",
    because="restore points cannot be cleaned up",
    breaks=("AVB-415",),
    commands=Commands(
        azure=(
            "az lock list --subscription {subscription} --resource-group AzureBackupRG_REGION_1 --output table",
            "az lock delete --subscription {subscription} --resource-group AzureBackupRG_REGION_1 --name LOCK",
        ),
    ),
)
def test_restore_points_can_be_cleaned_up(machine: Machine, thresholds: Thresholds) -> None:
    """A lock keeps Azure Backup from removing old restore points; at 18 of them every backup fails."""
    failure = restore_point_failure(machine.collections, thresholds.restore_points)
    assert failure is None, failure


@control(
    "AVB-503",
    cause=5,
    source=FAQ_2025,
    remediation="Make a second policy with another start time and move VMs to it.",
    subject="policy",
    commands=Commands(
        azure=(
            "az backup policy list --subscription {subscription} --resource-group VAULT_GROUP --vault-name VAULT --output table",
        ),
    ),
)
def test_policy_has_few_enough_machines(policy: Policy, thresholds: Thresholds) -> None:
    """Microsoft asks for at most 100 VMs a policy: all of them start their backups at one time."""
    failure = policy_size_failure(policy.model, policy.items, thresholds.policy_vms)
    assert failure is None, failure
