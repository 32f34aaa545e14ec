"""Long-running operations that only read: ARM accepts them, and has the result some seconds later at another address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from azure.mgmt.core.polling.arm_polling import ARMPolling

from backup_compliance.model.verdicts import RECOLLECT, Undetermined, Unreadable
from backup_compliance.platform.arm.client import Clients
from backup_compliance.platform.arm.pace import ArmLimits
from backup_compliance.platform.arm.queries import ArmQuery, hook
from backup_compliance.platform.arm.replies import entry_with, values_of
from backup_compliance.platform.decisions.routing import EFFECTIVE_ROUTES, find_routing
from backup_compliance.platform.estate.compute import find_power, parse_identity, parse_profile
from backup_compliance.platform.estate.interfaces import Interface, attachment_of, primary_interface
from backup_compliance.platform.estate.lookup import Estate, segment


def effective_routes_questions(clients: Clients, estate: Estate, subscription: str) -> Iterator[ArmQuery]:
    """One for each subnet into which a gateway may announce routes: those of a running machine's interface there.

    All interfaces of a subnet have the same routes, and Azure tells them for running machines only.
    """
    asked = set()
    for interface in running_interfaces(estate, subscription):
        try:
            unknown = find_routing(estate, interface).gateway_routes_unknown
        except (Unreadable, Undetermined):
            continue  # the controls say so themselves
        if unknown and attachment_of(interface) not in asked:
            asked.add(attachment_of(interface))
            yield effective_routes_question(clients, interface.id)


def effective_routes_question(clients: Clients, interface: str) -> ArmQuery:
    """The routes that Azure applies to an interface."""
    return ArmQuery(EFFECTIVE_ROUTES, (interface,), partial(_effective_routes, clients, interface))


def running_interfaces(estate: Estate, subscription: str) -> Iterator[Interface]:
    """The primary interface of each machine that is known to run; `Unreadable` where machines were not listed."""
    for record in estate.listing(subscription, "virtualMachines").resources.values():
        identity = parse_identity(record)
        try:
            if find_power(estate, identity).is_running:
                yield primary_interface(estate, parse_profile(record), identity)
        except (Unreadable, Undetermined):
            continue


def _effective_routes(clients: Clients, interface: str) -> list[bytes]:
    begin = clients.network.network_interfaces.begin_get_effective_route_table
    result = operate(EFFECTIVE_ROUTES, clients, begin, *names_of(interface, "networkInterfaces"))
    return [entry_with(interface, values_of(result))]


class _Polling(ARMPolling):
    """Azure's own way of waiting, which would wait as long as a reply says, and for ever."""

    def __init__(self, limits: ArmLimits, take: Callable[[Any], None]) -> None:
        super().__init__(timeout=limits.poll_interval, raw_response_hook=take)
        self._limit = limits.operation_timeout
        self._until = limits.waiting.clock() + self._limit
        self._clock = limits.waiting.clock

    def _sleep(self, delay: float) -> None:
        if self._clock() + delay > self._until:
            raise Unreadable(f"Azure did not finish it within {self._limit:g} seconds", RECOLLECT)
        super()._sleep(delay)


def names_of(resource: str, kind: str) -> tuple[str, str]:
    """Resource group and name, as the clients want them."""
    return segment(resource, "resourceGroups"), segment(resource, kind)


def operate(kind: str, clients: Clients, begin: Callable[..., Any], *arguments: Any) -> bytes:
    """The result of a long-running operation, as JSON.

    Raises:
        Unreadable: ARM refused it, did not finish in time, or gave no result.
    """
    replies = clients.replies(kind)
    taking = hook(replies.take_result)
    begin(*arguments, polling=_Polling(clients.connection.limits, taking), raw_response_hook=taking).wait()
    if not replies.entries:
        raise Unreadable("it ended without a result", RECOLLECT)
    return replies.entries[0]
