"""Every platform control: compliant, non-compliant, unreadable, blank, and not applicable where it can be."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backup_compliance.catalogue.controls import load_catalogue
from backup_compliance.judging.findings import Finding
from backup_compliance.platform.estate.resource_types import RESOURCE_TYPES
from selftests.builders.arm import (
    SNAPSHOT,
    SUBSCRIPTION,
    Subscription,
    collection,
    instance_view,
    job,
    lock,
    machine,
    network_id,
    nic,
    policy,
    power_state,
    protected_item,
    route_table,
    rule,
    security_group,
    statuses,
    subnet,
    subnet_id,
    subscription,
    vault_id,
    virtual_network,
    vm_id,
)
from selftests.builders.backup_cases import BACKUP_CASES
from selftests.builders.extension_reports import FAILED, GOOD, UNDER_WAY, Report
from selftests.builders.judging import check_kinds, check_no_verdict, check_outcome
from selftests.builders.live_cases import LIVE_CASES
from selftests.builders.load_cases import LOAD_CASES
from selftests.builders.product import ROOT, Judged, judge_apart, record
from selftests.builders.recordings import CONF, DROPPED, ENDPOINT, Recording, ubuntu
from selftests.builders.route_cases import ROUTE_CASES

OK = subscription()
VIEW = "properties.instanceView"
AGENT = f"{VIEW}.vmAgent"
MODEL = "properties.osProfile"


def reported(substatus: dict[str, str], kind: str = SNAPSHOT) -> Subscription:
    """The sample with a substatus of an extension of this type."""
    told = OK.set("instanceViews", "sample", f"{VIEW}.extensions.0.substatuses", [substatus])
    return told.set("instanceViews", "sample", f"{VIEW}.extensions.0.type", kind)


def told_in_code(report: Report) -> Subscription:
    """The extension's report where ARM shows the names of substatuses."""
    return reported({"code": f"ComponentStatus/{report.inner_text()}/succeeded", "level": "Info", "message": ""})


def told_in_message(report: Report) -> Subscription:
    """The same in the message."""
    return reported({"code": "ComponentStatus/0/succeeded", "level": "Info", "message": report.inner_text()})


def powered(state: str | None, provisioning: str = "succeeded") -> Subscription:
    """The sample in another power state; without an instance view, which is read of running VMs only."""
    return OK.put("virtualMachineStatuses", power_state("sample", state, provisioning)).put("instanceViews")


def agent(field: str, value: object) -> Subscription:
    """The sample with another field of what its agent reports."""
    return OK.set("instanceViews", "sample", f"{AGENT}.{field}", value)


def snapshot(version: str) -> Subscription:
    """The sample with another version of the backup extension."""
    return OK.put("instanceViews", instance_view("sample", snapshot=version))


def denying(name: str, destination: str) -> Subscription:
    """The sample behind a security group that denies that destination."""
    return OK.put(
        "networkSecurityGroups", security_group("apps-nsg", rule(name, 4000, "Deny", destination=destination))
    )


def routed(*routes: tuple[str, str, str], number: int = 4, **more: Any) -> Subscription:
    """The sample behind a route table."""
    behind = subnet("apps", "10.20.0.0/24", security_group="apps-nsg", route_table="table", **more)
    found = subscription("sample", number).put("virtualNetworks", virtual_network(behind))
    return found.put("routeTables", route_table("table", *routes))


def in_subnet(**more: Any) -> Subscription:
    """The sample in a private subnet without NAT gateway."""
    behind = subnet("apps", "10.20.0.0/24", security_group="apps-nsg", **more)
    del behind["properties"]["natGateway"]
    return OK.put("virtualNetworks", virtual_network(behind))


def grouped(twins_policy: str | None) -> Subscription:
    """The sample and a twin in one availability set, under daily-2200 and the policy that is named."""
    found = OK.add("virtualMachines", machine("twin", 9)).put(
        "instanceViews", instance_view("sample"), instance_view("twin")
    )
    for name in ("sample", "twin"):
        found = found.set(
            "virtualMachines",
            name,
            "properties.availabilitySet",
            {"id": vm_id("x").replace("virtualMachines/x", "availabilitySets/set")},
        )
    found = found.put(
        "backupPolicies",
        policy("daily-2200"),
        policy("daily-2300", "23:00"),
        policy("daily-0700-seoul", "07:00", zone="Korea Standard Time"),
    )
    return (
        found.add("backupProtectedItems", protected_item("twin", policy_name=twins_policy)) if twins_policy else found
    )


def allocated(method: str) -> Subscription:
    """The sample whose address is allocated that way."""
    return OK.set("networkInterfaces", "sample-nic", f"{IPCONFIG}.privateIPAllocationMethod", method)


def add_dynamic(resource: Any) -> None:
    """A second, dynamic address on a network interface."""
    second = copy.deepcopy(resource["properties"]["ipConfigurations"][0])
    second["name"] = "ipconfig2"
    second["properties"] |= {"primary": False, "privateIPAddress": "10.20.0.99", "privateIPAllocationMethod": "Dynamic"}
    resource["properties"]["ipConfigurations"].append(second)


def failed_job(title: str) -> Subscription:
    """The sample whose last backup failed with that error, and left no recovery point."""
    failed = OK.put("backupJobs", job("sample", 4, "Failed", errors=((400001, title),)))
    return failed.set("backupProtectedItems", ITEM, "properties.lastRecoveryPoint", "2026-11-20T22:00:20Z")


def flags(provision: object, allow: object) -> Subscription:
    """The sample with other switches in its model."""
    changed = OK.set("virtualMachines", "sample", f"{MODEL}.linuxConfiguration.provisionVMAgent", provision)
    return changed.set("virtualMachines", "sample", f"{MODEL}.allowExtensionOperations", allow)


WINDOWS = OK.put("virtualMachines", machine("sample", 4, system="Windows"))
ITEM = "VM;iaasvmcontainerv2;rg-sample;sample"
EXTENSION_STATE = f"{VIEW}.extensions.0.statuses.0.code"
NEVER = protected_item(
    "sample",
    lastBackupTime="2001-01-01T00:00:00Z",
    lastBackupStatus="",
    lastRecoveryPoint=None,
    protectionState="IRPending",
)
NO_HANDLER = agent("extensionHandlers", []).set("instanceViews", "sample", f"{VIEW}.extensions", [])
PUBLIC = network_id("publicIPAddresses", "ip")
IPCONFIG = "properties.ipConfigurations.0.properties"
APPS = subnet("apps", "10.20.0.0/24", security_group="apps-nsg")
GATEWAY = subnet("GatewaySubnet", "10.20.255.0/27", ipConfigurations=[{"id": "/x"}])
EFFECTIVE = {
    "id": network_id("networkInterfaces", "SAMPLE-NIC"),
    "value": [
        {"source": "Default", "state": "Active", "addressPrefix": ["10.20.0.0/16"], "nextHopType": "VnetLocal"},
        {"source": "Default", "state": "Active", "addressPrefix": ["0.0.0.0/0"], "nextHopType": "Internet"},
    ],
}
ADMIN_DENY = {
    "id": "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/networkManagers/hub/securityAdminConfigurations/c/ruleCollections/rc/rules/AdminDeny",
    "kind": "Custom",
    "properties": {
        "access": "Deny",
        "direction": "Outbound",
        "priority": 1,
        "protocol": "Tcp",
        "sources": [{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}],
        "destinations": [{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}],
        "sourcePortRanges": ["0-65535"],
        "destinationPortRanges": ["443"],
    },
}
OPEN = OK.put("virtualNetworks", virtual_network(subnet("apps", "10.20.0.0/24")))
TWO_NICS = (
    OK.put("virtualMachines", machine("sample", 4, nics=("sample-nic", "second-nic")))
    .add("networkInterfaces", nic("second-nic", "10.20.0.8"))
    .set("networkInterfaces", "sample-nic", "properties.primary", value=False)
    .set("networkInterfaces", "second-nic", "properties.primary", value=False)
)
NOT_READY = {
    "code": "ProvisioningState/Unavailable",
    "displayStatus": "Not Ready",
    "message": "VM status blob is found but not yet populated.",
    "time": "2026-11-23T07:58:00Z",
}


def refused() -> Subscription:
    """A subscription of which ARM gave nothing at all."""
    found = OK
    for kind in RESOURCE_TYPES:
        found = found.refused(kind)
    return found


GATE = "10.20.9.250"
"""Where the proxy of the cases of AVB-115 is."""
PEERED = {"allowVirtualNetworkAccess": True, "useRemoteGateways": False, "peeringState": "Connected"}


def proxied(number: int, host: str = GATE, port: str = "3128") -> Recording:
    """A guest whose agent uses a proxy; an empty text leaves one of the two settings out."""
    lines = (f"HttpProxy.Host={host}" if host else "", f"HttpProxy.Port={port}" if port else "")
    return ubuntu("sample", number).config("/etc/waagent.conf", "\n".join((CONF, *lines)))


def by_variables(number: int, *variables: str) -> Recording:
    """A guest whose agent has these proxy variables."""
    lines = "".join(f"\nenvironment 1187 {each}" for each in variables)
    return ubuntu("sample", number).edit("processes", ("scanned 148", f"scanned 148{lines}"))


def client(
    number: int, *rules: Any, gate: tuple[Any, ...] = (), route_to: str | None = None, network: str = "sample-net"
) -> Subscription:
    """The sample beside a proxy machine: rules of its subnet, and of the proxy's interface."""
    interface = nic("gate-nic", GATE, subnet="edge", security_group="gate-nsg")
    interface["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"] = subnet_id("edge", network)
    edge = subnet("edge", "10.20.9.0/24", route_table="table" if route_to else None)
    return (
        subscription("sample", number)
        .add("virtualMachines", machine("gate", 300))
        .add("networkInterfaces", interface)
        .put("networkSecurityGroups", security_group("apps-nsg", *rules), security_group("gate-nsg", *gate))
        .put("virtualNetworks", virtual_network(APPS, edge))
        .put("routeTables", route_table("table", ("out", "0.0.0.0/0", route_to or "Internet")))
    )


def peered(number: int, **fields: Any) -> Subscription:
    """The same with the proxy in another virtual network; fields of the peering to it."""

    def to(name: str, space: str) -> dict[str, Any]:
        remote = {"remoteVirtualNetwork": {"id": network_id("virtualNetworks", name)}}
        return {"name": name, "properties": {**remote, "remoteAddressSpace": {"addressPrefixes": [space]}, **PEERED}}

    there = to("hub", "10.20.9.0/24")
    there["properties"] |= fields
    edge = subnet("edge", "10.20.9.0/24")
    edge["id"] = subnet_id("edge", "hub")
    back = (to("sample-net", "10.20.0.0/24"),)
    return (
        client(number, network="hub")
        .put(
            "virtualNetworks",
            virtual_network(APPS, space="10.20.0.0/24", peerings=(there,)),
            virtual_network(edge, name="hub", space="10.20.9.0/24", peerings=back),
        )
        .add("securityAdminRules", {"id": network_id("virtualNetworks", "hub"), "value": []})
    )


SPECIALIZED = OK.cut("virtualMachines", "sample", MODEL)

# (control, name of the case, recording, outcome, what the message has to name)
GUESTS: dict[str, Recording | bytes] = {
    "storage-answers": ubuntu("sample", 201),
    "storage-is-dropped": ubuntu("sample", 202).put(f"http storage direct {ENDPOINT}", DROPPED),
    "agrees": ubuntu("sample", 203).edit("interface", ("10.20.0.203/24", "10.20.0.4/24")),
    "disagrees": ubuntu("sample", 204),
    **{f"answers-{n}": ubuntu("sample", n) for n in range(205, 209)},
    **{f"proxied-{n}": proxied(n) for n in range(210, 230)},
    "proxy-by-name": proxied(230, "proxy.example"),
    "proxy-elsewhere": proxied(231, "10.20.77.77"),
    "proxy-without-port": proxied(232, port=""),
    "proxy-unreadable": proxied(233).state("/etc/waagent.conf", "unreadable"),
    "proxy-none": ubuntu("sample", 234),
    "proxy-by-variable": by_variables(235, f"https_proxy=http://bob:hunter2@{GATE}:3128/", "http_proxy=http://p:80"),
    "proxy-variables-differ": by_variables(236, "https_proxy=p:80", "HTTPS_PROXY=http://q:80"),
    "proxy-with-credentials": proxied(237, f"bob:hunter2@{GATE}"),
    "proxy-is-itself": proxied(238, "10.20.0.4"),
}
"""Guests of some cases, joined by their number."""
BYSTANDERS = ("twin", "gate", "daily-2300", "daily-0700-seoul")
"""Virtual machines of a case that are there for the group only."""

CASES: tuple[tuple[str, str, Subscription, str, str], ...] = (
    ("AVB-211", "ready", OK, "compliant", ""),
    ("AVB-211", "not-ready", agent("statuses.0", NOT_READY), "non_compliant", "reports Not Ready: VM status blob"),
    ("AVB-211", "old-report", agent("statuses.0.time", "2026-11-23T07:40:00Z"), "non_compliant", "20 minutes before"),
    ("AVB-211", "at-the-limit", agent("statuses.0.time", "2026-11-23T07:45:00.1234567Z"), "compliant", ""),
    ("AVB-211", "from-the-future", agent("statuses.0.time", "2026-11-23T09:00:00Z"), "undetermined", "later than"),
    ("AVB-211", "without-time", agent("statuses.0.time", None), "undetermined", "since when"),
    ("AVB-211", "unknown-status", agent("statuses.0.displayStatus", "Dreaming"), "undetermined", "Dreaming"),
    ("AVB-211", "no-status", agent("statuses", []), "undetermined", "no status"),
    ("AVB-211", "statuses-are-text", agent("statuses", "Ready"), "error", "no list of objects"),
    ("AVB-211", "no-agent-block", OK.set("instanceViews", "sample", AGENT, None), "undetermined", "no vmAgent"),
    (
        "AVB-211",
        "stale-on-stopped",
        OK.set("instanceViews", "sample", f"{VIEW}.statuses", statuses("stopped")),
        "not_applicable",
        "stale",
    ),
    ("AVB-211", "deallocated", powered("deallocated"), "not_applicable", "deallocated"),
    ("AVB-211", "no-power-state", powered(None), "undetermined", "no power state"),
    ("AVB-211", "no-instance-view", OK.put("instanceViews"), "error", "not in instanceViews.json"),
    (
        "AVB-211",
        "instance-view-refused",
        OK.put("instanceViews").refused("instanceViews", vm_id("SAMPLE")),
        "error",
        "403",
    ),
    (
        "AVB-211",
        "undated-facts",
        Subscription(OK.lists, read_at=None, raw=OK.raw),
        "error",
        "is not recorded",
    ),
    ("AVB-212", "current", OK, "compliant", ""),
    (
        "AVB-212",
        "old",
        agent("vmAgentVersion", "2.2.45"),
        "non_compliant",
        "2.2.45, the oldest supported Linux agent is 2.2.53.1",
    ),
    ("AVB-212", "very-old-name", agent("vmAgentVersion", "WALinuxAgent-2.0.16"), "non_compliant", "2.0.16"),
    ("AVB-212", "at-the-minimum", agent("vmAgentVersion", "2.2.53.1"), "compliant", ""),
    (
        "AVB-212",
        "windows-old",
        WINDOWS.put("instanceViews", instance_view("sample", version="2.7.41490.9")),
        "non_compliant",
        "2.7.41491.1010",
    ),
    (
        "AVB-212",
        "windows-current",
        WINDOWS.put("instanceViews", instance_view("sample", version="2.7.41491.1210")),
        "compliant",
        "",
    ),
    ("AVB-212", "unknown", agent("vmAgentVersion", "Unknown"), "undetermined", "Unknown"),
    (
        "AVB-212",
        "no-system",
        OK.set("virtualMachines", "sample", "properties.storageProfile", None).cut(
            "virtualMachines", "sample", f"{MODEL}.linuxConfiguration"
        ),
        "undetermined",
        "Linux or Windows",
    ),
    ("AVB-212", "deallocated", powered("deallocated"), "not_applicable", "deallocated"),
    ("AVB-212", "no-instance-views", OK.without("instanceViews"), "error", "instanceViews.json of subscription"),
    ("AVB-213", "allowed", OK, "compliant", ""),
    ("AVB-213", "no-agent", flags(False, True), "non_compliant", "provisionVMAgent is false"),
    (
        "AVB-213",
        "neither",
        flags(False, False),
        "non_compliant",
        "provisionVMAgent and allowExtensionOperations are false",
    ),
    ("AVB-213", "specialized-disk-with-agent", SPECIALIZED, "compliant", ""),
    (
        "AVB-213",
        "specialized-disk-without-report",
        SPECIALIZED.put("instanceViews"),
        "undetermined",
        "no agent or extension reports itself",
    ),
    (
        "AVB-213",
        "specialized-disk-without-extension",
        SPECIALIZED.set("instanceViews", "sample", f"{VIEW}.extensions", []),
        "undetermined",
        "no allowExtensionOperations",
    ),
    ("AVB-213", "switch-is-text", flags("false", True), "error", "neither true nor false"),
    ("AVB-213", "no-properties", OK.cut("virtualMachines", "sample", "properties"), "error", "has no properties"),
    ("AVB-411", "running", OK, "compliant", ""),
    ("AVB-411", "deallocated", powered("deallocated"), "compliant", ""),
    ("AVB-411", "stopped-inside", powered("stopped"), "non_compliant", "shut down from inside"),
    ("AVB-411", "starting", powered("starting"), "non_compliant", "power state is starting"),
    ("AVB-411", "updating", powered("running", "updating"), "non_compliant", "provisioning state is updating"),
    (
        "AVB-411",
        "failed",
        powered("running", "failed/VMExtensionProvisioningError"),
        "non_compliant",
        "VMExtensionProvisioningError",
    ),
    ("AVB-411", "unknown-state", powered("dreaming"), "undetermined", "dreaming"),
    ("AVB-411", "no-state", powered(None), "undetermined", "power state none"),
    (
        "AVB-411",
        "no-provisioning-state",
        OK.set("instanceViews", "sample", f"{VIEW}.statuses", [{"code": "PowerState/running"}]),
        "undetermined",
        "provisioning state is missing",
    ),
    ("AVB-411", "not-listed", OK.put("instanceViews").put("virtualMachineStatuses"), "error", "virtualMachineStatuses"),
    (
        "AVB-411",
        "nothing-read",
        OK.without("instanceViews", "virtualMachineStatuses"),
        "error",
        "virtualMachineStatuses.json",
    ),
    ("AVB-311", "new", OK, "compliant", ""),
    ("AVB-311", "at-the-minimum", snapshot("1.0.91.0"), "compliant", ""),
    ("AVB-311", "old", snapshot("1.0.57.0"), "non_compliant", "1.0.57.0, the minimum is 1.0.91.0"),
    ("AVB-311", "no-version", snapshot("newest"), "undetermined", "no version number"),
    ("AVB-311", "gone-after-a-backup", NO_HANDLER, "non_compliant", "is not reported by the agent"),
    (
        "AVB-311",
        "crash-consistent-policy",
        NO_HANDLER.set("backupPolicies", "daily-2200", "properties.snapshotConsistencyType", "OnlyCrashConsistent"),
        "not_applicable",
        "crash-consistent",
    ),
    ("AVB-311", "never-backed-up", NO_HANDLER.put("backupProtectedItems", NEVER), "not_applicable", "first backup"),
    ("AVB-311", "not-protected", NO_HANDLER.put("backupProtectedItems"), "not_applicable", "no vault"),
    ("AVB-311", "items-unread", NO_HANDLER.without("backupProtectedItems"), "error", "backupProtectedItems"),
    ("AVB-311", "windows", WINDOWS, "not_applicable", "Windows"),
    ("AVB-311", "deallocated", powered("deallocated"), "not_applicable", "deallocated"),
    ("AVB-311", "no-instance-view", OK.put("instanceViews"), "error", "instanceViews.json"),
    ("AVB-312", "ready", OK, "compliant", ""),
    ("AVB-312", "run-good", told_in_code(GOOD), "compliant", ""),
    ("AVB-312", "run-failed", told_in_code(FAILED), "non_compliant", "extension VMSnapshotLinux: the last run"),
    ("AVB-312", "run-failed-in-message", told_in_message(FAILED), "non_compliant", "code 76: no network"),
    ("AVB-312", "run-good-in-message", told_in_message(GOOD), "compliant", ""),
    ("AVB-312", "run-never-finished", told_in_code(UNDER_WAY), "non_compliant", "never finished"),
    (
        "AVB-312",
        "run-under-way",
        told_in_code(replace(UNDER_WAY, started=datetime(2026, 11, 23, 7, tzinfo=UTC))),
        "undetermined",
        "under way since 2026-11-23 07:00 UTC",
    ),
    (
        "AVB-312",
        "run-cut",
        reported({"code": 'ComponentStatus/[{"version": "1.0", /succeeded'}),
        "undetermined",
        "JSON",
    ),
    (
        "AVB-312",
        "run-not-told",
        reported({"code": "ComponentStatus/succeeded", "message": "[{"}, kind="Monitor"),
        "compliant",
        "",
    ),
    (
        "AVB-312",
        "run-failed-and-the-agent-silent",
        told_in_code(FAILED).set("instanceViews", "sample", f"{AGENT}.statuses", []),
        "non_compliant",
        "code 76",
    ),
    (
        "AVB-312",
        "handler-not-ready",
        agent("extensionHandlers.0.status.code", "ProvisioningState/failed/76"),
        "non_compliant",
        "ProvisioningState/failed/76",
    ),
    (
        "AVB-312",
        "extension-failed",
        OK.set("instanceViews", "sample", EXTENSION_STATE, "ProvisioningState/failed/1"),
        "non_compliant",
        "VMSnapshotLinux is failed",
    ),
    (
        "AVB-312",
        "extension-deleting",
        OK.set("instanceViews", "sample", EXTENSION_STATE, "ProvisioningState/deleting"),
        "non_compliant",
        "deleting",
    ),
    (
        "AVB-312",
        "unknown-state",
        OK.set("instanceViews", "sample", EXTENSION_STATE, "ProvisioningState/dreaming"),
        "undetermined",
        "dreaming",
    ),
    (
        "AVB-312",
        "named-and-silent",
        OK.set("virtualMachines", "sample", "resources", [{"id": f"{vm_id('sample')}/extensions/Other"}]),
        "undetermined",
        "Other",
    ),
    (
        "AVB-312",
        "none",
        NO_HANDLER.set("virtualMachines", "sample", "resources", []).put("backupProtectedItems", NEVER),
        "not_applicable",
        "no extensions",
    ),
    (
        "AVB-312",
        "extensions-are-a-number",
        OK.set("instanceViews", "sample", f"{VIEW}.extensions", 7),
        "error",
        "no list of objects",
    ),
    ("AVB-415", "completed", OK, "compliant", ""),
    (
        "AVB-415",
        "agent-failed",
        failed_job("GuestAgentSnapshotTaskStatusError"),
        "non_compliant",
        "GuestAgentSnapshotTaskStatusError (code 400001)",
    ),
    (
        "AVB-415",
        "succeeded-since",
        failed_job("ExtensionSnapshotFailedNoNetwork").set(
            "backupProtectedItems", ITEM, "properties.lastRecoveryPoint", "2026-11-23T06:00:00Z"
        ),
        "non_compliant",
        "succeeded since",
    ),
    (
        "AVB-415",
        "failed-before-the-last",
        failed_job("GuestAgentSnapshotTaskStatusError").add(
            "backupJobs", job("sample", 9, start="2026-11-23T01:00:00Z")
        ),
        "compliant",
        "",
    ),
    (
        "AVB-415",
        "running-job-is-passed-over",
        failed_job("GuestAgentSnapshotTaskStatusError").add(
            "backupJobs", job("sample", 9, "InProgress", start="2026-11-23T01:00:00Z")
        ),
        "non_compliant",
        "ended Failed",
    ),
    ("AVB-415", "unknown-error", failed_job("SomethingNew"), "undetermined", "SomethingNew"),
    (
        "AVB-415",
        "item-says-so",
        OK.set(
            "backupProtectedItems",
            ITEM,
            "properties.healthDetails.0",
            {"code": 400001, "title": "UserErrorGuestAgentStatusUnavailable"},
        ),
        "non_compliant",
        "AVB-201",
    ),
    (
        "AVB-415",
        "never-ran",
        OK.put("backupProtectedItems", NEVER).put("backupJobs"),
        "not_applicable",
        "no backup of this VM has run",
    ),
    ("AVB-415", "not-protected", OK.put("backupProtectedItems"), "not_applicable", "no vault"),
    ("AVB-415", "jobs-unread", OK.without("backupJobs"), "error", "backupJobs/read"),
    ("AVB-415", "jobs-of-the-vault-refused", OK.refused("backupJobs", vault_id()), "error", "403"),
    ("AVB-501", "protected", OK, "compliant", ""),
    (
        "AVB-501",
        "by-id-in-other-case",
        OK.set("backupProtectedItems", ITEM, "properties.sourceResourceId", vm_id("SAMPLE").upper()),
        "compliant",
        "",
    ),
    (
        "AVB-501",
        "same-name-elsewhere",
        OK.set(
            "backupProtectedItems", ITEM, "properties.sourceResourceId", vm_id("sample").replace("rg-sample", "other")
        ).set("backupProtectedItems", ITEM, "properties.virtualMachineId", None),
        "advisory",
        "no Recovery Services vault",
    ),
    (
        "AVB-501",
        "stopped",
        OK.set("backupProtectedItems", ITEM, "properties.protectionState", "ProtectionStopped"),
        "advisory",
        "is stopped",
    ),
    (
        "AVB-501",
        "unknown-state",
        OK.set("backupProtectedItems", ITEM, "properties.protectionState", "Dreaming"),
        "undetermined",
        "Dreaming",
    ),
    ("AVB-501", "items-unread", OK.without("backupProtectedItems"), "error", "backupProtectedItems/read"),
    (
        "AVB-501",
        "no-item-and-vaults-unread",
        OK.put("backupProtectedItems").without("vaults"),
        "error",
        "Microsoft.RecoveryServices/vaults/read",
    ),
    ("AVB-501", "another-vault-refused", OK.refused("backupProtectedItems", vault_id("other")), "compliant", ""),
    (
        "AVB-501",
        "the-only-vault-refused",
        OK.put("backupProtectedItems").refused("backupProtectedItems", vault_id()),
        "error",
        "403",
    ),
    ("AVB-502", "few-and-free", OK, "compliant", ""),
    ("AVB-502", "seventeen", OK.put("restorePointCollections", collection("sample", 17)), "compliant", ""),
    (
        "AVB-502",
        "eighteen",
        OK.put("restorePointCollections", collection("sample", 18)),
        "advisory",
        "holds 18 restore points",
    ),
    (
        "AVB-502",
        "group-locked",
        OK.put("locks", lock(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/AZUREBACKUPRG_WESTEUROPE_1")),
        "advisory",
        "lock keep (CanNotDelete) lies on",
    ),
    (
        "AVB-502",
        "subscription-locked",
        OK.put("locks", lock(f"/subscriptions/{SUBSCRIPTION}", "ReadOnly")),
        "advisory",
        "ReadOnly",
    ),
    (
        "AVB-502",
        "another-group-locked",
        OK.put("locks", lock(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/AzureBackupRG_westeurope_10")),
        "compliant",
        "",
    ),
    (
        "AVB-502",
        "unknown-level",
        OK.put("locks", lock(f"/subscriptions/{SUBSCRIPTION}", "Dreaming")),
        "undetermined",
        "Dreaming",
    ),
    (
        "AVB-502",
        "points-not-listed",
        OK.without("restorePoints"),
        "undetermined",
        "$expand=restorePoints",
    ),
    (
        "AVB-502",
        "without-source",
        OK.set("restorePointCollections", "AzureBackup_sample_175923157230385", "properties.source", None),
        "error",
        "of which virtual machine",
    ),
    ("AVB-502", "none", OK.put("restorePointCollections"), "not_applicable", "no restore points"),
    (
        "AVB-502",
        "of-another-product",
        OK.put(
            "restorePointCollections",
            {**collection("sample"), "id": collection("sample")["id"].replace("AzureBackup_", "mine_")},
        ),
        "not_applicable",
        "no restore points",
    ),
    ("AVB-502", "locks-unread", OK.without("locks"), "error", "Microsoft.Authorization/locks/read"),
    ("AVB-502", "collections-refused", OK.refused("restorePointCollections"), "error", "403"),
    ("AVB-503", "few", OK, "compliant", ""),
    (
        "AVB-503",
        "declared-too-many",
        OK.set("backupPolicies", "daily-2200", "properties.protectedItemsCount", 101),
        "advisory",
        "101 VMs are under policy daily-2200",
    ),
    (
        "AVB-503",
        "counted-too-many",
        OK.put("backupProtectedItems", *(protected_item(f"vm{i}") for i in range(101))),
        "advisory",
        "101 VMs",
    ),
    (
        "AVB-503",
        "exactly-the-limit",
        OK.set("backupPolicies", "daily-2200", "properties.protectedItemsCount", 100),
        "compliant",
        "",
    ),
    (
        "AVB-503",
        "no-workload",
        OK.cut("backupPolicies", "daily-2200", "properties.backupManagementType"),
        "undetermined",
        "for which workload",
    ),
    (
        "AVB-503",
        "nothing-to-count",
        OK.without("backupProtectedItems").set("backupPolicies", "daily-2200", "properties.protectedItemsCount", None),
        "error",
        "not read",
    ),
    ("AVB-503", "policies-refused", OK.refused("backupPolicies"), "error", "backupPolicies/read"),
    ("AVB-111", "allowed", OK, "compliant", ""),
    ("AVB-111", "no-group-anywhere", OPEN, "compliant", ""),
    (
        "AVB-111",
        "subnet-denies-internet",
        denying("DenyInternet", "Internet"),
        "non_compliant",
        "rule DenyInternet (priority 4000, Deny) of network security group apps-nsg (subnet)",
    ),
    (
        "AVB-111",
        "interface-denies",
        OPEN.set(
            "networkInterfaces",
            "sample-nic",
            "properties.networkSecurityGroup",
            {"id": network_id("networkSecurityGroups", "apps-nsg")},
        ).put("networkSecurityGroups", security_group("apps-nsg", rule("No", 100, "Deny", port="443"))),
        "non_compliant",
        "rule No (priority 100, Deny) of network security group apps-nsg (network interface)",
    ),
    (
        "AVB-111",
        "a-part-is-denied",
        denying("DenySome", "20.60.88.0/22"),
        "non_compliant",
        "1 of 3 prefixes denied: rule DenySome",
    ),
    (
        "AVB-111",
        "allowed-before-denied",
        OK.put(
            "networkSecurityGroups",
            security_group(
                "apps-nsg",
                rule("Allow", 100, "Allow", destination="Storage.WestEurope", port="443"),
                rule("Deny", 4000, "Deny", destination="Internet"),
            ),
        ),
        "compliant",
        "",
    ),
    (
        "AVB-111",
        "admin-rule-denies",
        OK.put("securityAdminRules", {"id": network_id("virtualNetworks", "sample-net"), "value": [ADMIN_DENY]}),
        "non_compliant",
        "AdminDeny",
    ),
    (
        "AVB-111",
        "admin-rules-unread",
        OK.without("securityAdminRules"),
        "error",
        "listNetworkManagerEffectiveSecurityAdminRules/action",
    ),
    (
        "AVB-111",
        "denied-and-admin-rules-unread",
        denying("DenyInternet", "Internet").without("securityAdminRules"),
        "non_compliant",
        "DenyInternet",
    ),
    ("AVB-111", "unknown-tag-in-a-rule", denying("DenyNew", "Storage.Atlantis"), "undetermined", "Storage.Atlantis"),
    (
        "AVB-111",
        "unknown-access",
        OK.put("networkSecurityGroups", security_group("apps-nsg", rule("Odd", 100, "Perhaps"))),
        "undetermined",
        "Odd",
    ),
    (
        "AVB-111",
        "region-without-tag",
        OK.set("virtualMachines", "sample", "location", "atlantis"),
        "undetermined",
        "Storage.atlantis",
    ),
    ("AVB-111", "no-location", OK.cut("virtualMachines", "sample", "location"), "error", "no location"),
    ("AVB-111", "group-dangles", OK.put("networkSecurityGroups"), "error", "networkSecurityGroups/apps-nsg"),
    (
        "AVB-111",
        "subnet-deleted",
        OK.put("virtualNetworks", virtual_network(subnet("other", "10.20.9.0/24"))),
        "error",
        "apps",
    ),
    (
        "AVB-111",
        "no-interface",
        OK.set("virtualMachines", "sample", "properties.networkProfile.networkInterfaces", []),
        "undetermined",
        "no network interface",
    ),
    ("AVB-111", "two-interfaces-none-primary", TWO_NICS, "undetermined", "2 network interfaces"),
    (
        "AVB-111",
        "two-interfaces-one-primary",
        TWO_NICS.set("networkInterfaces", "sample-nic", "properties.primary", value=True),
        "compliant",
        "",
    ),
    ("AVB-111", "interface-dangles", OK.put("networkInterfaces"), "error", "networkInterfaces/sample-nic"),
    ("AVB-111", "service-tags-unread", OK.without("serviceTags"), "error", "serviceTags/read"),
    ("AVB-112", "allowed", OK, "compliant", ""),
    (
        "AVB-112",
        "denied",
        denying("DenyBackup", "AzureBackup"),
        "undetermined",
        "AzureBackup is not in the service tags",
    ),
    (
        "AVB-112",
        "part-of-entra-denied",
        denying("DenyEntra", "20.190.128.0/18"),
        "non_compliant",
        "AzureActiveDirectory - 1 of 2 prefixes denied: rule DenyEntra",
    ),
    (
        "AVB-112",
        "region-without-tag",
        OK.set("virtualMachines", "sample", "location", "atlantis"),
        "undetermined",
        "AzureBackup.atlantis",
    ),
    ("AVB-112", "service-tags-unread", OK.without("serviceTags"), "error", "serviceTags"),
    ("AVB-113", "internet", OK, "compliant", ""),
    (
        "AVB-113",
        "dropped",
        routed(("drop", "0.0.0.0/0", "None")),
        "non_compliant",
        "user-defined route drop to next hop None",
    ),
    (
        "AVB-113",
        "a-part-is-dropped",
        routed(("drop", "20.60.88.0/24", "None")),
        "non_compliant",
        "1 of 3 prefixes denied",
    ),
    (
        "AVB-113",
        "appliance",
        routed(("fw", "0.0.0.0/0", "VirtualAppliance")),
        "undetermined",
        "was not asked in the guest",
    ),
    (
        "AVB-113",
        "appliance-and-storage-answers",
        routed(("fw", "0.0.0.0/0", "VirtualAppliance"), number=201),
        "compliant",
        "",
    ),
    (
        "AVB-113",
        "appliance-and-storage-does-not",
        routed(("fw", "0.0.0.0/0", "VirtualAppliance"), number=202),
        "undetermined",
        "does not answer in the guest",
    ),
    (
        "AVB-113",
        "service-endpoint-goes-first",
        routed(
            ("fw", "0.0.0.0/0", "None"),
            serviceEndpoints=[
                {"service": "Microsoft.Storage", "locations": ["westeurope"], "provisioningState": "Succeeded"}
            ],
        ),
        "compliant",
        "",
    ),
    (
        "AVB-113",
        "gateway-may-add-routes",
        OK.put("virtualNetworks", virtual_network(APPS, GATEWAY)),
        "undetermined",
        "gateway",
    ),
    (
        "AVB-113",
        "effective-routes-decide",
        OK.put("virtualNetworks", virtual_network(APPS, GATEWAY)).put("effectiveRoutes", EFFECTIVE),
        "compliant",
        "",
    ),
    ("AVB-113", "unknown-next-hop", routed(("odd", "0.0.0.0/0", "Wormhole")), "undetermined", "Wormhole"),
    ("AVB-113", "table-dangles", routed(("fw", "0.0.0.0/0", "None")).put("routeTables"), "error", "routeTables/table"),
    ("AVB-113", "tables-refused", routed(("fw", "0.0.0.0/0", "None")).refused("routeTables"), "error", "403"),
    ("AVB-114", "nat-gateway", OK, "compliant", ""),
    (
        "AVB-114",
        "address-of-the-nat-gateway-dangles",
        OK.put("publicIPAddresses"),
        "error",
        "publicIPAddresses/sample-nat-ip",
    ),
    ("AVB-114", "default-access", in_subnet(defaultOutboundAccess=None), "error", "defaultOutboundAccess"),
    ("AVB-114", "default-access-in-force", in_subnet(defaultOutboundAccess=True), "compliant", ""),
    ("AVB-114", "nothing", in_subnet(), "non_compliant", "gives no way out"),
    (
        "AVB-114",
        "service-endpoint",
        in_subnet(
            serviceEndpoints=[
                {"service": "Microsoft.Storage", "locations": ["westeurope"], "provisioningState": "Succeeded"}
            ]
        ),
        "compliant",
        "",
    ),
    (
        "AVB-114",
        "public-address",
        in_subnet()
        .set("networkInterfaces", "sample-nic", f"{IPCONFIG}.publicIPAddress", {"id": PUBLIC})
        .put("publicIPAddresses", {"id": PUBLIC, "properties": {}}),
        "compliant",
        "",
    ),
    (
        "AVB-114",
        "public-address-dangles",
        in_subnet().set("networkInterfaces", "sample-nic", f"{IPCONFIG}.publicIPAddress", {"id": PUBLIC}),
        "error",
        "publicIPAddresses/ip",
    ),
    ("AVB-114", "nat-gateways-refused", OK.refused("natGateways"), "error", "403"),
    ("AVB-114", "private-endpoints-unread", in_subnet().without("privateEndpoints"), "error", "privateEndpoints/read"),
    ("AVB-115", "reached-and-let-out", client(210), "compliant", ""),
    ("AVB-115", "by-variable", client(235), "compliant", ""),
    ("AVB-115", "peered", peered(211), "compliant", ""),
    ("AVB-115", "is-its-own-proxy", client(238, rule("No", 100, "Deny", port="3128")), "compliant", ""),
    (
        "AVB-115",
        "client-denied",
        client(212, rule("NoProxy", 100, "Deny", port="3128")),
        "non_compliant",
        "sample to its proxy gate: TCP 3128 from 10.20.0.4 to 10.20.9.250 - 1 of 1 prefixes denied: rule NoProxy",
    ),
    (
        "AVB-115",
        "proxy-lets-nobody-in",
        client(213, gate=(rule("NobodyIn", 100, "Deny", direction="Inbound"),)),
        "non_compliant",
        "proxy gate from sample: TCP 3128 from 10.20.0.4 to 10.20.9.250 - 1 of 1 prefixes denied: rule NobodyIn",
    ),
    (
        "AVB-115",
        "proxy-lets-others-in",
        client(
            214,
            gate=(
                rule("Some", 100, "Allow", direction="Inbound", source="10.20.0.128/25", port="3128"),
                rule("NobodyElse", 200, "Deny", direction="Inbound"),
            ),
        ),
        "non_compliant",
        "rule NobodyElse (priority 200, Deny) of network security group gate-nsg (network interface)",
    ),
    (
        "AVB-115",
        "proxy-may-not-go-out",
        client(215, gate=(rule("NoInternet", 100, "Deny", destination="Internet"),)),
        "non_compliant",
        "proxy gate to the internet on 80: TCP 80 from 10.20.9.250 to Internet",
    ),
    (
        "AVB-115",
        "proxy-goes-out-by-one-port",
        client(216, gate=(rule("No443", 100, "Deny", destination="Internet", port="443"),)),
        "non_compliant",
        "proxy gate to the internet on 443",
    ),
    (
        "AVB-115",
        "a-part-of-the-internet-denied",
        client(217, gate=(rule("NoTwenty", 100, "Deny", destination="20.0.0.0/8"),)),
        "non_compliant",
        "rule NoTwenty",
    ),
    (
        "AVB-115",
        "denied-and-proxy-unread",
        client(218, rule("NoProxy", 100, "Deny", port="3128")).put(
            "networkSecurityGroups", security_group("apps-nsg", rule("NoProxy", 100, "Deny", port="3128"))
        ),
        "non_compliant",
        "NoProxy",
    ),
    ("AVB-115", "guest-not-read", client(299), "undetermined", "the severity changes if proxy is set"),
    ("AVB-115", "by-name", client(230), "undetermined", "proxy.example:3128 is named by a host name"),
    ("AVB-115", "elsewhere", client(231), "undetermined", "10.20.77.77 is the address of no virtual machine"),
    ("AVB-115", "half-set", client(232), "undetermined", "AVB-102"),
    ("AVB-115", "variables-differ", client(236), "undetermined", "2 proxies: p:80, q:80"),
    ("AVB-115", "credentials", client(237), "undetermined", "AVB-102"),
    (
        "AVB-115",
        "two-machines",
        client(219).add("virtualMachines", machine("twin", 9)).add("networkInterfaces", nic("twin-nic", GATE)),
        "undetermined",
        "2 virtual machines have the address 10.20.9.250: gate, twin",
    ),
    ("AVB-115", "peering-broken", peered(220, peeringState="Disconnected"), "undetermined", "have it in networks"),
    ("AVB-115", "internet-by-appliance", client(221, route_to="VirtualAppliance"), "undetermined", "not documented"),
    (
        "AVB-115",
        "unknown-tag-in-a-rule",
        client(222, gate=(rule("Odd", 100, "Deny", source="Storage.Atlantis", direction="Inbound"),)),
        "undetermined",
        "Storage.Atlantis",
    ),
    ("AVB-115", "setting-unreadable", client(233), "error", "waagent.conf is unreadable"),
    (
        "AVB-115",
        "group-of-the-proxy-dangles",
        client(223).put("networkSecurityGroups", security_group("apps-nsg")),
        "error",
        "networkSecurityGroups/gate-nsg",
    ),
    (
        "AVB-115",
        "interface-of-the-proxy-dangles",
        client(224).put("networkInterfaces", nic("sample-nic", "10.20.0.4")),
        "error",
        "networkInterfaces/gate-nic",
    ),
    ("AVB-115", "peering-unreadable", peered(225, peeringState="Odd"), "error", "peering hub"),
    ("AVB-115", "service-tags-unread", client(226).without("serviceTags"), "error", "serviceTags/read"),
    ("AVB-115", "no-proxy", client(234), "not_applicable", "no proxy is set"),
    ("AVB-412", "alone", OK, "not_applicable", "no availability set"),
    ("AVB-412", "apart", grouped("daily-2300"), "compliant", ""),
    ("AVB-412", "together", grouped("daily-2200"), "non_compliant", "starts daily 22:00 (UTC) together with twin"),
    ("AVB-412", "proposes", grouped("daily-2200"), "non_compliant", "twin 22:30"),
    (
        "AVB-412",
        "certain-across-zones",
        grouped("daily-2200").set("backupPolicies", "daily-2200", "properties.timeZone", "Korea Standard Time"),
        "non_compliant",
        "Korea Standard Time",
    ),
    ("AVB-412", "contested-across-zones", grouped("daily-0700-seoul"), "undetermined", "contested"),
    ("AVB-412", "twin-not-protected", grouped(None), "not_applicable", "only protected one"),
    ("AVB-412", "twin-of-unknown-schedule", grouped("gone"), "undetermined", "backupPolicies/gone"),
    (
        "AVB-412",
        "own-policy-dangles",
        grouped("daily-2200").put("backupPolicies", policy("daily-2300", "23:00")),
        "error",
        "backupPolicies/daily-2200",
    ),
    (
        "AVB-412",
        "policy-of-unknown-kind",
        grouped("daily-2300").set(
            "backupPolicies", "daily-2200", "properties.schedulePolicy.schedulePolicyType", "LunarSchedulePolicy"
        ),
        "undetermined",
        "LunarSchedulePolicy",
    ),
    (
        "AVB-412",
        "not-protected",
        grouped("daily-2200").put("backupProtectedItems", protected_item("twin")),
        "not_applicable",
        "AVB-501",
    ),
    ("AVB-414", "static", OK, "compliant", ""),
    ("AVB-414", "single-dynamic", allocated("Dynamic"), "not_applicable", "single dynamic address"),
    (
        "AVB-414",
        "second-is-dynamic",
        OK.edit("networkInterfaces", "sample-nic", add_dynamic),
        "non_compliant",
        "ipconfig2 (10.20.0.99)",
    ),
    ("AVB-414", "unknown-method", allocated("Magic"), "undetermined", "Magic"),
    ("AVB-414", "guest-agrees", subscription("sample", 203), "compliant", ""),
    (
        "AVB-414",
        "guest-disagrees",
        subscription("sample", 204, address="10.20.0.5"),
        "non_compliant",
        "the guest holds 10.20.0.204",
    ),
    ("AVB-414", "interface-unread", OK.without("networkInterfaces"), "error", "networkInterfaces/read"),
)
CASES += LOAD_CASES + LIVE_CASES + ROUTE_CASES + BACKUP_CASES
RECORDINGS = {f"{control}-{name}": recording for control, name, recording, _, _ in CASES}
CONTROLS = sorted({case[0] for case in CASES})
BLANKS = {
    "blank": Subscription(
        {"virtualMachines": [{"id": vm_id("sample")}], "backupPolicies": [{"id": f"{vault_id()}/backupPolicies/p"}]}
    ),
    "null": Subscription(
        {k: [{"id": r.get("id"), "properties": None} for r in v] for k, v in OK.lists.items()},
        raw={"serviceTags": b"null"},
    ),
    "refused": refused(),
    "garbage": Subscription({}, raw=dict.fromkeys(RESOURCE_TYPES, b"\xff<html>")),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run of the product over all cases, each of them a subscription of its own."""
    base = tmp_path_factory.mktemp("platform")
    subscriptions = [recording.renamed(name) for name, recording in {**RECORDINGS, **BLANKS}.items()]
    record(base / "facts", GUESTS, *subscriptions)
    return judge_apart(base / "reports", f"--facts={base / 'facts'}")


def found(judged: Judged, control: str, subscription: str) -> Finding:
    """The one finding of a control in one subscription."""
    of_case = f"/subscriptions/{subscription.lower()}"
    (finding,) = (
        f
        for f in judged.document.findings
        if f.control == control
        and (f.resource.lower() == of_case or f.resource.lower().startswith(f"{of_case}/"))
        and f.resource.rsplit("/", 1)[-1] not in BYSTANDERS
    )
    return finding


@pytest.mark.parametrize(
    ("control", "name", "outcome", "named"), [(c, n, o, m) for c, n, _, o, m in CASES], ids=list(RECORDINGS)
)
def test_control_comes_to_the_right_outcome(judged: Judged, control: str, name: str, outcome: str, named: str) -> None:
    """Each recording ends as it must, and the message names the evidence."""
    check_outcome(found(judged, control, f"{control}-{name}"), outcome, named)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("blank", BLANKS)
def test_blank_facts_are_never_a_verdict(judged: Judged, control: str, blank: str) -> None:
    """From nothing follows nothing: no pass, no failure and no exemption from applying."""
    check_no_verdict(found(judged, control, blank))


def test_every_control_of_the_platform_has_all_kinds_of_cases() -> None:
    """A control without a failing or an unreadable recording would not be known to be able to fail."""
    assert [c.id for c in load_catalogue(ROOT).values() if c.side == "platform"] == CONTROLS
    for control in CONTROLS:
        check_kinds(o for c, _, _, o, _ in CASES if c == control)


@pytest.mark.parametrize("case", ["by-variable", "credentials"])
def test_credentials_of_a_proxy_are_not_told(judged: Judged, case: str) -> None:
    """Neither message nor evidence of the platform's control repeats what a proxy setting gives away."""
    finding = found(judged, "AVB-115", f"AVB-115-{case}")
    assert "hunter2" not in f"{finding.message} {finding.evidence.get('proxy_path')}"


def test_way_through_a_proxy_is_told_flow_by_flow(judged: Judged) -> None:
    """Evidence shows each flow; the severity rests on the guest's word that there is a proxy."""
    finding = found(judged, "AVB-115", "AVB-115-reached-and-let-out")
    assert list(finding.evidence["proxy_path"]) == [
        "sample to its proxy gate",
        "proxy gate from sample",
        "proxy gate to the internet on 80",
        "proxy gate to the internet on 443",
    ]
    assert {each["access"] for each in finding.evidence["proxy_path"].values()} == {"allow"}
    severities = {n: found(judged, "AVB-115", f"AVB-115-{n}").severity for n in ("by-name", "guest-not-read")}
    assert severities == {"by-name": "high", "guest-not-read": "low"}


def test_failures_carry_evidence_and_remediation(judged: Judged) -> None:
    """A finding that fails says what was read, what to do and where that is documented."""
    failed = [f for f in judged.document.findings if f.outcome in ("non_compliant", "advisory")]
    assert failed
    assert all(f.evidence and f.remediation and f.source for f in failed if f.side == "platform")
