"""A made-up subscription of any size: machines in several networks, regions' service tags, vaults and their jobs."""

from __future__ import annotations

import json

from selftests.builders.arm import (
    SERVICE_TAGS,
    Json,
    Subscription,
    collection,
    instance_view,
    job,
    machine,
    network_id,
    nic,
    policy,
    power_state,
    protected_item,
    restore_points,
    security_group,
    subnet,
    vault_id,
    virtual_network,
    vm_id,
)
from selftests.builders.arm_metrics import metrics

RUNNING = 0.9
VAULTS = 3
NETWORKS = 20
PAGE, ROWS = 200, 1000
"""Entries of one page, as ARM's lists and Resource Graph have them."""


def estate(machines: int) -> Subscription:
    """`machines` virtual machines, nine in ten of them running, all backed up last night."""
    names = [f"vm-{n:05d}" for n in range(machines)]
    running = names[: round(machines * RUNNING)]
    where = {name: n for n, name in enumerate(names)}
    networks = [_network(n) for n in range(NETWORKS)]
    vaults = [f"vault-{n}" for n in range(VAULTS)]
    return Subscription(
        lists={
            "virtualMachines": [machine(name, n) for name, n in where.items()],
            "virtualMachineStatuses": [
                power_state(n, "running" if where[n] < len(running) else "deallocated") for n in names
            ],
            "instanceViews": [instance_view(n) for n in running],
            "networkInterfaces": [_nic(name, n) for name, n in where.items()],
            "networkSecurityGroups": [security_group(f"nsg-{n}") for n in range(NETWORKS)],
            "virtualNetworks": networks,
            "routeTables": [],
            "publicIPAddresses": [],
            "natGateways": [{"id": network_id("natGateways", "sample-nat"), "name": "sample-nat", "properties": {}}],
            "loadBalancers": [],
            "privateEndpoints": [],
            "securityAdminRules": [{"id": each["id"], "value": []} for each in networks],
            "vaults": [{"id": vault_id(v), "name": v, "properties": {}} for v in vaults],
            "backupProtectedItems": [protected_item(n, vault=vaults[where[n] % VAULTS]) for n in names],
            "backupPolicies": [policy("daily-2200", vault=v) for v in vaults],
            "backupJobs": [job(n, where[n], vault=vaults[where[n] % VAULTS]) for n in names],
            "restorePointCollections": [collection(n) for n in names],
            "restorePoints": [row for n in names for row in restore_points(n)],
            "metrics": [metrics(vm_id(n)) for n in running],
            "locks": [],
        },
        raw={"serviceTags": json.dumps(SERVICE_TAGS).encode()},
    )


def _network(number: int) -> Json:
    inside = subnet("apps", f"10.{number}.0.0/16", security_group=f"nsg-{number}")
    name = f"net-{number}"
    inside["id"] = f"{network_id('virtualNetworks', name)}/subnets/apps"
    return virtual_network(inside, name=name, space=f"10.{number}.0.0/16")


def _nic(name: str, number: int) -> Json:
    found = nic(f"{name}-nic", f"10.{number % NETWORKS}.{number // 250 % 256}.{number % 250 + 4}")
    attached = found["properties"]["ipConfigurations"][0]["properties"]["subnet"]
    attached["id"] = f"{network_id('virtualNetworks', f'net-{number % NETWORKS}')}/subnets/apps"
    return found
