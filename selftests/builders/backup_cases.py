"""What vaults, instance views and restore points may say of the sample's backups and its backup extension."""

from __future__ import annotations

from typing import Any

from selftests.builders.arm import (
    Json,
    Subscription,
    collection,
    instance_view,
    job,
    lock,
    machine,
    power_state,
    protected_item,
    subscription,
    vm_id,
)
from selftests.builders.arm_metrics import metrics

OK = subscription()
ITEM = "VM;iaasvmcontainerv2;rg-sample;sample"
AGENT = "properties.instanceView.vmAgent"
STATUS = ((400001, "GuestAgentSnapshotTaskStatusError"),)
REJECTED = job(
    "sample", 7, "Failed", start="2026-11-23T06:51:56Z", errors=((400249, "UserErrorBackupOperationInProgress"),)
)
SYSTEM = job("sample", 8, "Failed", start="2026-11-23T06:53:56Z", errors=((0, "SystemBackupOperationInProgress"),))
CANCELLED = job(
    "sample", 9, "Cancelled", start="2026-11-23T06:55:56Z", errors=((400158, "UserErrorJobSuccessfullyCancelled"),)
)
WITHDRAWN = job(
    "sample", 11, "Failed", start="2026-11-23T06:55:56Z", errors=((400158, "UserErrorJobSuccessfullyCancelled"),)
)
RESTORE = job(
    "sample",
    10,
    "Failed",
    start="2026-11-23T07:05:56Z",
    errors=((400003, "RestoreOperationFailed"),),
    operation="Restore",
)
OLD_POINT = "2026-11-20T22:00:20Z"


def failed(*others: Json, title: str = "GuestAgentSnapshotTaskStatusError", point: str = OLD_POINT) -> Subscription:
    """The sample whose last attempt failed with that error, and other jobs; the last recovery point is older."""
    found = OK.put("backupJobs", *others, job("sample", 4, "Failed", errors=((400001, title),)))
    return found.set("backupProtectedItems", ITEM, "properties.lastRecoveryPoint", point)


def succeeded(*others: Json) -> Subscription:
    """The sample whose last attempt succeeded, and other jobs."""
    return OK.put("backupJobs", *others, job("sample"))


def handlers(value: Any, *, given: Subscription = OK) -> Subscription:
    """The sample whose agent tells of other handlers."""
    return given.set("instanceViews", "sample", f"{AGENT}.extensionHandlers", value)


def without_handlers(given: Subscription = OK) -> Subscription:
    """The sample whose agent has no list of handlers at all."""
    return given.cut("instanceViews", "sample", f"{AGENT}.extensionHandlers")


def enhanced(given: Subscription = OK) -> Subscription:
    """The sample under an Enhanced policy."""
    return given.set("backupPolicies", "daily-2200", "properties.policyType", "V2")


def stored(state: Any, name: str = "Workload", *, shown: str = "") -> Subscription:
    """The sample with one more extension in the stored body, and with that state in its instance view."""
    resource = {
        "id": f"{vm_id('sample')}/extensions/{name}",
        "name": name,
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "properties": {"publisher": "Microsoft.Azure.RecoveryServices.WorkloadBackup", "provisioningState": state},
    }
    view = instance_view("sample")
    view["resources"] = [resource]
    if shown:
        status = {"code": f"ProvisioningState/{shown}", "displayStatus": f"Provisioning {shown}"}
        view["properties"]["instanceView"]["extensions"].append({"name": name, "type": name, "statuses": [status]})
    vm = machine("sample", 4)
    vm["resources"].append({"id": resource["id"]})
    return OK.put("instanceViews", view).put("virtualMachines", vm)


def item(**fields: Any) -> Subscription:
    """The sample with other fields of its protected item, and no jobs."""
    return OK.put("backupJobs").put("backupProtectedItems", protected_item("sample", **fields))


def points(first: int, second: int, **more: Any) -> Subscription:
    """So many restore points in two collections of the sample, in two groups."""
    other = collection("sample", second, group="AzureBackupRG_westeurope_2")
    other["id"] = other["id"].replace("_175923157230385", "_175923157230386")
    return OK.put("restorePointCollections", collection("sample", first), {**other, **more})


def view(*, message: str, time: str = "2026-11-23T07:58:11+00:00", display: str = "Ready") -> Subscription:
    """The sample whose agent says something else besides Ready."""
    status = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": display}
    return OK.set("instanceViews", "sample", f"{AGENT}.statuses.0", {**status, "message": message, "time": time})


BARE = OK.set("virtualMachines", "sample", "resources", []).set(
    "instanceViews", "sample", "properties.instanceView.extensions", []
)
"""No extension anywhere, but for the agent's handlers."""
UNPROTECTED = OK.put("backupProtectedItems")
OTHER_HANDLER = [
    {
        "type": "Publisher.Custom",
        "typeHandlerVersion": "1.0",
        "status": {"code": "ProvisioningState/succeeded", "displayStatus": "Ready"},
    }
]
STOPPED = OK.put("virtualMachineStatuses", power_state("sample", "stopped")).put("instanceViews")
ANSWERING = (
    subscription("sample", 205).put("virtualMachineStatuses", power_state("sample", "stopped")).put("instanceViews")
)
"""Stopped by ARM's word, while the guest that bears its id answered."""
UNDATED = (
    subscription("sample", 208).put("virtualMachineStatuses", power_state("sample", "stopped")).put("instanceViews")
)
WEEK_OLD = (
    OK.put("backupJobs", job("sample", 1, start="2026-11-12T22:00:12Z"))
    .set("backupProtectedItems", ITEM, "properties.lastBackupTime", "2026-11-12T22:00:14Z")
    .put("metrics", metrics(vm_id("sample")))
)
NO_HANDLER = "VMSnapshot is not reported by the agent, though vault sample-vault has backed this VM up"
BACKUP_CASES: tuple[tuple[str, str, Subscription, str, str], ...] = (
    ("AVB-415", "rejected-request-hides-nothing", failed(REJECTED, SYSTEM), "non_compliant", "GuestAgentSnapshot"),
    ("AVB-415", "rejected-request-after-a-success", succeeded(REJECTED, SYSTEM), "compliant", ""),
    ("AVB-415", "rejected-request-alone", OK.put("backupJobs", REJECTED), "compliant", ""),
    ("AVB-415", "rejected-request-is-what-the-item-tells", succeeded(REJECTED).put("backupProtectedItems", protected_item("sample", lastBackupStatus="Failed", lastBackupTime="2026-11-23T06:51:57Z")), "compliant", ""),
    ("AVB-415", "cancelled-job-hides-nothing", failed(CANCELLED), "non_compliant", "GuestAgentSnapshot"),
    ("AVB-415", "cancelled-job-that-is-called-failed", failed(WITHDRAWN), "non_compliant", "GuestAgentSnapshot"),
    ("AVB-415", "cancelled-after-a-success", succeeded(WITHDRAWN), "compliant", ""),
    ("AVB-415", "restore-hides-nothing", failed(RESTORE), "non_compliant", "GuestAgentSnapshot"),
    ("AVB-415", "restore-after-a-success", succeeded(RESTORE), "compliant", ""),
    ("AVB-415", "something-else", failed(title="UserErrorSharedDiskBackupNotSupported"), "non_compliant", "exclude the disk"),
    ("AVB-415", "unrelated", failed(title="UserErrorKeyvaultPermissionsNotConfigured"), "non_compliant", "key vault"),
    ("AVB-415", "unknown-after-a-rejected-request", failed(REJECTED, title="SomethingNew"), "undetermined", "SomethingNew"),
    ("AVB-415", "own-recovery-point", failed(point="2026-11-22T22:10:00Z"), "compliant", ""),
    ("AVB-415", "own-recovery-point-and-unknown-code", failed(title="SomethingNew", point="2026-11-22T22:10:00Z"), "compliant", ""),
    ("AVB-415", "recovery-point-before-the-job", failed(point="2026-11-22T21:59:00Z"), "non_compliant", "no backup is known to have succeeded since"),
    ("AVB-415", "item-failed-for-something-else", item(lastBackupStatus="Failed", lastRecoveryPoint=OLD_POINT, healthDetails=[{"code": 400136, "title": "UserErrorVmNotFoundV2"}]), "non_compliant", "UserErrorVmNotFoundV2"),
    ("AVB-415", "item-cancelled-and-nothing-else", item(lastBackupStatus="Failed", lastRecoveryPoint=OLD_POINT, healthDetails=[{"code": 400158, "title": "UserErrorJobSuccessfullyCancelled"}]), "undetermined", "no job before it is listed"),
    (
        "AVB-415",
        "says-how-old-it-is",
        OK.put("backupJobs", job("sample", 4, "Failed", start="2026-11-12T22:00:12Z", errors=STATUS)),
        "non_compliant",
        "2026-11-12 22:00 UTC, 10 days before the reading",
    ),
    (
        "AVB-413",
        "rejected-request-is-no-backup",
        succeeded(REJECTED, SYSTEM, WITHDRAWN, CANCELLED).put("metrics", metrics(vm_id("sample"), cpu=97.0)),
        "non_compliant",
        "2026-11-22 22:00 to 00:00 UTC",
    ),
    ("AVB-413", "only-a-rejected-request", OK.put("backupJobs", REJECTED).put("backupProtectedItems", protected_item("sample", lastBackupTime="2026-11-23T06:51:57Z")), "not_applicable", "no backup"),
    ("AVB-413", "idle-in-spite-of-a-rejected-request", succeeded(REJECTED), "compliant", ""),
    ("AVB-413", "says-how-old-it-is", WEEK_OLD, "undetermined", "2026-11-12 22:00 to 00:00 UTC, 10 days before the reading"),
    *(
        (control, f"{name}-after-a-backup", change, "non_compliant", NO_HANDLER)
        for control in ("AVB-311", "AVB-312")
        for name, change in (("absent", without_handlers()), ("null", handlers(None)), ("empty", handlers([])))
    ),
    ("AVB-311", "others-after-a-backup", handlers(OTHER_HANDLER), "non_compliant", NO_HANDLER),
    ("AVB-312", "others-after-a-backup", handlers(OTHER_HANDLER), "non_compliant", NO_HANDLER),
    *(
        (control, f"{name}-under-an-enhanced-policy", enhanced(change), "undetermined", "Enhanced policy goes on without")
        for control in ("AVB-311", "AVB-312")
        for name, change in (("absent", without_handlers()), ("null", handlers(None)), ("empty", handlers([])))
    ),
    *(
        (control, name, given, outcome, words)
        for control in ("AVB-311", "AVB-312")
        for name, given, outcome, words in (
            (
                "policy-of-unknown-type",
                handlers([]).set("backupPolicies", "daily-2200", "properties.policyType", "V9"),
                "undetermined",
                "the type of its policy is not known",
            ),
            (
                "policy-from-before-there-were-types",
                handlers([]).cut("backupPolicies", "daily-2200", "properties.policyType"),
                "non_compliant",
                NO_HANDLER,
            ),
            (
                "backed-up-while-it-was-off",
                handlers([]).put("metrics", metrics(vm_id("sample"), cpu=None, memory=None)),
                "undetermined",
                "no metrics show that the VM ran during the backup of 2026-11-22 22:00 UTC",
            ),
            ("metrics-unread", handlers([]).without("metrics"), "error", "metrics"),
            ("policies-unread", handlers([]).without("backupPolicies"), "error", "backupPolicies"),
            ("agent-not-ready", handlers([]).set("instanceViews", "sample", f"{AGENT}.statuses.0.code", "ProvisioningState/Unavailable"), "undetermined", "AVB-211"),
        )
    ),
    ("AVB-312", "never-protected", handlers([], given=BARE).put("backupProtectedItems"), "not_applicable", "no extensions"),
    ("AVB-312", "never-protected-and-no-list", without_handlers(BARE).put("backupProtectedItems"), "undetermined", "no list of handlers"),
    ("AVB-312", "items-unread", handlers([]).without("backupProtectedItems"), "error", "backupProtectedItems"),
    ("AVB-312", "stored-updating", stored("Updating"), "non_compliant", "Workload is updating"),
    ("AVB-312", "stored-creating", stored("Creating"), "non_compliant", "the instance view says nothing of it"),
    ("AVB-312", "stored-failed-and-shown-succeeded", stored("Failed", shown="succeeded"), "non_compliant", "the instance view says ProvisioningState/succeeded"),
    ("AVB-312", "stored-succeeded", stored("Succeeded"), "compliant", ""),
    ("AVB-312", "stored-succeeded-and-shown-failed", stored("Succeeded", shown="failed"), "non_compliant", "Workload is failed"),
    ("AVB-312", "stored-unknown", stored("Dreaming", shown="succeeded"), "undetermined", "Dreaming"),
    ("AVB-312", "stored-unreadable", stored(7, shown="succeeded"), "undetermined", "no text"),
    ("AVB-312", "stored-list-is-text", OK.set("virtualMachines", "sample", "resources", "x"), "error", "no list of objects"),
    (
        "AVB-312",
        "stored-in-the-model",
        OK.set("virtualMachines", "sample", "resources", [{"id": f"{vm_id('sample')}/extensions/VMSnapshotLinux", "properties": {"provisioningState": "Deleting"}}]),
        "non_compliant",
        "VMSnapshotLinux is deleting",
    ),
    ("AVB-502", "nine-and-nine", points(9, 9), "advisory", "2 collections of this VM hold 18 restore points"),
    ("AVB-502", "nine-and-eight", points(9, 8), "compliant", ""),
    ("AVB-502", "eighteen-beside-an-unread-collection", points(18, 0).refused("restorePoints", points(1, 1).lists["restorePointCollections"][1]["id"]), "advisory", "holds 18"),
    ("AVB-502", "nine-and-nine-of-another-machine", points(9, 9, properties={"source": {"id": vm_id("other")}, "restorePoints": [{"id": "x"}] * 9}), "compliant", ""),
    ("AVB-502", "seventeen-under-a-lock", points(9, 8).put("locks", lock(points(9, 8).lists["restorePointCollections"][1]["id"])), "advisory", "lock keep"),
    ("AVB-211", "ready-and-waiting-for-the-network", view(message="Agent is ready, waiting for network issue to be resolved."), "undetermined", "waits for the network: Agent is ready, waiting for network issue to be resolved"),
    ("AVB-211", "ready-and-network-unavailable", view(message="Network is unavailable"), "undetermined", "Network is unavailable"),
    ("AVB-211", "waiting-by-its-display", view(message="x", display="Ready (waiting for network issue to be resolved)"), "undetermined", "waiting for network issue"),
    ("AVB-211", "stale-and-waiting", view(message="waiting for network issue to be resolved", time="2026-11-23T07:00:00Z"), "non_compliant", "waits for the network"),
    ("AVB-211", "ready-and-processing", view(message="GuestAgent is running and processing the extensions."), "compliant", ""),
    ("AVB-411", "stopped-and-the-guest-answers", ANSWERING, "non_compliant", "the guest answered at 2026-11-23 08:00 UTC: the state is misreported"),
    ("AVB-411", "stopped-and-undated", Subscription(UNDATED.lists, read_at=None, raw=UNDATED.raw), "undetermined", "which of them spoke last is not recorded"),
    ("AVB-411", "stopped-and-nobody-asked", Subscription(STOPPED.lists, read_at=None, raw=STOPPED.raw), "non_compliant", "shut down from inside"),
)  # fmt: skip
