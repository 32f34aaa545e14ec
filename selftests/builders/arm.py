"""A made-up subscription in ARM's own JSON: one healthy Linux VM behind a network, a vault that protects it, and edits.

Everything here is written for the tests and the demo; names, addresses and ids belong to nobody.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from backup_compliance.model.recorded import ReadProblem, RecordedSubscription
from selftests.builders.arm_metrics import metrics
from selftests.builders.recordings import EPOCH

SUBSCRIPTION = "5a11ab1e-5a11-4a11-8a11-5a11ab1e0000"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-sample"
REGION = "westeurope"
READ_AT = datetime.fromtimestamp(EPOCH, UTC)
LINUX, WINDOWS = "Linux", "Windows"
APPLIANCE = "10.20.200.4"
"""Where the sample's network appliance is: in its own virtual network."""
SNAPSHOT = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
Json = dict[str, Any]


def vm_id(name: str) -> str:
    """A virtual machine's resource id."""
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}"


def network_id(kind: str, name: str) -> str:
    """The resource id of something of Microsoft.Network."""
    return f"{GROUP}/providers/Microsoft.Network/{kind}/{name}"


def vault_id(name: str = "sample-vault") -> str:
    """A vault's resource id."""
    return f"{GROUP}/providers/Microsoft.RecoveryServices/vaults/{name}"


def uuid(number: int) -> str:
    """The id that IMDS and ARM both give the VM with this number; as `recordings.vm_id`."""
    return f"5a11ab1e-0000-4000-8000-{number:012d}"


@dataclass(frozen=True)
class Subscription:
    """Resources by recorded type; every edit makes a new one."""

    lists: Mapping[str, list[Any]]
    id: str = SUBSCRIPTION
    read_at: datetime | None = READ_AT
    problems: tuple[ReadProblem, ...] = ()
    raw: Mapping[str, bytes] = field(default_factory=dict)
    """Documents that are no list, or no JSON."""

    def add(self, kind: str, *resources: Any) -> Subscription:
        """The same with resources more."""
        return replace(self, lists={**self.lists, kind: [*self.lists.get(kind, []), *resources]})

    def put(self, kind: str, *resources: Any) -> Subscription:
        """The same with other resources of that type."""
        return replace(self, lists={**self.lists, kind: list(resources)})

    def without(self, *kinds: str) -> Subscription:
        """The same without some lists: not read at all."""
        kept = {k: v for k, v in self.lists.items() if k not in kinds}
        return replace(self, lists=kept, raw={k: v for k, v in self.raw.items() if k not in kinds})

    def damaged(self, kind: str, document: bytes) -> Subscription:
        """The same with another document for that type."""
        return replace(self.without(kind), raw={**self.raw, kind: document})

    def refused(self, kind: str, scope: str = "") -> Subscription:
        """The same with a type that ARM refused, or that it refused for one scope."""
        problem = ReadProblem(kind, "403 AuthorizationFailed", scope=scope)
        return replace(self if scope else self.without(kind), problems=(*self.problems, problem))

    def edit(self, kind: str, name: str, change: Callable[[Any], Any]) -> Subscription:
        """The same with one resource changed in place by `change`; a name that is not there is a mistake."""
        lists = {**self.lists, kind: copy.deepcopy(list(self.lists[kind]))}
        (found,) = (
            r for r in lists[kind] if (r.get("id") or r["resourceid"]).rsplit("/", 1)[-1].lower() == name.lower()
        )
        change(found)
        return replace(self, lists=lists)

    def set(self, kind: str, name: str, path: str, value: Any) -> Subscription:
        """The same with one field of a resource exchanged: `properties.ipConfigurations.0.properties.primary`."""

        def change(resource: Any) -> None:
            *way, last = (int(p) if p.isdigit() else p for p in path.split("."))
            for step in way:
                resource = resource[step]
            resource[last] = value

        return self.edit(kind, name, change)

    def cut(self, kind: str, name: str, path: str) -> Subscription:
        """The same without one field of a resource."""

        def change(resource: Any) -> None:
            *way, last = (int(p) if p.isdigit() else p for p in path.split("."))
            for step in way:
                resource = resource[step]
            del resource[last]

        return self.edit(kind, name, change)

    def renamed(self, name: str) -> Subscription:
        """The same as another subscription, in every id that names it."""

        def other(text: str) -> str:
            return text.replace(SUBSCRIPTION, name).replace(SUBSCRIPTION.upper(), name.upper())

        return replace(
            self,
            id=name.lower(),
            lists=json.loads(other(json.dumps(self.lists))),
            raw={k: other(v.decode("latin-1")).encode("latin-1") for k, v in self.raw.items()},
            problems=tuple(msgspec.structs.replace(p, scope=other(p.scope)) for p in self.problems),
        )

    def recorded(self) -> RecordedSubscription:
        """As a reader would have left it."""
        documents = {k: json.dumps({"value": v}, indent=1).encode() for k, v in self.lists.items()}
        return RecordedSubscription(self.id, {**documents, **self.raw}, self.read_at, self.problems)


def machine(name: str, number: int, *, system: str = LINUX, nics: tuple[str, ...] = ()) -> Json:
    """A virtual machine as the subscription-wide list gives it."""
    configuration = "linuxConfiguration" if system == LINUX else "windowsConfiguration"
    return {
        "id": vm_id(name),
        "name": name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": REGION,
        "tags": {},
        "properties": {
            "vmId": uuid(number),
            "provisioningState": "Succeeded",
            "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
            "storageProfile": {"osDisk": {"osType": system, "name": f"{name}_OsDisk"}, "dataDisks": []},
            "osProfile": {
                "computerName": name,
                configuration: {"provisionVMAgent": True},
                "allowExtensionOperations": True,
            },
            "networkProfile": {
                "networkInterfaces": [{"id": network_id("networkInterfaces", n)} for n in nics or (f"{name}-nic",)]
            },
        },
        "resources": [{"id": f"{vm_id(name)}/extensions/VMSnapshotLinux"}] if system == LINUX else [],
    }


def statuses(power: str | None = "running", provisioning: str = "succeeded") -> list[Json]:
    """The statuses of a virtual machine."""
    found: list[Json] = [{"code": f"ProvisioningState/{provisioning}", "level": "Info", "displayStatus": provisioning}]
    return (
        [*found, {"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"}] if power else found
    )


def power_state(name: str, power: str | None = "running", provisioning: str = "succeeded") -> Json:
    """An entry of the list with `statusOnly=true`."""
    view = {"statuses": statuses(power, provisioning)}
    return {"id": vm_id(name).upper(), "name": name, "properties": {"instanceView": view}}


def instance_view(
    name: str, *, version: str = "2.15.0.1", handler: str = SNAPSHOT, snapshot: str = "1.0.9220.0"
) -> Json:
    """A running virtual machine with its instance view: agent ready, backup extension at work."""
    ready = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready"}
    agent = {
        "vmAgentVersion": version,
        "statuses": [{**ready, "message": "Guest Agent is running", "time": "2026-11-23T07:58:11+00:00"}],
        "extensionHandlers": [
            {"type": handler, "typeHandlerVersion": snapshot, "status": {**ready, "message": "Plugin enabled"}}
        ],
    }
    extension = {
        "name": "VMSnapshotLinux",
        "type": handler,
        "typeHandlerVersion": snapshot,
        "statuses": [
            {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
        ],
    }
    view = {"vmAgent": agent, "extensions": [extension], "statuses": statuses()}
    return {"id": vm_id(name), "name": name, "location": REGION, "properties": {"instanceView": view}}


def nic(
    name: str, address: str, *, subnet: str = "apps", method: str = "Static", security_group: str | None = None
) -> Json:
    """A network interface with one address, in a subnet of the sample network."""
    properties: Json = {
        "primary": True,
        "ipConfigurations": [
            {
                "name": "ipconfig1",
                "id": f"{network_id('networkInterfaces', name)}/ipConfigurations/ipconfig1",
                "properties": {
                    "primary": True,
                    "privateIPAddress": address,
                    "privateIPAllocationMethod": method,
                    "privateIPAddressVersion": "IPv4",
                    "subnet": {"id": subnet_id(subnet)},
                },
            }
        ],
    }
    if security_group:
        properties["networkSecurityGroup"] = {"id": network_id("networkSecurityGroups", security_group)}
    return {"id": network_id("networkInterfaces", name), "name": name, "location": REGION, "properties": properties}


def subnet_id(name: str, network: str = "sample-net") -> str:
    """A subnet's resource id."""
    return f"{network_id('virtualNetworks', network)}/subnets/{name}"


def subnet(
    name: str, prefix: str, *, security_group: str | None = None, route_table: str | None = None, **more: Any
) -> Json:
    """A subnet of the sample network; it is private (no default outbound access) and has a NAT gateway."""
    properties: Json = {
        "addressPrefix": prefix,
        "defaultOutboundAccess": False,
        "natGateway": {"id": network_id("natGateways", "sample-nat")},
        **more,
    }
    if security_group:
        properties["networkSecurityGroup"] = {"id": network_id("networkSecurityGroups", security_group)}
    if route_table:
        properties["routeTable"] = {"id": network_id("routeTables", route_table)}
    return {"id": subnet_id(name), "name": name, "properties": properties}


def rule(
    name: str,
    priority: int,
    access: str,
    *,
    destination: str = "*",
    port: str = "*",
    source: str = "*",
    direction: str = "Outbound",
) -> Json:
    """A security rule."""
    return {
        "name": name,
        "properties": {
            "priority": priority,
            "access": access,
            "direction": direction,
            "protocol": "*",
            "sourcePortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "destinationPortRange": port,
        },
    }


DEFAULT_RULES = [
    rule(
        "AllowVnetInBound", 65000, "Allow", source="VirtualNetwork", destination="VirtualNetwork", direction="Inbound"
    ),
    rule("AllowAzureLoadBalancerInBound", 65001, "Allow", source="AzureLoadBalancer", direction="Inbound"),
    rule("DenyAllInBound", 65500, "Deny", direction="Inbound"),
    rule("AllowVnetOutBound", 65000, "Allow", source="VirtualNetwork", destination="VirtualNetwork"),
    rule("AllowInternetOutBound", 65001, "Allow", destination="Internet"),
    rule("DenyAllOutBound", 65500, "Deny"),
]


def security_group(name: str, *rules: Json) -> Json:
    """A network security group with the default rules behind its own."""
    properties = {"securityRules": list(rules), "defaultSecurityRules": DEFAULT_RULES}
    return {"id": network_id("networkSecurityGroups", name), "name": name, "location": REGION, "properties": properties}


def virtual_network(
    *subnets: Json, name: str = "sample-net", space: str = "10.20.0.0/16", peerings: tuple[Json, ...] = ()
) -> Json:
    """A virtual network."""
    properties = {
        "addressSpace": {"addressPrefixes": [space]},
        "subnets": list(subnets),
        "virtualNetworkPeerings": list(peerings),
    }
    return {"id": network_id("virtualNetworks", name), "name": name, "location": REGION, "properties": properties}


def route_table(name: str, *routes: tuple[str, str, str], propagation: bool = False) -> Json:
    """A route table of (name, prefix, next hop type); an appliance is at `APPLIANCE`, or at the address after the type."""
    entries = []
    for entry, prefix, hop in routes:
        kind, _, address = hop.partition(" ")
        told = {"nextHopIpAddress": address or APPLIANCE} if kind == "VirtualAppliance" else {}
        entries.append({"name": entry, "properties": {"addressPrefix": prefix, "nextHopType": kind, **told}})
    properties = {"routes": entries, "disableBgpRoutePropagation": not propagation}
    return {"id": network_id("routeTables", name), "name": name, "location": REGION, "properties": properties}


def policy(name: str, at: str = "22:00", *, vault: str = "sample-vault", zone: str = "UTC") -> Json:
    """A standard daily policy."""
    schedule = {
        "schedulePolicyType": "SimpleSchedulePolicy",
        "scheduleRunFrequency": "Daily",
        "scheduleRunTimes": [f"2026-11-01T{at}:00Z"],
        "scheduleWeeklyFrequency": 0,
    }
    properties = {
        "backupManagementType": "AzureIaasVM",
        "policyType": "V1",
        "timeZone": zone,
        "schedulePolicy": schedule,
        "retentionPolicy": {"retentionPolicyType": "LongTermRetentionPolicy"},
        "instantRpRetentionRangeInDays": 2,
        "protectedItemsCount": 1,
    }
    return {"id": f"{vault_id(vault)}/backupPolicies/{name}", "name": name, "properties": properties}


def protected_item(name: str, *, policy_name: str = "daily-2200", vault: str = "sample-vault", **more: Any) -> Json:
    """A virtual machine under protection, backed up last night."""
    container = f"iaasvmcontainerv2;rg-sample;{name}"
    item = f"{vault_id(vault)}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{container}/protectedItems/VM;{container}"
    properties = {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "backupManagementType": "AzureIaasVM",
        "workloadType": "VM",
        "friendlyName": name,
        "containerName": container,
        "sourceResourceId": vm_id(name),
        "virtualMachineId": vm_id(name),
        "policyId": f"{vault_id(vault)}/backupPolicies/{policy_name}",
        "policyName": policy_name,
        "protectionState": "Protected",
        "protectionStatus": "Healthy",
        "healthStatus": "Passed",
        "healthDetails": [
            {"code": 400239, "title": "IaasVmHealthGreenDefault", "message": "OK", "recommendations": []}
        ],
        "kpisHealths": {
            "BackupOperationStatusKPI": {
                "resourceHealthStatus": "Healthy",
                "resourceHealthDetails": [{"code": 0, "title": "Success", "message": "", "recommendations": []}],
            }
        },
        "lastBackupStatus": "Completed",
        "lastBackupTime": "2026-11-22T22:00:14.1180000Z",
        "lastRecoveryPoint": "2026-11-22T22:00:20.1180000Z",
        **more,
    }
    return {"id": item, "name": f"VM;{container}", "properties": properties}


def job(
    name: str,
    number: int = 1,
    status: str = "Completed",
    *,
    start: str = "2026-11-22T22:00:12Z",
    vault: str = "sample-vault",
    errors: tuple[tuple[int, str], ...] = (),
    operation: str = "Backup",
) -> Json:
    """A job of the vault; errors are (code, title)."""
    details = [{"errorCode": c, "errorTitle": t, "errorString": "made up", "recommendations": []} for c, t in errors]
    properties: Json = {
        "jobType": "AzureIaaSVMJob",
        "backupManagementType": "AzureIaasVM",
        "operation": operation,
        "status": status,
        "startTime": start,
        "endTime": start.replace(":00:", ":41:"),
        "entityFriendlyName": name,
        "containerName": f"iaasvmcontainerv2;rg-sample;{name}",
        **({"errorDetails": details} if details else {}),
    }
    return {"id": f"{vault_id(vault)}/backupJobs/{uuid(number)}", "name": uuid(number), "properties": properties}


def collection(name: str, points: int | None = None, *, group: str = "AzureBackupRG_westeurope_1") -> Json:
    """Azure Backup's restore points of a virtual machine; None: as lists give it, without the points."""
    resource = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Compute/restorePointCollections"
    )
    made = f"{resource}/AzureBackup_{name}_175923157230385"
    inner = {"restorePoints": [{"id": i, "name": i[-1]} for i in _points(made, points)]} if points is not None else {}
    return {"id": made, "location": REGION, "properties": {"source": {"id": vm_id(name)}, **inner}}


def restore_points(name: str, count: int = 3) -> list[Json]:
    """The rows that Resource Graph has for them."""
    return [{"id": i} for i in _points(collection(name)["id"], count)]


def _points(collection_id: str, count: int) -> list[str]:
    return [f"{collection_id}/restorePoints/{n}" for n in range(count)]


def lock(scope: str, level: str = "CanNotDelete", name: str = "keep") -> Json:
    """A management lock."""
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/locks/{name}",
        "name": name,
        "properties": {"level": level},
    }


SERVICE_TAGS = {
    "cloud": "Public",
    "changeNumber": "391",
    "values": [
        {"name": n, "id": n, "properties": {"region": "", "addressPrefixes": list(p)}}
        for n, p in {
            "Storage": ("20.38.96.0/19", "20.60.0.0/16", "57.150.0.0/18", "2603:1020:206:1::/64"),
            "Storage.WestEurope": ("20.38.108.0/23", "20.60.88.0/22", "57.150.2.0/23", "2603:1020:206:1::/64"),
            "AzureBackup.WestEurope": ("13.69.65.32/27",),
            "AzureActiveDirectory": ("20.20.32.0/19", "20.190.128.0/18"),
        }.items()
    ],
}


def subscription(name: str = "sample", number: int = 4, *, address: str = "10.20.0.4") -> Subscription:
    """One healthy Linux VM and everything around it."""
    return Subscription(
        lists={
            "virtualMachines": [machine(name, number)],
            "virtualMachineStatuses": [power_state(name)],
            "instanceViews": [instance_view(name)],
            "networkInterfaces": [nic(f"{name}-nic", address)],
            "networkSecurityGroups": [security_group("apps-nsg")],
            "virtualNetworks": [virtual_network(subnet("apps", "10.20.0.0/24", security_group="apps-nsg"))],
            "routeTables": [],
            "publicIPAddresses": [
                {
                    "id": network_id("publicIPAddresses", "sample-nat-ip"),
                    "name": "sample-nat-ip",
                    "properties": {"ipAddress": "203.0.113.7"},
                }
            ],
            "natGateways": [
                {
                    "id": network_id("natGateways", "sample-nat"),
                    "name": "sample-nat",
                    "location": REGION,
                    "properties": {
                        "publicIpAddresses": [{"id": network_id("publicIPAddresses", "sample-nat-ip")}],
                        "subnets": [{"id": subnet_id("apps")}],
                    },
                }
            ],
            "loadBalancers": [],
            "privateEndpoints": [],
            "securityAdminRules": [{"id": network_id("virtualNetworks", "sample-net"), "value": []}],
            "vaults": [
                {
                    "id": vault_id(),
                    "name": "sample-vault",
                    "location": REGION,
                    "properties": {"provisioningState": "Succeeded"},
                }
            ],
            "backupProtectedItems": [protected_item(name)],
            "backupPolicies": [policy("daily-2200")],
            "backupJobs": [job(name)],
            "restorePointCollections": [collection(name)],
            "restorePoints": restore_points(name),
            "metrics": [metrics(vm_id(name))],
            "locks": [],
        },
        raw={"serviceTags": json.dumps(SERVICE_TAGS).encode()},
    )
