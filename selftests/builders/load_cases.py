"""What Azure Monitor may have recorded of the sample's backups, and what AVB-413 makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from selftests.builders.arm import Subscription, job, power_state, protected_item, subscription, vault_id, vm_id
from selftests.builders.arm_metrics import NIGHT, metric, metrics

OK = subscription()
SAMPLE = vm_id("sample")
VALUES = "value.0.timeseries.0.data"
BEFORE = NIGHT - timedelta(days=1)
TWO_NIGHTS = OK.put("backupJobs", job("sample"), job("sample", 2, start="2026-11-21T22:00:12Z"))


def measured(**load: Any) -> Subscription:
    """The sample with another load last night."""
    return OK.put("metrics", metrics(SAMPLE, **load))


def with_metrics(*values: Any) -> Subscription:
    """The sample with other metrics last night."""
    return OK.put("metrics", {**metrics(SAMPLE), "value": list(values)})


CPU = "Percentage CPU"
MEMORY = "Available Memory Percentage"
BUSY_FOR_A_MOMENT = [99.0] * 12 + [20.0] * 18
GAPS = [None] * 4 + [30.0] * 26
HALF = [30.0] * 13 + [None] * 17
TOO_FEW = [30.0] * 11 + [None] * 19
LOAD_CASES: tuple[tuple[str, str, Subscription, str, str], ...] = (
    ("AVB-413", "idle", OK, "compliant", ""),
    ("AVB-413", "busy", measured(cpu=96.5), "non_compliant", "the processor was 96.5 % busy on average"),
    ("AVB-413", "names-the-window", measured(cpu=96.5), "non_compliant", "2026-11-22 22:00 to 00:00 UTC"),
    ("AVB-413", "just-ninety", measured(cpu=90.0, memory=10.0), "compliant", ""),
    ("AVB-413", "memory-short", measured(memory=6.25), "non_compliant", "memory was 93.8 % in use"),
    (
        "AVB-413",
        "average-counts",
        with_metrics(metric(CPU, NIGHT, BUSY_FOR_A_MOMENT), metric(MEMORY, NIGHT, [50.0] * 30)),
        "compliant",
        "",
    ),
    (
        "AVB-413",
        "only-the-backup-counts",
        with_metrics(
            metric(CPU, NIGHT - timedelta(hours=2), [100.0] * 24 + [10.0] * 30), metric(MEMORY, NIGHT, [50.0] * 30)
        ),
        "compliant",
        "",
    ),
    (
        "AVB-413",
        "night-before-busy",
        TWO_NIGHTS.put("metrics", metrics(SAMPLE), metrics(SAMPLE, BEFORE, cpu=98.0)),
        "non_compliant",
        "2026-11-21 22:00",
    ),
    (
        "AVB-413",
        "night-before-unknown",
        TWO_NIGHTS.put("metrics", metrics(SAMPLE), metrics(SAMPLE, BEFORE, cpu=None, memory=None)),
        "compliant",
        "",
    ),
    (
        "AVB-413",
        "last-night-unknown",
        TWO_NIGHTS.put("metrics", metrics(SAMPLE, cpu=None, memory=None), metrics(SAMPLE, BEFORE)),
        "undetermined",
        "too few values of Percentage CPU and Available Memory Percentage",
    ),
    (
        "AVB-413",
        "by-the-item-alone",
        OK.put("backupJobs"),
        "compliant",
        "",
    ),
    (
        "AVB-413",
        "gaps",
        with_metrics(metric(CPU, NIGHT, GAPS), metric(MEMORY, NIGHT, GAPS)),
        "compliant",
        "",
    ),
    ("AVB-413", "half-is-enough", with_metrics(metric(CPU, NIGHT, HALF), metric(MEMORY, NIGHT, HALF)), "compliant", ""),
    (
        "AVB-413",
        "too-few",
        with_metrics(metric(CPU, NIGHT, TOO_FEW), metric(MEMORY, NIGHT, HALF)),
        "undetermined",
        "too few values of Percentage CPU for",
    ),
    (
        "AVB-413",
        "no-memory-metric",
        with_metrics(metric(CPU, NIGHT, GAPS)),
        "undetermined",
        f"too few values of {MEMORY}",
    ),
    ("AVB-413", "no-memory-metric-but-busy", with_metrics(metric(CPU, NIGHT, [97.0] * 30)), "non_compliant", "97.0 %"),
    ("AVB-413", "no-metric-at-all", with_metrics(), "undetermined", "too few values"),
    (
        "AVB-413",
        "no-percentage",
        with_metrics(metric(CPU, NIGHT, [4096.0] * 30)),
        "error",
        "no percentage",
    ),
    (
        "AVB-413",
        "words-for-numbers",
        OK.set("metrics", "sample", f"{VALUES}.3.average", "low"),
        "error",
        "no percentage",
    ),
    (
        "AVB-413",
        "two-values-for-one-time",
        OK.add("metrics", metrics(SAMPLE, cpu=99.0)),
        "error",
        "has two values for 2026-11-22 22:00 UTC",
    ),
    ("AVB-413", "same-values-twice", OK.add("metrics", metrics(SAMPLE)), "compliant", ""),
    ("AVB-413", "flagged", OK.set("metrics", "sample", "value.0.errorCode", "Throttled"), "error", "says Throttled of"),
    ("AVB-413", "other-unit", OK.set("metrics", "sample", "value.1.unit", "Bytes"), "error", "is in Bytes"),
    ("AVB-413", "a-little-over", measured(cpu=100.02), "non_compliant", "100.0 %"),
    ("AVB-413", "no-time", OK.set("metrics", "sample", f"{VALUES}.3.timeStamp", "then"), "error", "no percentage"),
    ("AVB-413", "no-series", OK.set("metrics", "sample", "value.0.timeseries", None), "error", "timeseries"),
    ("AVB-413", "no-values", OK.cut("metrics", "sample", "value"), "error", "metrics"),
    ("AVB-413", "about-nobody", OK.add("metrics", {"value": []}), "error", "about no resource"),
    ("AVB-413", "about-others", OK.put("metrics", metrics(vm_id("other"))), "error", "Microsoft.Insights/metrics/read"),
    ("AVB-413", "not-read", OK.without("metrics"), "error", "Microsoft.Insights/metrics/read"),
    ("AVB-413", "refused", OK.refused("metrics"), "error", "403"),
    ("AVB-413", "batch-refused", OK.put("metrics").refused("metrics", SAMPLE), "error", "403"),
    ("AVB-413", "jobs-unread", OK.without("backupJobs"), "error", "backupJobs/read"),
    ("AVB-413", "vault-refused", OK.put("backupJobs").refused("backupJobs", vault_id()), "error", "403"),
    (
        "AVB-413",
        "just-begun",
        OK.put("backupJobs", job("sample", status="InProgress", start="2026-11-23T07:40:00Z")),
        "not_applicable",
        "no backup",
    ),
    (
        "AVB-413",
        "under-way",
        OK.put("backupJobs", job("sample", status="InProgress", start="2026-11-23T07:00:00Z")).put(
            "metrics", metrics(SAMPLE, NIGHT + timedelta(hours=9), cpu=95.0, count=11)
        ),
        "non_compliant",
        "2026-11-23 07:00 to 08:00 UTC",
    ),
    (
        "AVB-413",
        "never-backed-up",
        OK.put("backupJobs").put(
            "backupProtectedItems",
            protected_item(
                "sample",
                protectionState="IRPending",
                lastBackupStatus="IRPending",
                lastBackupTime="2001-01-01T00:00:00Z",
                lastRecoveryPoint=None,
            ),
        ),
        "not_applicable",
        "no backup",
    ),
    ("AVB-413", "not-protected", OK.put("backupProtectedItems"), "not_applicable", "no backup"),
    (
        "AVB-413",
        "stopped",
        OK.put("virtualMachineStatuses", power_state("sample", "deallocated")).put("instanceViews"),
        "not_applicable",
        "deallocated",
    ),
    (
        "AVB-413",
        "power-unknown",
        OK.put("virtualMachineStatuses", power_state("sample", None)).put("instanceViews"),
        "undetermined",
        "does not say whether the VM runs",
    ),
)
