"""Protected items, jobs and policies: what is read of them, how they are joined, and what hostile input comes to."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.estate.backup import (
    BackupError,
    BackupJob,
    ProtectedItem,
    container_of,
    parse_job,
    parse_policy,
    parse_protected_item,
    vault_of,
)
from backup_compliance.platform.estate.compute import parse_identity
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.lookup import Estate, open_estate
from backup_compliance.platform.estate.protection import (
    Protection,
    find_jobs,
    find_policy,
    find_policy_items,
    find_protection,
)
from selftests.builders import arm

ITEM = arm.protected_item("sample")
JOB = arm.job("sample")
POLICY = arm.policy("daily-2200")
VM = parse_identity(arm.machine("sample", 4))
SAMPLE = arm.subscription()
ITEMS, JOBS, POLICIES = "backupProtectedItems", "backupJobs", "backupPolicies"
MEGABYTE = "x" * 2**20


def with_properties(record: arm.Json, **changed: Any) -> arm.Json:
    """The record with other properties; None takes one away."""
    properties = {**record["properties"], **changed}
    return {**record, "properties": {k: v for k, v in properties.items() if v is not None}}


def item(**changed: Any) -> ProtectedItem:
    """The sample's protected item with other properties."""
    found = parse_protected_item(with_properties(ITEM, **changed))
    assert found is not None
    return found


def job(**changed: Any) -> BackupJob:
    """The sample's job with other properties."""
    found = parse_job(with_properties(JOB, **changed))
    assert found is not None
    return found


def estate(subscription: arm.Subscription = SAMPLE) -> Estate:
    """The estate behind one made-up subscription."""
    return open_estate([subscription.recorded()])


def protection(subscription: arm.Subscription = SAMPLE, vm: VmIdentity = VM) -> Protection:
    """The protection of the sample; that there is one is part of the test."""
    found = find_protection(estate(subscription), vm)
    assert found is not None
    return found


def test_item_is_read_whole() -> None:
    """Every field of an item under protection."""
    found = item()
    assert found.vm_id == arm.vm_id("sample")
    assert found.vault_id == arm.vault_id().lower()
    assert found.policy_id == f"{arm.vault_id()}/backupPolicies/daily-2200"
    assert (found.protection_state, found.protection_status) == ("Protected", "Healthy")
    assert (found.health_status, found.last_backup_status) == ("Passed", "Completed")
    assert found.last_backup_time == datetime(2026, 11, 22, 22, 0, 14, 118000, UTC)
    assert found.last_recovery_point == datetime(2026, 11, 22, 22, 0, 20, 118000, UTC)
    assert found.container_name == "iaasvmcontainerv2;rg-sample;sample"
    assert (found.failures, found.is_scheduled_for_deferred_delete) == ((), False)
    assert found.has_backup


@pytest.mark.parametrize(
    ("state", "deleting", "live"),
    [
        ("Protected", None, True),
        ("IRPending", False, True),
        ("protectionerror", None, True),
        ("ProtectionStopped", None, False),
        ("ProtectionPaused", None, False),
        ("BackupsSuspended", None, False),
        ("Invalid", None, False),
        ("Protected", True, False),
        ("Exotic", True, False),
        ("Protected", "true", None),
        ("Protected", "false", None),
        ("Protected", 1, None),
        ("Protected", [], None),
        ("ProtectionStopped", "true", False),
        ("Exotic", None, None),
        ("", None, None),
        (None, None, None),
        (7, None, None),
    ],
)
def test_live_is_what_is_backed_up_from_now_on(state: Any, deleting: Any, *, live: bool | None) -> None:
    """Stopped and deleted items are not; a state that is not known is neither."""
    assert item(protectionState=state, isScheduledForDeferredDelete=deleting).live is live


@pytest.mark.parametrize(
    "time", ["2001-01-01T00:00:00Z", "0001-01-01T00:00:00", "", None, 7, "soon", pytest.param(MEGABYTE, id="1 MB")]
)
def test_time_that_means_never_or_nothing_is_none(time: Any) -> None:
    """ARM writes two old years for never; what is not readable is none either."""
    found = item(lastBackupTime=time, lastRecoveryPoint=time)
    assert (found.last_backup_time, found.last_recovery_point) == (None, None)
    assert not found.has_backup
    assert job(startTime=time, endTime=time).start is None


NEVER = {"lastBackupTime": "2001-01-01T00:00:00Z", "lastRecoveryPoint": None, "lastBackupStatus": ""}


@pytest.mark.parametrize(
    ("changed", "never"),
    [
        ({}, True),
        ({"lastBackupTime": "0001-01-01T00:00:00"}, True),
        ({"lastBackupStatus": None, "lastRecoveryPoint": "2001-01-01T00:00:00Z"}, True),
        ({"lastBackupStatus": "IRPending", "lastRecoveryPoint": ""}, True),
        ({"lastBackupTime": None}, False),
        ({"lastBackupTime": "soon"}, False),
        ({"lastBackupTime": 7}, False),
        ({"lastBackupTime": "1999-01-01T00:00:00Z"}, False),
        ({"lastBackupStatus": "Failed"}, False),
        ({"lastBackupStatus": 7}, False),
        ({"lastRecoveryPoint": "2026-11-22T22:00:20Z"}, False),
        ({"lastRecoveryPoint": "soon"}, False),
        ({"lastRecoveryPoint": 7}, False),
    ],
)
def test_never_is_only_what_arm_writes_for_it(changed: dict[str, Any], *, never: bool) -> None:
    """What is missing or not readable is no evidence, and neither is what something else contradicts."""
    assert item(**{**NEVER, **changed}).never_ran is never


@pytest.mark.parametrize("value", [7, [], {}, True])
def test_state_that_is_no_text_is_no_good_state(value: Any) -> None:
    """Absent is none; something else is one that nobody knows."""
    found = item(protectionStatus=value, healthStatus=value, lastBackupStatus=value)
    assert {found.protection_status, found.health_status, found.last_backup_status} == {"unreadable"}
    kpi = {"BackupOperationStatusKPI": {"resourceHealthStatus": "PersistentUnhealthy"}}
    assert item(kpisHealths=kpi).backup_health == "PersistentUnhealthy"
    assert item(kpisHealths=None).backup_health == ""


@pytest.mark.parametrize(
    ("changed", "has_backup"),
    [
        ({"lastRecoveryPoint": None}, True),
        ({"lastRecoveryPoint": None, "lastBackupStatus": "CompletedWithWarnings"}, True),
        ({"lastRecoveryPoint": None, "lastBackupStatus": "Failed"}, False),
        ({"lastRecoveryPoint": None, "lastBackupStatus": None}, False),
        ({"lastBackupStatus": "Failed"}, True),
    ],
)
def test_backup_is_a_recovery_point_or_a_completed_run(changed: dict[str, Any], *, has_backup: bool) -> None:
    """A failed last run without any recovery point is no backup."""
    assert item(**changed).has_backup is has_backup


@pytest.mark.parametrize(
    "changed",
    [
        {"protectedItemType": "AzureVmWorkloadSQLDatabase", "backupManagementType": "AzureWorkload"},
        {"protectedItemType": "AzureFileShareProtectedItem", "backupManagementType": None},
        {"protectedItemType": None, "backupManagementType": "AzureWorkload"},
        {"protectedItemType": "AzureVmWorkloadNews", "backupManagementType": "AzureWorkload"},
        {"protectedItemType": "MabFileFolderProtectedItem", "backupManagementType": "Dreaming"},
    ],
)
def test_item_of_another_workload_is_no_item_of_a_machine(changed: dict[str, Any]) -> None:
    """A database inside the machine carries the machine's id, and its backup is not the machine's."""
    record = with_properties(ITEM, **changed)
    assert parse_protected_item(record) is None
    assert find_protection(estate(SAMPLE.put(ITEMS, record)), VM) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"protectedItemType": None},
        {"backupManagementType": None},
        {"protectedItemType": "Microsoft.ClassicCompute/virtualMachines"},
        {"protectedItemType": "microsoft.compute/VIRTUALMACHINES", "backupManagementType": "AZUREIAASVM"},
        {"sourceResourceId": None},
        {"sourceResourceId": arm.vm_id("SAMPLE").upper(), "virtualMachineId": None},
    ],
)
def test_item_of_a_machine_is_found_by_either_id_in_any_case(changed: dict[str, Any]) -> None:
    """One of the two types and one of the two ids are enough."""
    found = protection(SAMPLE.put(ITEMS, with_properties(ITEM, **changed)))
    assert found.item.name == "sample"
    assert found.is_live


@pytest.mark.parametrize(
    "record",
    [
        with_properties(ITEM, protectedItemType=None, backupManagementType=None),
        with_properties(ITEM, protectedItemType="Dreaming"),
        with_properties(ITEM, protectedItemType="Dreaming", backupManagementType=None),
        with_properties(ITEM, backupManagementType="Dreaming"),
        with_properties(ITEM, protectedItemType="AzureVmWorkloadSQLDatabase"),
        with_properties(ITEM, backupManagementType="AzureWorkload"),
        with_properties(ITEM, protectedItemType="Dreaming", sourceResourceId="?", virtualMachineId=None),
        with_properties(ITEM, sourceResourceId="sample", virtualMachineId="sample"),
        with_properties(ITEM, sourceResourceId=None, virtualMachineId=None),
        with_properties(ITEM, sourceResourceId=7, virtualMachineId=[]),
        {**ITEM, "properties": None},
        {**ITEM, "properties": [1, 2]},
        {"id": ITEM["id"]},
    ],
)
def test_item_that_may_be_anybodys_leaves_protection_unreadable(record: arm.Json) -> None:
    """Without workload or machine it proves nothing, and hides what it is."""
    with pytest.raises(Unreadable):
        parse_protected_item(record)
    with pytest.raises(Unreadable, match="whether a vault protects sample"):
        find_protection(estate(SAMPLE.put(ITEMS, record)), VM)
    assert protection(SAMPLE.add(ITEMS, {**record, "id": f"{ITEM['id']}2"})).is_live


GREEN = {"code": 400239, "title": "IaasVmHealthGreenDefault", "message": "OK"}
GONE = {"code": 400136, "title": "UserErrorVmNotFoundV2", "message": "gone"}
UNKNOWN = BackupError("", "", "")


@pytest.mark.parametrize(
    ("kpis", "details", "expected"),
    [
        ({}, [GREEN], ()),
        (None, None, ()),
        ({}, [{"code": 0, "title": "Success", "message": ""}, {"code": 0}], ()),
        ({}, [GONE], (BackupError("400136", "UserErrorVmNotFoundV2", "gone"),)),
        ({"BackupOperationStatusKPI": {"resourceHealthDetails": [GONE]}}, [GONE, GREEN], (BackupError("400136", "UserErrorVmNotFoundV2", "gone"),)),
        ({"RestoreOperationStatusKPI": {"resourceHealthDetails": [GONE]}}, [GREEN], ()),
        ({"BackupOperationStatusKPI": None}, [GREEN], ()),
        ({"BackupOperationStatusKPI": {"resourceHealthDetails": None}}, [GREEN], ()),
        (7, [{"code": "400136", "title": None, "message": []}], (UNKNOWN, BackupError("400136", "", ""))),
        ([], [GREEN], (UNKNOWN,)),
        ({"BackupOperationStatusKPI": "Healthy"}, [GREEN], (UNKNOWN,)),
        ({"BackupOperationStatusKPI": []}, [GREEN], (UNKNOWN,)),
        ({}, [1, None], (UNKNOWN,)),
        ({}, {"code": 1}, (UNKNOWN,)),
        ({}, "Success", (UNKNOWN,)),
        ({"BackupOperationStatusKPI": {"resourceHealthDetails": 5}}, [], (UNKNOWN,)),
        ({}, [{"code": True, "title": 5, "message": 5}], (UNKNOWN,)),
        ({}, [{"code": 10**400, "title": "Odd"}], (BackupError("", "Odd", ""),)),
    ],
)  # fmt: skip
def test_failures_are_the_details_that_are_not_green(
    kpis: Any, details: Any, expected: tuple[BackupError, ...]
) -> None:
    """Of the backup and of the item, once each; what is no detail stays as an error that nobody knows."""
    assert item(kpisHealths=kpis, healthDetails=details).failures == expected


def test_long_and_hostile_text_is_cut_and_cleaned() -> None:
    """What a vault's reply holds is printed in reports."""
    found = item(
        friendlyName=MEGABYTE,
        protectionState="\x1b[31mProtected\n" + MEGABYTE,
        healthDetails=[{"code": MEGABYTE, "title": MEGABYTE, "message": "\u202e" + MEGABYTE}],
    )
    texts = [found.name, found.protection_state, *(t for e in found.failures for t in (e.code, e.title, e.message))]
    assert all(len(t) <= 300 and t.isprintable() for t in texts)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iaasvmcontainerv2;rg-sample;sample", "iaasvmcontainerv2;rg-sample;sample"),
        ("IaasVMContainer;iaasvmcontainerv2;RG-Sample;Sample", "iaasvmcontainerv2;rg-sample;sample"),
        ("IaasVMContainer;iaasvmcontainer;service;sample", "iaasvmcontainer;service;sample"),
        ("iaasvmcontainer;service;sample", "iaasvmcontainer;service;sample"),
        ("", ""),
    ],
)
def test_container_is_named_as_jobs_name_it(name: str, expected: str) -> None:
    """Resource ids put the container's type in front; classic containers are called like that type."""
    assert container_of(name) == expected


def test_item_without_container_takes_it_from_its_id() -> None:
    """A list may leave the field out; its jobs are found all the same."""
    found = item(containerName=None)
    assert found.container_name == "iaasvmcontainerv2;rg-sample;sample"
    assert len(find_jobs(estate(), found)) == 1


@pytest.mark.parametrize(
    ("resource_id", "expected"),
    [
        (ITEM["id"], arm.vault_id().lower()),
        (arm.vault_id().upper() + "/", arm.vault_id().lower()),
        ("/subscriptions/s/resourceGroups/vaults/providers/Microsoft.RecoveryServices/vaults/v/backupJobs/j",
         "/subscriptions/s/resourcegroups/vaults/providers/microsoft.recoveryservices/vaults/v"),
        (arm.vm_id("vaults"), ""),
        ("", ""),
    ],
)  # fmt: skip
def test_vault_is_cut_out_of_an_id(resource_id: str, expected: str) -> None:
    """In any case, and not confused by a group of that name."""
    assert vault_of(resource_id) == expected


def test_job_is_read_whole() -> None:
    """Numeric codes, titles and times as real jobs carry them."""
    found = parse_job(arm.job("sample", 7, "Failed", errors=((400002, "BackUpOperationFailed"),)))
    assert found is not None
    assert (found.operation, found.status, found.name) == ("Backup", "Failed", arm.uuid(7))
    assert found.errors == (BackupError("400002", "BackUpOperationFailed", "made up"),)
    assert (found.start, found.end) == (
        datetime(2026, 11, 22, 22, 0, 12, tzinfo=UTC),
        datetime(2026, 11, 22, 22, 41, 12, tzinfo=UTC),
    )
    assert found.container_name == "iaasvmcontainerv2;rg-sample;sample"


@pytest.mark.parametrize(
    ("changed", "is_of_vms"),
    [
        ({}, True),
        ({"jobType": "AzureIaaSVMJobV2"}, True),
        ({"jobType": None}, True),
        ({"jobType": "AzureWorkloadJob", "backupManagementType": "AzureWorkload"}, False),
        ({"jobType": "AzureStorageJob", "backupManagementType": None}, False),
        ({"jobType": None, "backupManagementType": "AzureStorage"}, False),
        ({"jobType": "Dreaming", "backupManagementType": "AzureStorage"}, False),
    ],
)
def test_job_of_another_workload_is_no_job(changed: dict[str, Any], *, is_of_vms: bool) -> None:
    """Both job types of virtual machines count alike."""
    assert (parse_job(with_properties(JOB, **changed)) is not None) is is_of_vms


def test_policy_is_read_with_its_resource_out_of_sight() -> None:
    """The schedule is judged elsewhere and would only fill the evidence."""
    found = parse_policy(POLICY)
    assert (found.name, found.vault_id, found.protected_items_count) == ("daily-2200", arm.vault_id().lower(), 1)
    assert found.is_of_vms
    assert "schedulePolicy" not in repr(found)
    assert found.resource is POLICY


@pytest.mark.parametrize("count", [None, -1, True, "3", 2.5, 10**12])
def test_policy_count_that_is_no_count_is_none(count: Any) -> None:
    """A made-up number would hide how many there are."""
    assert parse_policy(with_properties(POLICY, protectedItemsCount=count)).protected_items_count is None


def test_machine_is_joined_by_id_never_by_name() -> None:
    """A namesake in another resource group has its own protection."""
    namesake = parse_identity({"id": arm.vm_id("sample").replace("rg-sample", "rg-other")})
    assert find_protection(estate(), namesake) is None
    assert protection().item.name == "sample"


def test_live_item_wins_and_all_are_kept() -> None:
    """A machine that moved between vaults leaves its stopped item behind."""
    stopped = arm.protected_item("sample", vault="old-vault", protectionState="ProtectionStopped", policyId="")
    odd = arm.protected_item("sample", vault="odd-vault", protectionState="Exotic")
    found = protection(SAMPLE.put(ITEMS, stopped, odd, ITEM))
    assert found.item.vault_id == arm.vault_id().lower()
    assert [o.protection_state for o in found.others] == ["Exotic", "ProtectionStopped"]
    with pytest.raises(Undetermined, match="Exotic"):
        assert protection(SAMPLE.put(ITEMS, stopped, odd)).is_live


def test_latest_of_several_stopped_items_is_told() -> None:
    """It is the one that says when backups ended."""
    old = arm.protected_item(
        "sample", vault="a", protectionState="ProtectionStopped", lastBackupTime="2020-01-01T00:00:00Z"
    )
    new = arm.protected_item("sample", vault="b", protectionState="ProtectionStopped")
    found = protection(SAMPLE.put(ITEMS, old, new))
    assert found.item.vault_id.endswith("/b")
    assert not found.is_live


@pytest.mark.parametrize(
    "spoilt",
    [
        SAMPLE.without(ITEMS),
        SAMPLE.refused(ITEMS),
        SAMPLE.damaged(ITEMS, b"{"),
        SAMPLE.damaged(ITEMS, b'{"value": null}'),
        SAMPLE.damaged(ITEMS, b'{"value": [1, 2]}'),
        SAMPLE.damaged(ITEMS, b'{"value": [{"properties": {}}]}'),
        SAMPLE.put(ITEMS).refused(ITEMS, arm.vault_id("other-vault")),
        SAMPLE.put(ITEMS, ITEM, with_properties(ITEM, protectionState="Invalid")),
    ],
)
def test_unprotected_is_said_only_of_a_whole_list(spoilt: arm.Subscription) -> None:
    """The item that is missing may be what was not read."""
    with pytest.raises(Unreadable):
        find_protection(estate(spoilt), VM)


@pytest.mark.parametrize("changed", [{"protectedItemType": "Dreaming"}, {"backupManagementType": "Dreaming"}])
def test_item_of_an_unknown_workload_concerns_the_machine_that_it_names(changed: dict[str, Any]) -> None:
    """Of another machine it hides nothing of this one."""
    other = with_properties(arm.protected_item("second"), **changed)
    assert find_protection(estate(SAMPLE.put(ITEMS, other)), VM) is None
    assert protection(SAMPLE.put(ITEMS, ITEM, with_properties(other, sourceResourceId="?"))).is_live
    nameless = with_properties(other, sourceResourceId=None, virtualMachineId=None)
    with pytest.raises(Unreadable, match="Dreaming"):
        find_protection(estate(SAMPLE.put(ITEMS, nameless)), VM)


@pytest.mark.parametrize("value", ["true", 1])
def test_deletion_that_is_told_otherwise_is_undetermined(value: Any) -> None:
    """Neither protected nor stopped."""
    with pytest.raises(Undetermined, match="scheduled for deletion"):
        assert protection(SAMPLE.put(ITEMS, with_properties(ITEM, isScheduledForDeferredDelete=value))).is_live


OTHER_VAULT = {"id": arm.vault_id("Other-Vault"), "name": "Other-Vault"}


def test_vault_without_any_policy_was_left_out() -> None:
    """Azure gives every vault policies: without them its items and jobs are missing too."""
    left_out = SAMPLE.add("vaults", OTHER_VAULT)
    assert protection(left_out).is_live
    for spoilt in (left_out.put(ITEMS), left_out.put(ITEMS, with_properties(ITEM, protectionState="Invalid"))):
        with pytest.raises(Unreadable, match=r"whether a vault protects sample .*no policy of vault other-vault"):
            find_protection(estate(spoilt), VM)
    for told in (
        left_out.add(POLICIES, arm.policy("default", vault="OTHER-VAULT")),
        left_out.refused(POLICIES, OTHER_VAULT["id"]),
        left_out.refused(POLICIES),
    ):
        assert find_protection(estate(told.put(ITEMS)), VM) is None
    with pytest.raises(Unreadable, match="vaults hold damaged entries"):
        find_protection(estate(SAMPLE.put(ITEMS).add("vaults", 7)), VM)


def test_jobs_of_a_vault_that_was_left_out_are_unreadable() -> None:
    """No job and no policy of the vault; a job that is there was read."""
    left_out = SAMPLE.put(POLICIES)
    assert find_jobs(estate(left_out), item())
    assert find_jobs(estate(SAMPLE.put(JOBS)), item()) == ()
    with pytest.raises(Unreadable, match=r"the backup jobs of sample .*no policy of vault sample-vault"):
        find_jobs(estate(left_out.put(JOBS)), item())


def test_unread_vault_does_not_hide_a_live_item() -> None:
    """What was found is found; a stopped item leaves open whether another vault goes on."""
    unread = SAMPLE.refused(ITEMS, arm.vault_id("other-vault"))
    assert protection(unread).is_live
    with pytest.raises(Unreadable, match="other-vault"):
        protection(unread.set(ITEMS, ITEM["name"], "properties.protectionState", "ProtectionStopped"))


def test_subscription_that_was_not_read_is_unreadable() -> None:
    """A machine of another subscription has its vaults there."""
    with pytest.raises(Unreadable, match="not read"):
        find_protection(estate(), parse_identity({"id": arm.vm_id("sample").replace(arm.SUBSCRIPTION, "other")}))


def test_policy_is_followed_by_id() -> None:
    """In any case, as ARM's replies differ."""
    shouting = SAMPLE.put(ITEMS, with_properties(ITEM, policyId=POLICY["id"].upper()))
    assert find_policy(estate(shouting), protection(shouting)) == POLICY


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (SAMPLE.put(POLICIES), "protected item sample refers to .*daily-2200"),
        (SAMPLE.put(POLICIES).refused(POLICIES, arm.vault_id()), "sample-vault.*403"),
        (SAMPLE.without(POLICIES), "backupPolicies"),
    ],
)
def test_dangling_policy_is_unreadable(spoilt: arm.Subscription, words: str) -> None:
    """Naming who refers to it, or why it was not read."""
    with pytest.raises(Unreadable, match=words):
        find_policy(estate(spoilt), protection())


def test_item_without_policy_is_stopped_or_undecided() -> None:
    """Stopping protection empties the policy; a live item without one is odd."""
    with pytest.raises(NotApplicable, match="stopped"):
        find_policy(estate(), Protection(item(policyId="", protectionState="ProtectionStopped")))
    with pytest.raises(Undetermined, match="names no policy"):
        find_policy(estate(), Protection(item(policyId="")))


def test_items_of_a_policy_are_counted_over_its_vault() -> None:
    """Other policies' items are not; an unread vault or an unreadable item leaves the number open."""
    found = parse_policy(POLICY)
    other = arm.protected_item("second", policy_name="other")
    third = with_properties(arm.protected_item("third"), policyId=POLICY["id"].upper())
    full = SAMPLE.add(ITEMS, other, third)
    assert [i.name for i in find_policy_items(estate(full), found) or ()] == ["sample", "third"]
    assert find_policy_items(estate(SAMPLE.put(ITEMS)), found) == ()
    assert find_policy_items(estate(full.refused(ITEMS, arm.vault_id("other-vault"))), found) is not None
    for spoilt in (
        full.refused(ITEMS, arm.vault_id()),
        full.without(ITEMS),
        full.add(ITEMS, {**other, "id": f"{ITEM['id']}2", "properties": {}}),
        full.add(ITEMS, 7),
    ):
        assert find_policy_items(estate(spoilt), found) is None


def test_jobs_are_the_backups_of_one_item_newest_first() -> None:
    """Same vault and same container; restores and other machines are not among them."""
    jobs = (
        arm.job("sample", 1, start="2026-11-20T22:00:12Z"),
        arm.job("sample", 2, start="2026-11-22T22:00:12Z"),
        with_properties(arm.job("sample", 3), startTime=None, endTime=None),
        arm.job("sample", 4, operation="Restore"),
        arm.job("sample", 5, vault="other-vault"),
        arm.job("second", 6),
        with_properties(arm.job("sample", 7), backupManagementType="AzureWorkload"),
        with_properties(
            arm.job("sample", 8, start="2026-11-21T22:00:12Z"), containerName="IaasVMContainerV2;RG-Sample;SAMPLE"
        ),
    )
    found = find_jobs(estate(SAMPLE.put(JOBS, *jobs)), item())
    assert [j.name for j in found] == [arm.uuid(n) for n in (2, 8, 1, 3)]


@pytest.mark.parametrize(
    "spoilt",
    [
        SAMPLE.without(JOBS),
        SAMPLE.refused(JOBS),
        SAMPLE.refused(JOBS, arm.vault_id()),
        SAMPLE.refused(JOBS, f"/subscriptions/{arm.SUBSCRIPTION}"),
        SAMPLE.add(JOBS, None),
        SAMPLE.add(JOBS, with_properties(JOB, status="Failed")),
        SAMPLE.damaged(JOBS, b"[1, 2]"),
    ],
)
def test_jobs_that_were_not_read_are_unreadable(spoilt: arm.Subscription) -> None:
    """The one that failed may be missing."""
    with pytest.raises(Unreadable):
        find_jobs(estate(spoilt), item())
    assert find_jobs(estate(SAMPLE.refused(JOBS, arm.vault_id("other-vault"))), item())


LATER = "2026-11-23T01:00:00Z"


@pytest.mark.parametrize(
    "changed",
    [
        {"containerName": None},
        {"containerName": None, "entityFriendlyName": "SAMPLE"},
        {"containerName": None, "entityFriendlyName": None},
        {"operation": None},
        {"operation": None, "containerName": None, "startTime": None},
        {"containerName": None, "status": None},
        {"containerName": None, "startTime": JOB["properties"]["startTime"]},
        {"containerName": None, "startTime": None, "endTime": "2026-11-23T02:00:00Z"},
        {"containerName": "somewhere"},
        {"operation": "Dreaming"},
        {"operation": "Invalid", "containerName": None},
        {"operation": 7},
        {"jobType": "Dreaming"},
        {"jobType": "Dreaming", "backupManagementType": None, "containerName": None},
        {"jobType": "AzureWorkloadJob"},
        {"backupManagementType": "Dreaming"},
        {"backupManagementType": "AzureStorage"},
    ],
)
def test_failed_job_that_may_be_the_items_is_undetermined(changed: dict[str, Any]) -> None:
    """It does not say that it is, and it would decide."""
    doubtful = with_properties(arm.job("sample", 2, "Failed", start=LATER), **changed)
    with pytest.raises(Undetermined, match=arm.uuid(2)):
        find_jobs(estate(SAMPLE.add(JOBS, doubtful)), item())


@pytest.mark.parametrize(
    "changed",
    [
        {"containerName": None, "status": "Completed"},
        {"containerName": None, "status": "InProgress"},
        {"containerName": None, "status": "Cancelled"},
        {"containerName": None, "startTime": "2026-11-20T22:00:12Z"},
        {"containerName": None, "startTime": None, "endTime": "2026-11-20T22:00:12Z"},
        {"jobType": "Dreaming", "status": "Completed"},
        {"jobType": "Dreaming", "startTime": "2026-11-20T22:00:12Z"},
        {"jobType": "Dreaming", "backupManagementType": "AzureStorage"},
        {"operation": "Dreaming", "containerName": "iaasvmcontainerv2;rg-sample;second"},
        {"operation": "CrossRegionRestore"},
        {"containerName": None, "entityFriendlyName": "second"},
        {"containerName": None, "operation": "Restore"},
        {"operation": None, "containerName": "iaasvmcontainerv2;rg-sample;second"},
    ],
)
def test_doubtful_job_that_decides_nothing_is_passed_over(changed: dict[str, Any]) -> None:
    """Harmless, older than a finished backup, or of another machine."""
    doubtful = with_properties(arm.job("sample", 2, "Failed", start=LATER), **changed)
    assert [j.name for j in find_jobs(estate(SAMPLE.add(JOBS, doubtful)), item())] == [arm.uuid(1)]


@pytest.mark.parametrize("lost", ["somewhere", "", "providers/Microsoft.RecoveryServices/backupJobs/odd"])
def test_failed_job_outside_every_vault_may_be_the_items(lost: str) -> None:
    """Its container is that of the item, and nobody can say of which vault."""
    record = {**arm.job("sample", 2, "Failed", start=LATER), "id": f"{arm.GROUP}/{lost}"}
    with pytest.raises(Undetermined, match="does not say whether it backed up sample"):
        find_jobs(estate(SAMPLE.add(JOBS, record)), item())
    other = {**arm.job("second", 2, "Failed", start=LATER), "id": f"{arm.GROUP}/{lost}"}
    assert len(find_jobs(estate(SAMPLE.add(JOBS, other)), item())) == 1


@pytest.mark.parametrize("start", [None, "soon", 7])
def test_job_without_a_start_stands_where_its_end_puts_it(start: Any) -> None:
    """It began at that time at the latest."""
    newer = with_properties(arm.job("sample", 2, "Failed"), startTime=start, endTime=LATER)
    assert [j.name for j in find_jobs(estate(SAMPLE.add(JOBS, newer)), item())] == [arm.uuid(2), arm.uuid(1)]


def test_item_outside_every_vault_has_no_jobs_to_find() -> None:
    """An id that names no vault joins nothing."""
    lost = parse_protected_item({**ITEM, "id": "sample"})
    assert lost is not None
    with pytest.raises(Unreadable):
        find_jobs(estate(), lost)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)
FIELDS = sorted({*ITEM["properties"], *JOB["properties"], *POLICY["properties"], "errorDetails"})
RECORDS = st.builds(
    lambda record, properties, resource_id: {**record, "properties": properties, "id": resource_id},
    st.sampled_from([ITEM, JOB, POLICY]),
    JSON
    | st.builds(
        lambda changed: {**ITEM["properties"], **changed}, st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5)
    ),
    st.sampled_from([ITEM["id"], JOB["id"], POLICY["id"]]) | st.text(max_size=30),
)


@given(st.lists(RECORDS, max_size=4))
@settings(max_examples=150, deadline=None)
def test_nothing_that_arm_may_say_breaks_the_joins(records: list[Any]) -> None:
    """Any JSON ends as a fact or as a verdict."""
    for parse in (parse_protected_item, parse_job, parse_policy):
        for record in records:
            with suppress(Unreadable):
                parse(record)
    everything = estate(SAMPLE.put(ITEMS, *records).put(JOBS, *records).put(POLICIES, *records))
    for find in (
        lambda: find_protection(everything, VM),
        lambda: find_policy(everything, Protection(item())),
        lambda: find_jobs(everything, item()),
        lambda: find_policy_items(everything, parse_policy(POLICY)),
    ):
        with suppress(Unreadable, Undetermined, NotApplicable):
            find()
