"""Cause 1: the VM cannot reach Azure, by what the platform lets through."""

from __future__ import annotations

import pytest

from backup_compliance.catalogue.controls import OUTBOUND_2026, PRIVATE_ENDPOINTS_2025, TROUBLESHOOTING_2016, control
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
)
def test_proxy_is_reachable_and_may_go_out(proxy_path: tuple[Leg, ...]) -> None:
    """A proxy helps only where the VM may talk to it and the proxy's own machine may go out for it."""
    failure = proxy_path_failure(proxy_path)
    assert failure is None, failure
