"""Members of application security groups: the addresses of the network interfaces that name them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backup_compliance.network.addresses import NOWHERE, AddressSet
from backup_compliance.platform.estate import Estate, normal, subscription_of
from backup_compliance.platform.interfaces import find_interface
from backup_compliance.platform.references import once
from backup_compliance.platform.virtual_networks import Network, network_of
from backup_compliance.verdicts import Unreadable


class _Members(Mapping[str, AddressSet]):
    """Application security groups by lower-case id. One that no interface names has no member, rather than unknown ones."""

    def __init__(self, known: Mapping[str, AddressSet]) -> None:
        self._known = known

    def __getitem__(self, key: str) -> AddressSet:
        return self._known.get(key, NOWHERE)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def find_members(estate: Estate, network: Network) -> Mapping[str, AddressSet]:
    """The members of application security groups in a virtual network, which are in its subscription too."""
    subscription = subscription_of(network.id)
    by_network = once(estate, ("members", subscription), lambda: _members_by_network(estate, subscription))
    return _Members(by_network.get(normal(network.id), {}))


def _members_by_network(estate: Estate, subscription: str) -> dict[str, dict[str, AddressSet]]:
    found: dict[str, dict[str, list[str]]] = {}
    for reference in estate.listing(subscription, "networkInterfaces").resources:
        try:
            interface = find_interface(estate, reference, "the list of network interfaces")
        except Unreadable:
            continue  # an error for its own virtual machine; no other one sends from its addresses
        for configuration in interface.configurations:
            groups = found.setdefault(normal(network_of(configuration.subnet_id or "")), {})
            for group in configuration.application_group_ids:
                groups.setdefault(normal(group), []).append(configuration.address or "")
    return {n: {g: AddressSet.of(*filter(None, m)) for g, m in groups.items()} for n, groups in found.items()}
