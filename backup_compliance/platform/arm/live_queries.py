"""What is asked of Azure itself about machines whose egress the lists do not plainly allow: `--verify-live`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from azure.mgmt.network.models import NextHopParameters, VerificationIPFlowParameters

from backup_compliance.model.arm_json import last_segment, text_at
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.platform.arm.client import Clients
from backup_compliance.platform.arm.operations import effective_routes_question, names_of, operate
from backup_compliance.platform.arm.queries import ArmQuery, pages_question
from backup_compliance.platform.arm.replies import entry_with, object_of, values_of
from backup_compliance.platform.decisions.live import (
    EFFECTIVE_GROUPS,
    HTTPS,
    IP_FLOWS,
    NEXT_HOPS,
    WATCHERS,
    FlowSubject,
    address_to_verify,
)
from backup_compliance.platform.decisions.routing import EFFECTIVE_ROUTES
from backup_compliance.platform.estate.compute import find_power, parse_identity, parse_profile
from backup_compliance.platform.estate.interfaces import primary_configuration, primary_interface
from backup_compliance.platform.estate.lookup import Estate, normalize_id

ANY_PORT: Final = "50000"
"""A port to send from, as the operation wants one."""


def watchers_question(clients: Clients) -> ArmQuery:
    """The network watchers: one a region at most, without which Azure verifies nothing there."""
    return pages_question(clients, WATCHERS, clients.network.network_watchers.list_all)


def live_questions(clients: Clients, estate: Estate, subscription: str) -> Iterator[ArmQuery]:
    """Four for each running machine of which security groups or routes may stop HTTPS to storage.

    Raises `Unreadable` where machines or network watchers were not listed.
    """
    watchers = {
        parse_identity(record).location: text_at(record, "id")
        for record in estate.listing(subscription, WATCHERS).resources.values()
    }
    recorded = estate.subscriptions[subscription].documents
    known = estate.listing(subscription, EFFECTIVE_ROUTES).resources if EFFECTIVE_ROUTES in recorded else {}
    for subject, remote in _doubtful(estate, subscription):
        interface = subject.interface.id
        if normalize_id(interface) not in known:
            yield effective_routes_question(clients, interface)
        yield ArmQuery(EFFECTIVE_GROUPS, (interface,), partial(_effective_groups, clients, interface))
        watcher = watchers.get(subject.vm.location, "")
        flow = _flow(subject, remote)
        yield ArmQuery(IP_FLOWS, (subject.vm.id,), partial(_ip_flow, clients, watcher, flow))
        yield ArmQuery(NEXT_HOPS, (subject.vm.id,), partial(_next_hop, clients, watcher, flow))


def _doubtful(estate: Estate, subscription: str) -> Iterator[tuple[FlowSubject, str]]:
    for record in estate.listing(subscription, "virtualMachines").resources.values():
        vm = parse_identity(record)
        try:
            if not find_power(estate, vm).is_running:
                continue
            subject = FlowSubject(estate, vm, primary_interface(estate, parse_profile(record), vm))
            remote = address_to_verify(subject)
        except (Unreadable, Undetermined):
            continue  # nothing is known to compare Azure's answer with
        if remote is not None:
            yield subject, remote


@dataclass(frozen=True, slots=True)
class _Flow:
    """What Network Watcher is asked about."""

    vm: str
    interface: str
    source: str
    destination: str


def _flow(subject: FlowSubject, remote: str) -> _Flow:
    address = primary_configuration(subject.interface).address or ""
    return _Flow(subject.vm.id, subject.interface.id, address, remote)


def _ip_flow(clients: Clients, watcher: str, flow: _Flow) -> list[bytes]:
    parameters = VerificationIPFlowParameters(
        target_resource_id=flow.vm,
        target_nic_resource_id=flow.interface,
        direction="Outbound",
        protocol="TCP",
        local_port=ANY_PORT,
        remote_port=str(HTTPS),
        local_ip_address=flow.source,
        remote_ip_address=flow.destination,
    )
    asked = {
        "localIPAddress": flow.source,
        "remoteIPAddress": flow.destination,
        "remotePort": str(HTTPS),
        "protocol": "TCP",
    }
    begin = clients.network.network_watchers.begin_verify_ip_flow
    return _watched(IP_FLOWS, clients, watcher, begin, parameters, flow.vm, asked)


def _next_hop(clients: Clients, watcher: str, flow: _Flow) -> list[bytes]:
    parameters = NextHopParameters(
        target_resource_id=flow.vm,
        target_nic_resource_id=flow.interface,
        source_ip_address=flow.source,
        destination_ip_address=flow.destination,
    )
    asked = {"sourceIPAddress": flow.source, "destinationIPAddress": flow.destination}
    begin = clients.network.network_watchers.begin_get_next_hop
    return _watched(NEXT_HOPS, clients, watcher, begin, parameters, flow.vm, asked)


def _watched(
    kind: str,
    clients: Clients,
    watcher: str,
    begin: Callable[..., Any],
    parameters: Any,
    vm: str,
    asked: Mapping[str, str],
) -> list[bytes]:
    """Network Watcher's answer together with the question, which it does not repeat."""
    if not watcher:
        raise Unreadable(
            f"there is no network watcher in the region of {last_segment(vm)}",
            "enable Network Watcher there (az network watcher configure), or do without --verify-live",
        )
    reply = object_of(operate(kind, clients, begin, *names_of(watcher, "networkWatchers"), parameters))
    return [entry_with(vm, [json.dumps({**asked, **reply}).encode()])]


def _effective_groups(clients: Clients, interface: str) -> list[bytes]:
    begin = clients.network.network_interfaces.begin_list_effective_network_security_groups
    result = operate(EFFECTIVE_GROUPS, clients, begin, *names_of(interface, "networkInterfaces"))
    return [entry_with(interface, values_of(result))]
