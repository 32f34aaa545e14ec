"""Cause 1: the VM cannot reach Azure, by what the platform lets through."""

from __future__ import annotations

import pytest

from backup_compliance.catalogue.controls import (
    OUTBOUND_2026,
    PRIVATE_ENDPOINTS_2025,
    TROUBLESHOOTING_2016,
    Commands,
    control,
)
from backup_compliance.model.verdicts import Undetermined
from backup_compliance.network.ip_flow import Access
from backup_compliance.platform.decisions.outbound import outbound_failure
from backup_compliance.platform.decisions.proxy_path import Leg, proxy_path_failure
from backup_compliance.platform.decisions.routing import route_failure
from backup_compliance.platform.machine import Machine


@pytest.mark.usefixtures("live_security")
@control(
    "AVB-111",
    cause=1,
    source=TROUBLESHOOTING_2016,
    remediation="Add an outbound rule that allows TCP 443 to Storage.<region> before the rule that is named.",
    because="a security group denies the way to storage",
    breaks=("AVB-101",),
    commands=Commands(
        azure=(
            "az network nic list-effective-nsg --subscription {subscription} --resource-group {group} --name NIC",
            "az network nsg rule create --subscription {subscription} --resource-group {group} --nsg-name NSG --name AllowStorage --priority PRIORITY --direction Outbound --access Allow --protocol Tcp --source-address-prefixes VirtualNetwork --destination-address-prefixes Storage.REGION --destination-port-ranges 443",
        ),
    ),
)
def test_security_groups_allow_egress_to_storage(machine: Machine) -> None:
    """The backup extension sends snapshot commands to Azure Storage; a silent drop only shows as a timeout."""
    egress = machine.storage_egress
    if egress.access is Access.UNDETERMINED:
        raise Undetermined(egress.explanation)
    assert egress.access is Access.ALLOW, egress.explanation


@control(
    "AVB-112",
    cause=1,
    source=PRIVATE_ENDPOINTS_2025,
    remediation="Add outbound rules that allow TCP 443 to AzureBackup.<region> and AzureActiveDirectory before the rule that is named.",
    because="a security group denies the way to the backup services",
    breaks=("AVB-415",),
    commands=Commands(
        azure=(
            "az network nsg rule create --subscription {subscription} --resource-group {group} --nsg-name NSG --name AllowAzureBackup --priority PRIORITY --direction Outbound --access Allow --protocol Tcp --source-address-prefixes VirtualNetwork --destination-address-prefixes AzureBackup.REGION --destination-port-ranges 443",
            "az network nsg rule create --subscription {subscription} --resource-group {group} --nsg-name NSG --name AllowEntra --priority PRIORITY --direction Outbound --access Allow --protocol Tcp --source-address-prefixes VirtualNetwork --destination-address-prefixes AzureActiveDirectory --destination-port-ranges 443",
        ),
    ),
)
def test_security_groups_allow_egress_to_backup_services(machine: Machine) -> None:
    """Backups of databases inside the VM, file recovery and the MARS agent talk to these themselves."""
    decisions = machine.service_egress
    denied = [d for d in decisions if d.access in (Access.DENY, Access.PARTIAL)]
    doubtful = [d for d in decisions if d.access is Access.UNDETERMINED]
    if doubtful and not denied:
        raise Undetermined(doubtful[0].explanation)
    assert not denied, denied[0].explanation


@pytest.mark.usefixtures("live_routes")
@control(
    "AVB-113",
    cause=1,
    source=TROUBLESHOOTING_2016,
    remediation="Remove the route with next hop None, or add one for Storage.<region> with next hop Internet; behind an appliance let storage through there.",
    because="a route table drops the way to storage",
    breaks=("AVB-101",),
    commands=Commands(
        azure=(
            "az network nic show-effective-route-table --subscription {subscription} --resource-group {group} --name NIC --output table",
            "az network route-table route create --subscription {subscription} --resource-group {group} --route-table-name ROUTE_TABLE --name storage --address-prefix Storage.REGION --next-hop-type Internet",
        ),
    ),
)
def test_routes_lead_to_storage(machine: Machine, storage_answers: bool | None) -> None:  # noqa: FBT001  # a fact of the guest
    """A route that drops storage traffic, or an appliance that does, cannot be mended by any security rule."""
    failure = route_failure(machine.storage_next_hops, storage_answers)
    assert failure is None, failure


@control(
    "AVB-114",
    cause=1,
    source=OUTBOUND_2026,
    remediation="Give the subnet a NAT gateway, or a service endpoint for Microsoft.Storage.",
    because="the subnet has no way out",
    breaks=("AVB-101",),
    commands=Commands(
        azure=(
            "az network vnet subnet update --subscription {subscription} --resource-group {group} --vnet-name VNET --name SUBNET --nat-gateway NAT_GATEWAY",
            "az network vnet subnet update --subscription {subscription} --resource-group {group} --vnet-name VNET --name SUBNET --service-endpoints Microsoft.Storage",
        ),
    ),
)
def test_subnet_has_a_way_out(machine: Machine) -> None:
    """Subnets of new networks have no default outbound access any more; without a method of its own nothing leaves."""
    failure = outbound_failure(machine.outbound)
    assert failure is None, failure


@control(
    "AVB-115",
    cause=1,
    source=TROUBLESHOOTING_2016,
    remediation="Add a rule that allows the named flow before the rule that is named: the VM to its proxy's port, in at the proxy, or from the proxy to Internet on 80 and 443.",
    because="the proxy cannot be reached or may not go out itself",
    breaks=("AVB-102", "AVB-101"),
    commands=Commands(
        guest=(
            "grep -n '^HttpProxy' /etc/waagent.conf",
            "curl -sv --max-time 15 -o /dev/null -x http://PROXY:PORT https://{endpoint}/",
        ),
    ),
)
def test_proxy_is_reachable_and_may_go_out(proxy_path: tuple[Leg, ...]) -> None:
    """A proxy helps only where the VM may talk to it and the proxy's own machine may go out for it."""
    failure = proxy_path_failure(proxy_path)
    assert failure is None, failure
