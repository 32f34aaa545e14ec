"""The demo's ARM half: the subscription that the sample guests live in, with each platform control broken somewhere."""

from __future__ import annotations

from typing import Any

from selftests.builders.arm import (
    READ_AT,
    WINDOWS,
    Json,
    Subscription,
    collection,
    instance_view,
    job,
    machine,
    nic,
    policy,
    power_state,
    protected_item,
    restore_points,
    route_table,
    rule,
    security_group,
    subnet,
    subnet_id,
    subscription,
    virtual_network,
    vm_id,
)
from selftests.builders.arm_metrics import metrics

NUMBERS = {
    "sample-web-01": 4,
    "sample-db-01": 5,
    "sample-web-02": 11,
    "sample-web-03": 12,
    "sample-web-04": 23,
    "sample-net-03": 13,
    "sample-app-01": 14,
    "sample-app-02": 15,
    "sample-batch-01": 16,
    "sample-legacy-01": 17,
    "sample-net-01": 18,
    "sample-net-02": 19,
    "sample-edge-01": 20,
    "sample-new-01": 21,
    "sample-cut-01": 22,
    "sample-web-05": 27,
    "sample-gone-01": 24,
    "sample-arm-01": 25,
    "sample-win-01": 26,
    "sample-sql-01": 28,
    "sample-sql-02": 29,
    "sample-proxy-01": 250,
    "sample-proxy-02": 251,
}
"""Virtual machines by the number that their VM id and address are made of; sample-arm-01 and the proxies are in ARM only."""
BACKED_UP = [name for name in NUMBERS if name not in ("sample-new-01", "sample-cut-01")]
SUBNETS = {
    "sample-db-01": "inspected",
    "sample-web-02": "inspected",
    "sample-web-03": "proxied",
    "sample-web-04": "proxied",
    "sample-net-01": "sealed",
    "sample-net-03": "sealed",
    "sample-new-01": "private",
}
WINDOWS_MACHINES = ("sample-win-01", "sample-sql-01", "sample-sql-02")
AGENTS = {
    "sample-app-01": "2.7.3.0",
    "sample-app-02": "2.2.45",
    **dict.fromkeys(WINDOWS_MACHINES, "2.7.41491.1172"),
    "sample-sql-02": "2.7.41491.911",
}
WINDOWS_SNAPSHOT = "Microsoft.Azure.RecoveryServices.VMSnapshot"


def without_nat(found: Json) -> Json:
    """A private subnet without any way out of its own."""
    del found["properties"]["natGateway"]
    return found


def _network() -> Json:
    return virtual_network(
        subnet("apps", "10.20.0.0/24", security_group="apps-nsg"),
        without_nat(subnet("inspected", "10.20.1.0/24", security_group="apps-nsg", route_table="to-firewall")),
        subnet("proxied", "10.20.2.0/24", security_group="proxy-only-nsg"),
        without_nat(subnet("sealed", "10.20.3.0/24", security_group="apps-nsg", route_table="dropped")),
        without_nat(subnet("private", "10.20.4.0/24", security_group="apps-nsg")),
    )


def _machine(name: str, number: int) -> Json:
    found = machine(name, number, system=WINDOWS if name in WINDOWS_MACHINES else "Linux")
    if name in ("sample-web-01", "sample-web-02", "sample-batch-01", "sample-app-01"):
        kind = "web" if "web" in name else "night"
        found["properties"]["availabilitySet"] = {
            "id": vm_id("x").replace("virtualMachines/x", f"availabilitySets/{kind}")
        }
    if name == "sample-new-01":
        found["resources"] = []
    if name == "sample-app-02":
        found["properties"]["osProfile"]["allowExtensionOperations"] = False
    return found


def _view(name: str) -> Json:
    system = name in WINDOWS_MACHINES
    view = instance_view(
        name,
        version=AGENTS.get(name, "2.15.0.1"),
        **({"handler": WINDOWS_SNAPSHOT, "snapshot": "1.0.75.0"} if system else {}),
    )
    inner = view["properties"]["instanceView"]
    if name == "sample-app-01":
        inner["vmAgent"]["statuses"][0] |= {
            "code": "ProvisioningState/Unavailable",
            "displayStatus": "Not Ready",
            "message": "VM status blob is found but not yet populated.",
        }
        inner["vmAgent"]["extensionHandlers"] = []
    if name == "sample-legacy-01":
        _old_handler(inner)
    if name == "sample-edge-01":
        failed = {
            "code": "ProvisioningState/failed/1",
            "displayStatus": "Provisioning failed",
            "message": "Non-zero exit code: 1",
        }
        inner["extensions"].append(
            {
                "name": "MonitorAgent",
                "type": "Example.Monitoring.Agent",
                "typeHandlerVersion": "1.4.0",
                "statuses": [failed],
            }
        )
    if name == "sample-new-01":
        inner["vmAgent"]["extensionHandlers"] = []
        inner["extensions"] = []
    return view


def _old_handler(view: Json) -> None:
    view["vmAgent"]["extensionHandlers"][0] |= {
        "typeHandlerVersion": "1.0.57.0",
        "status": {
            "code": "ProvisioningState/failed/76",
            "displayStatus": "Not Ready",
            "message": "Snapshot failed: no network",
        },
    }
    view["extensions"][0]["typeHandlerVersion"] = "1.0.57.0"


def _items() -> list[Json]:
    policies = {"sample-web-02": "daily-2300", "sample-db-01": "enhanced-4h", "sample-win-01": "fleet-0100"}
    items = []
    for name in BACKED_UP:
        more: dict[str, Any] = {}
        if name == "sample-legacy-01":
            more = _failed(400002, "GuestAgentSnapshotTaskStatusError")
        if name == "sample-app-01":
            more = _failed(400001, "UserErrorGuestAgentStatusUnavailable")
        items.append(protected_item(name, policy_name=policies.get(name, "daily-2200"), **more))
    return items


def _failed(code: int, title: str) -> Json:
    detail = {"code": code, "title": title, "message": "made up", "recommendations": []}
    return {
        "lastBackupStatus": "Failed",
        "protectionStatus": "Unhealthy",
        "healthStatus": "ActionRequired",
        "healthDetails": [detail],
        "kpisHealths": {
            "BackupOperationStatusKPI": {
                "resourceHealthStatus": "PersistentUnhealthy",
                "resourceHealthDetails": [detail],
            }
        },
        "lastRecoveryPoint": "2026-11-19T22:00:31.7710000Z",
    }


def _jobs() -> list[Json]:
    failed = {
        "sample-legacy-01": (400002, "GuestAgentSnapshotTaskStatusError"),
        "sample-app-01": (400001, "UserErrorGuestAgentStatusUnavailable"),
    }
    jobs = []
    for item in _items():
        name = item["properties"]["friendlyName"]
        error = failed.get(name)
        jobs.append(job(name, NUMBERS[name], "Failed" if error else "Completed", errors=(error,) if error else ()))
    return jobs


def _enhanced() -> Json:
    found = policy("enhanced-4h")
    found["properties"] |= {
        "policyType": "V2",
        "timeZone": "W. Europe Standard Time",
        "schedulePolicy": {
            "schedulePolicyType": "SimpleSchedulePolicyV2",
            "scheduleRunFrequency": "Hourly",
            "hourlySchedule": {
                "interval": 4,
                "scheduleWindowStartTime": "2026-11-01T08:00:00Z",
                "scheduleWindowDuration": 12,
            },
        },
    }
    return found


def _policies() -> list[Json]:
    crowded = policy("fleet-0100", "01:00")
    crowded["properties"]["protectedItemsCount"] = 120
    return [policy("daily-2200"), policy("daily-2300", "23:00"), _enhanced(), crowded]


def _interfaces() -> list[Json]:
    found = [
        nic(
            f"{name}-nic",
            address(name),
            subnet=SUBNETS.get(name, "apps"),
            method="Dynamic" if name in ("sample-edge-01", "sample-batch-01") else "Static",
            security_group="no-internet-nsg" if name == "sample-proxy-02" else None,
        )
        for name in NUMBERS
    ]
    (two,) = (n for n in found if n["name"] == "sample-net-02-nic")
    second = {
        "name": "ipconfig2",
        "properties": {
            "primary": False,
            "privateIPAddress": "10.20.0.119",
            "privateIPAllocationMethod": "Dynamic",
            "privateIPAddressVersion": "IPv4",
            "subnet": {"id": subnet_id("apps")},
        },
    }
    two["properties"]["ipConfigurations"].append(second)
    return found


def address(name: str) -> str:
    """The private address, in the guest and in ARM."""
    return f"10.20.{third_octet(name)}.{NUMBERS[name]}"


def third_octet(name: str) -> int:
    """Which /24 of the sample network a VM is in."""
    return ("apps", "inspected", "proxied", "sealed", "private").index(SUBNETS.get(name, "apps"))


def sample_subscription() -> Subscription:
    """Everything ARM says of the samples."""
    stopped = {"sample-gone-01": "stopped", "sample-arm-01": "deallocated"}
    proxy_only = security_group(
        "proxy-only-nsg",
        rule("AllowProxy", 100, "Allow", destination="10.20.0.250", port="3128"),
        rule("DenyInternet", 4000, "Deny", destination="Internet"),
    )
    no_internet = security_group("no-internet-nsg", rule("DenyInternet", 4000, "Deny", destination="Internet"))
    return Subscription(
        lists={
            **subscription().lists,
            "virtualMachines": [_machine(n, i) for n, i in NUMBERS.items()],
            "virtualMachineStatuses": [power_state(n, stopped.get(n, "running")) for n in NUMBERS],
            "instanceViews": [_view(n) for n in NUMBERS if n not in stopped],
            "networkInterfaces": _interfaces(),
            "networkSecurityGroups": [security_group("apps-nsg"), proxy_only, no_internet],
            "virtualNetworks": [_network()],
            "routeTables": [
                route_table("to-firewall", ("everything", "0.0.0.0/0", "VirtualAppliance")),
                route_table(
                    "dropped", ("storage", "Storage.WestEurope", "None"), ("everything", "0.0.0.0/0", "Internet")
                ),
            ],
            "backupProtectedItems": _items(),
            "backupPolicies": _policies(),
            "backupJobs": _jobs(),
            "restorePointCollections": [collection(n) for n in BACKED_UP],
            # the graph does not know the points of one collection, and many of another: both are asked themselves
            "restorePoints": [
                *(row for n in BACKED_UP[:-1] for row in restore_points(n, 18 if n == "sample-legacy-01" else 3)),
                {"id": collection("sample-legacy-01")["id"], "restorePoints": restore_points("sample-legacy-01", 18)},
                {"id": collection(BACKED_UP[-1])["id"], "restorePoints": restore_points(BACKED_UP[-1], 2)},
            ],
            "metrics": [
                metrics(vm_id(n), cpu=97.3 if n == "sample-batch-01" else 11.5) for n in BACKED_UP if n not in stopped
            ],
        },
        raw=subscription().raw,
        read_at=READ_AT,
    )
