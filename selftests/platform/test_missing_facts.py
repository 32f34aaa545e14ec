"""Missing, unknown and contradictory facts on the platform side: never green, and never a reason not to apply."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from backup_compliance.judging.findings import VmVerdict
from selftests.builders.arm import (
    Json,
    Subscription,
    job,
    machine,
    network_id,
    policy,
    power_state,
    protected_item,
    route_table,
    rule,
    security_group,
    subnet,
    subscription,
    virtual_network,
    vm_id,
)
from selftests.builders.product import judge, record
from selftests.builders.recordings import ubuntu

OK = subscription()
ITEM = "VM;iaasvmcontainerv2;rg-sample;sample"
CONFIGURATION = "properties.ipConfigurations.0.properties"
GROUP = {"id": network_id("applicationSecurityGroups", "asg")}
SET = {"id": vm_id("x").replace("virtualMachines/x", "availabilitySets/set")}


def denied_by_application_group() -> Subscription:
    """A rule denies the VM's own application security group, and ARM gives no address for the VM."""
    deny = rule("DenyGroup", 100, "Deny")
    del deny["properties"]["sourceAddressPrefix"]
    deny["properties"]["sourceApplicationSecurityGroups"] = [GROUP]
    found = OK.put("networkSecurityGroups", security_group("apps-nsg", deny))
    found = found.set("networkInterfaces", "sample-nic", f"{CONFIGURATION}.applicationSecurityGroups", [GROUP])
    return found.cut("networkInterfaces", "sample-nic", f"{CONFIGURATION}.privateIPAddress")


def failed(**changed: Any) -> Json:
    """A job that failed with the article's own symptom after the last completed one."""
    errors = ((400001, "GuestAgentSnapshotTaskStatusError"),)
    found = job("sample", 4, "Failed", start="2026-11-23T02:00:12Z", errors=errors)
    found["properties"] |= changed
    return found


def item(**changed: Any) -> Subscription:
    """The sample with another protected item and no jobs."""
    return OK.put("backupJobs").put("backupProtectedItems", protected_item("sample", **changed))


def pair(one: Any, other: Any, *zones: str | None) -> Subscription:
    """Two protected VMs that start at one digit each, and what their models say of an availability set."""
    found = OK.add("virtualMachines", machine("twin", 9)).put("backupPolicies")
    for name, at, zone in zip(
        ("daily-2200", "other"), ("22:00", "22:00" if not zones else "07:00"), zones or ("UTC", "UTC"), strict=True
    ):
        made = copy.deepcopy(policy(name, at, zone=zone or ""))
        if zone is None:
            del made["properties"]["timeZone"]
        found = found.add("backupPolicies", made)
    found = found.add("backupProtectedItems", protected_item("twin", policy_name="other"))
    for name, value in (("sample", one), ("twin", other)):
        found = found.set("virtualMachines", name, "properties.availabilitySet", value)
    return found


def private(*routes: tuple[str, str, str]) -> Subscription:
    """A private subnet without NAT gateway, behind a route table."""
    behind = subnet("apps", "10.20.0.0/24", security_group="apps-nsg", route_table="table")
    del behind["properties"]["natGateway"]
    return OK.put("virtualNetworks", virtual_network(behind)).put("routeTables", route_table("table", *routes))


def in_france() -> Subscription:
    """The tag of Azure's own cloud in France Central is AzureCloud.centralfrance (and so in eight more regions)."""
    found = private(("all", "AzureCloud.centralfrance", "VirtualAppliance"))
    lists = json.loads(json.dumps(found.lists).replace("westeurope", "francecentral"))
    tags = json.loads(found.raw["serviceTags"].decode().replace("WestEurope", "FranceCentral"))
    prefixes = ["20.0.0.0/8", "57.150.0.0/18"]
    tags["values"].append({"name": "AzureCloud.centralfrance", "properties": {"addressPrefixes": prefixes}})
    return replace(found, lists=lists, raw={"serviceTags": json.dumps(tags).encode()})


def balanced(protocol: str) -> Subscription:
    """A private subnet behind a load balancer whose only outbound rule is for that protocol."""
    base = network_id("loadBalancers", "lb")
    frontend, pool = {"id": f"{base}/frontendIPConfigurations/f"}, {"id": f"{base}/backendAddressPools/p"}
    public = {"publicIPAddress": {"id": network_id("publicIPAddresses", "ip")}}
    outbound = {"protocol": protocol, "frontendIPConfigurations": [frontend], "backendAddressPool": pool}
    properties = {
        "frontendIPConfigurations": [{**frontend, "name": "f", "properties": public}],
        "backendAddressPools": [pool],
        "outboundRules": [{"name": "out", "properties": outbound}],
    }
    made = {"id": base, "name": "lb", "sku": {"name": "Standard"}, "properties": properties}
    found = private().put("loadBalancers", made).add("publicIPAddresses", {"id": network_id("publicIPAddresses", "ip")})
    return found.set("networkInterfaces", "sample-nic", f"{CONFIGURATION}.loadBalancerBackendAddressPools", [pool])


EMPTY_SUBNET = OK.set("virtualNetworks", "sample-net", "properties.subnets.0.properties", {})
UNKNOWN_POWER = OK.put("virtualMachineStatuses", power_state("sample", "unknown")).put("instanceViews")
MODEL = "properties.osProfile.allowExtensionOperations"
WARNED = job("sample", 1, "CompletedWithWarnings", errors=((1, "UserErrorUnsupportedDiskSize"),))
FAILED_LATER = protected_item(
    "sample", lastBackupStatus="Failed", lastBackupTime="2026-11-23T05:00:00Z", healthDetails=None, kpisHealths=None
)

CASES: tuple[tuple[str, str, Subscription, tuple[str, ...]], ...] = (
    ("AVB-111", "own address missing, its group denied", denied_by_application_group(), ("non_compliant",)),
    ("AVB-111", "subnet without any property", EMPTY_SUBNET, ("error", "undetermined")),
    ("AVB-113", "subnet without any property", EMPTY_SUBNET, ("error", "undetermined")),
    ("AVB-114", "subnet without any property", EMPTY_SUBNET, ("error", "undetermined")),
    ("AVB-213", "switch is null", OK.set("virtualMachines", "sample", MODEL, None), ("error", "undetermined")),
    ("AVB-213", "switch is text", OK.set("virtualMachines", "sample", MODEL, "false"), ("error", "undetermined")),
    ("AVB-211", "power state unknown", UNKNOWN_POWER, ("error", "undetermined")),
    ("AVB-312", "power state unknown", UNKNOWN_POWER, ("error", "undetermined")),
    (
        "AVB-415",
        "newer failure without start",
        OK.add("backupJobs", failed(startTime=None)),
        ("non_compliant", "undetermined"),
    ),
    (
        "AVB-415",
        "newer failure of unknown job type",
        OK.add("backupJobs", failed(jobType="Dreaming")),
        ("error", "undetermined"),
    ),
    (
        "AVB-415",
        "newer failure of unknown operation",
        OK.add("backupJobs", failed(operation="Dreaming")),
        ("error", "undetermined"),
    ),
    (
        "AVB-415",
        "failed at an unreadable time",
        item(lastBackupTime="garbage", lastBackupStatus="Failed"),
        ("error", "undetermined"),
    ),
    (
        "AVB-415",
        "time of last backup missing",
        item(lastBackupTime=None, lastBackupStatus="Failed"),
        ("error", "undetermined"),
    ),
    (
        "AVB-415",
        "item failed after a warned job",
        OK.put("backupJobs", WARNED).put("backupProtectedItems", FAILED_LATER),
        ("undetermined",),
    ),
    ("AVB-501", "unknown item type", item(protectedItemType="Dreaming"), ("error", "undetermined")),
    ("AVB-415", "unknown workload of item", item(backupManagementType="Dreaming"), ("error", "undetermined")),
    ("AVB-412", "own set is null", pair(None, SET), ("error", "undetermined")),
    ("AVB-412", "the other's set is text", pair(SET, "x"), ("error", "undetermined")),
    ("AVB-412", "no policy names its zone", pair(SET, SET, None, None), ("undetermined",)),
    (
        "AVB-114",
        "split default route",
        private(("a", "0.0.0.0/1", "VirtualAppliance"), ("b", "128.0.0.0/1", "VirtualAppliance")),
        ("compliant",),
    ),
    ("AVB-114", "regional tag spelt otherwise", in_france(), ("compliant",)),
    ("AVB-114", "outbound rule for UDP only", balanced("Udp"), ("non_compliant",)),
)


@pytest.mark.parametrize(
    ("control", "given", "outcomes"), [(c, g, o) for c, _, g, o in CASES], ids=[f"{c}-{n}" for c, n, _, _ in CASES]
)
def test_case(pytester: pytest.Pytester, control: str, given: Subscription, outcomes: tuple[str, ...]) -> None:
    """Missing or unknown data never passes and is never not applicable; a way out that is there is seen."""
    facts = record(pytester.path / "facts", {}, given)
    found = next(
        f
        for f in judge(pytester, f"--facts={facts}").document.findings
        if f.control == control and f.resource == given.lists["virtualMachines"][0]["id"]
    )
    assert found.outcome in outcomes, f"{found.outcome}: {found.message}"


def test_machine_in_unknown_state_is_not_ready(pytester: pytest.Pytester) -> None:
    """PowerState/unknown takes AVB-211, 212, 311 and 312 away, and only a medium control is left to say so."""
    facts = record(pytester.path / "facts", {}, UNKNOWN_POWER)
    judged = judge(pytester, f"--facts={facts}", "--fail-on=high")
    assert judged.document.verdicts[0].verdict is not VmVerdict.READY


@pytest.mark.parametrize("kind", ["NetworkSecurityGroups", "networkSecurityGroup"])
def test_misspelt_problem_is_refused(pytester: pytest.Pytester, kind: str) -> None:
    """What could not be read is not to vanish by a letter: file names are checked, so are these."""
    facts = record(pytester.path / "facts", {}, OK)
    index = json.loads((facts / "facts.json").read_text())
    (entry,) = index["subscriptions"].values()
    entry["problems"] = [{"type": kind, "missing": "403 AuthorizationFailed"}]
    (facts / "facts.json").write_text(json.dumps(index))
    assert judge(pytester, f"--facts={facts}").status != 0


def test_guest_whose_machine_could_not_be_read_is_not_called_a_stranger(pytester: pytest.Pytester) -> None:
    """The list of machines was refused: nobody knows whether the host is one of them, and half of it was not judged."""
    facts = record(pytester.path / "facts", {"web01": ubuntu("sample", 4)}, OK.refused("virtualMachines"))
    document = judge(pytester, f"--facts={facts}").document
    assert document.coverage.hosts_without_vm == []
    assert document.verdicts[0].verdict is not VmVerdict.READY
