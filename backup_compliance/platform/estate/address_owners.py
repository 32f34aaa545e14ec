"""Which virtual machine has a private address, seen from a network interface; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Undetermined, Unreadable
from backup_compliance.platform.estate.compute import parse_identity, parse_profile
from backup_compliance.platform.estate.facts import Profile, VmIdentity
from backup_compliance.platform.estate.interfaces import Interface, find_interfaces
from backup_compliance.platform.estate.lookup import Estate, Listing, normalize_id, subscription_of
from backup_compliance.platform.estate.virtual_networks import connected_peerings, find_subnet, network_of

NAMED: Final = 4
"""How many machines of one address a message names."""


@dataclass(frozen=True, slots=True)
class AddressOwner:
    """A virtual machine and the interface of it that has the address."""

    vm: VmIdentity
    profile: Profile
    interface: Interface
    network: str
    """The virtual network that the address is in, by normalize_id id."""


@dataclass(frozen=True, slots=True)
class _Holders:
    by_address: Mapping[str, list[AddressOwner]]
    unread: Mapping[str, Unreadable]
    """By subscription: why some machine of it may have any address."""


def find_vm_by_private_ip(estate: Estate, interface: Interface, address: str) -> AddressOwner:
    """The only machine with that address in the interface's virtual network or in one that is peered with it.

    Elsewhere the same private address is another machine's. Raises `Undetermined` for none or several, `Unreadable`
    for none where the network, its peerings or a machine's interfaces in one of these subscriptions were not read.
    """
    network, _ = find_subnet(estate, interface)
    near = {normalize_id(network.id), *(normalize_id(p.network_id or "") for p in connected_peerings(network))}
    known: _Holders = estate.cached("holders of addresses", lambda: _find_holders(estate))
    everywhere = known.by_address.get(address, [])
    found = [each for each in everywhere if each.network in near]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.vm.name for each in found[:NAMED])
        raise Undetermined(f"{len(found)} virtual machines have the address {address}: {names}")
    for subscription in sorted(map(subscription_of, near)):
        if subscription in known.unread:
            unread = known.unread[subscription]
            raise Unreadable(f"which virtual machine has the address {address}: {unread.reason}", unread.remedy)
    told = f"; {len(everywhere)} have it in networks that are not peered with {network}" if everywhere else ""
    raise Undetermined(f"{address} is the address of no virtual machine in {network} or its peers{told}")


def _find_holders(estate: Estate) -> _Holders:
    found: dict[str, list[AddressOwner]] = {}
    unread: dict[str, Unreadable] = {}
    for subscription in estate.subscriptions:
        try:
            listing = estate.listing(subscription, "virtualMachines")
        except Unreadable as error:
            unread[subscription] = error.again()
            continue
        for each in _of_machines(estate, listing):
            if isinstance(each, Unreadable):
                unread.setdefault(subscription, each)
                continue
            for configuration in each.interface.configurations:
                network = normalize_id(network_of(configuration.subnet_id or ""))
                if configuration.address:
                    holder = AddressOwner(each.vm, each.profile, each.interface, network)
                    found.setdefault(configuration.address, []).append(holder)
    return _Holders(found, unread)


def _of_machines(estate: Estate, listing: Listing) -> Iterator[AddressOwner | Unreadable]:
    """Each interface of each machine, its network left open; or why those of a machine are not known."""
    for damaged in listing.damaged:
        yield Unreadable(f"in the list of virtual machines {damaged}", RECOLLECT_OR_LOOK)
    for problem in listing.problems.values():
        yield Unreadable(problem.reason, problem.remedy)
    for record in listing.resources.values():
        try:
            vm, profile = parse_identity(record), parse_profile(record)
            for interface in find_interfaces(estate, profile, vm):
                yield AddressOwner(vm, profile, interface, "")
        except Unreadable as error:
            yield error.again()
        except Undetermined:  # it has no interface, hence no address
            continue
