"""Members of application security groups: the addresses of the network interfaces that name them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable
from backup_compliance.network.addresses import EVERYTHING, NOWHERE, AddressSet
from backup_compliance.network.service_tags import Resolved
from backup_compliance.platform.estate.interfaces import find_interface
from backup_compliance.platform.estate.lookup import Estate, normalize_id, subscription_of
from backup_compliance.platform.estate.references import UNREADABLE
from backup_compliance.platform.estate.virtual_networks import Network

_ANY_GROUP: Final = UNREADABLE
"""Which group a member is in cannot be read."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Members of a subscription's groups by lower-case id, and the groups that have a member without readable address."""

    addresses: Mapping[str, AddressSet]
    incomplete: frozenset[str]


class _Members(Mapping[str, Resolved]):
    """Application security groups by lower-case id. One that no interface names has no member, rather than unknown ones."""

    def __init__(self, known: _Known, bound: AddressSet) -> None:
        self._known = known
        self._bound = bound

    def __getitem__(self, key: str) -> Resolved:
        addresses = self._known.addresses.get(key, NOWHERE)
        if self._known.incomplete.isdisjoint((key, _ANY_GROUP)):
            return Resolved(addresses)
        name = printable(key.rsplit("/", 1)[-1], 80)
        return Resolved(addresses, self._bound, f"some members of application security group {name} could not be read")

    def __iter__(self) -> Iterator[str]:
        return iter(self._known.addresses)

    def __len__(self) -> int:
        return len(self._known.addresses)


def find_members(estate: Estate, network: Network) -> Mapping[str, Resolved]:
    """The members of application security groups in a virtual network, which are in its subscription too.

    All members of a group are in one virtual network, so that unread ones have addresses of it.
    """
    subscription = subscription_of(network.id)
    known = estate.cached(("members", subscription), lambda: _find_known(estate, subscription))
    return _Members(known, AddressSet.of(*network.address_space) if network.address_space else EVERYTHING)


def _find_known(estate: Estate, subscription: str) -> _Known:
    listing = estate.listing(subscription, "networkInterfaces")
    found: dict[str, list[str]] = {}
    incomplete = {_ANY_GROUP} if listing.damaged or listing.problems else set()
    for reference in listing.resources:
        try:
            interface = find_interface(estate, reference, "the list of network interfaces")
        except Unreadable:
            incomplete.add(_ANY_GROUP)
            continue
        for configuration in interface.configurations:
            for group in map(normalize_id, configuration.application_group_ids):
                members = found.setdefault(group, [])
                if group == _ANY_GROUP or configuration.address is None:
                    incomplete.add(group)
                else:
                    members.append(configuration.address)
    return _Known({g: AddressSet.of(*m) for g, m in found.items()}, frozenset(incomplete))
