"""Service tags from Microsoft's data, and the names that are in no data because they depend on the virtual network.

Shapes: the weekly download and the ARM reply of `serviceTags` both hold `values[].name` and
`values[].properties.addressPrefixes`. Names differ in case between editions (`AzureCloud.westeurope`,
`Storage.WestEurope`), so they are compared without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backup_compliance.model.arm_json import as_record, items_of, properties_of, text_at, texts_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable
from backup_compliance.network.addresses import EVERYTHING, NOWHERE, AddressSet, Destination, parse_prefix

HOST_ADDRESS: Final = AddressSet.of("168.63.129.16")
"""The address of the Azure host; part of VirtualNetwork in the effective rules Azure reports."""
NOT_PUBLIC: Final = AddressSet.of(
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24"),
    *("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
)
"""Never part of Internet. Azure leaves out some ranges more, none of which any of its service tags touches."""
_FIXED: Final = {
    "azureloadbalancer": AddressSet.of("168.63.129.16", "fe80::1234:5678:9abc"),
    "azureplatformdns": HOST_ADDRESS,
    "azureplatformimds": AddressSet.of("169.254.169.254"),
}


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name whose addresses are not known; never an empty set."""

    name: str
    reason: str


@dataclass(frozen=True)
class ServiceTags:
    """The prefixes of every tag of one cloud, by lower-case name; parsed when first asked for."""

    cloud: str
    prefixes: Mapping[str, tuple[str, ...] | None]
    complete: bool = True
    _known: dict[str, Destination | Unknown] = field(default_factory=dict, repr=False, compare=False)

    def lookup(self, name: str) -> Destination | Unknown:
        """The tag's addresses, or `Unknown` saying why there are none."""
        key = name.strip().lower()
        if key not in self._known:
            self._known[key] = self._parse(printable(name, 80), key)
        return self._known[key]

    def _parse(self, name: str, key: str) -> Destination | Unknown:
        if key not in self.prefixes:
            pages = "" if self.complete else ", of which only the first page was read"
            return Unknown(name, f"{name} is not in the service tags of cloud {self.cloud or '?'}{pages}")
        prefixes = self.prefixes[key]
        if not prefixes:
            return Unknown(name, f"the service tags give no readable list of prefixes for {name}")
        try:
            return Destination.of(name, *prefixes)
        except Unreadable as error:
            return Unknown(name, f"the service tags' entry {name} holds what is {error.reason}")


def parse_service_tags(document: Any) -> ServiceTags:
    """From the weekly file or the ARM reply; raises `Unreadable` when it is neither.

    An entry that cannot be read stays known by name, without prefixes, and is `Unknown` when asked for.
    """
    prefixes: dict[str, tuple[str, ...] | None] = {}
    for entry in items_of(document, "values", "the service tag document"):
        record = as_record(entry)
        key = text_at(record, "name").lower() if record is not None else ""
        if record is None or not key:
            continue
        properties = properties_of(record)
        # two entries of one name cannot both be right
        unreadable = properties is None or key in prefixes
        prefixes[key] = None if unreadable or properties is None else texts_at(properties, "addressPrefixes")
    if not prefixes:
        raise Unreadable("the service tag document names no tag")
    return ServiceTags(
        cloud=printable(text_at(document, "cloud"), 40),
        prefixes=prefixes,
        complete=not document.get("nextLink"),
    )


@dataclass(frozen=True, slots=True)
class VirtualNetwork:
    """What the tag VirtualNetwork stands for at one subnet.

    `addresses`: the network's own space, its peers' and the on-premises spaces; `user_routes`: the prefixes of the
    subnet's user-defined routes to an appliance, which Azure counts in, 0.0.0.0/0 included (azure-docs issue 22178); `gateway_routes_unknown`: a gateway
    propagates routes that nobody read, so that the tag may hold more.
    """

    addresses: AddressSet
    user_routes: AddressSet = NOWHERE
    gateway_routes_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a rule's names stand for: addresses that are in it, more that may be, and why that is not known."""

    certain: AddressSet = NOWHERE
    possible: AddressSet = NOWHERE
    reason: str = ""

    def __or__(self, other: Resolved) -> Resolved:
        return Resolved(self.certain | other.certain, self.possible | other.possible, self.reason or other.reason)


@dataclass(frozen=True)
class Surroundings:
    """Everything a security rule's names may refer to, for one network interface.

    `application_groups`: the members by lower-case resource id of the application security group.
    `network` None: the virtual network could not be read.
    """

    tags: ServiceTags
    network: VirtualNetwork | None
    application_groups: Mapping[str, Resolved] = field(default_factory=dict)
    _known: dict[tuple[str, ...], Resolved] = field(default_factory=dict, repr=False, compare=False)

    def resolve(self, names: tuple[str, ...]) -> Resolved:
        """The union of prefixes and tags."""
        if names not in self._known:
            prefixes = [i for n in names for i in parse_prefix(n) or ()]
            found = Resolved(AddressSet.merged(prefixes))
            for name in names:
                if parse_prefix(name) is None:
                    found |= self._tag(name)
            self._known[names] = found
        return self._known[names]

    def resolve_endpoint(self, names: tuple[str, ...], groups: tuple[str, ...]) -> Resolved:
        """What one side of a rule stands for."""
        found = self.resolve(names)
        return found | self.resolve_groups(groups) if groups else found

    def resolve_groups(self, ids: tuple[str, ...]) -> Resolved:
        """The members of application security groups; they are addresses of the virtual network only."""
        found = Resolved()
        for group in ids:
            members = self.application_groups.get(group.lower())
            if members is None:
                bound = EVERYTHING if self.network is None else self.network.addresses
                name = printable(group.rsplit("/", 1)[-1], 80)
                found |= Resolved(NOWHERE, bound, f"the members of application security group {name} are not known")
            else:
                found |= members
        return found

    def _tag(self, name: str) -> Resolved:
        key = name.lower()
        if key in _FIXED:
            return Resolved(_FIXED[key])
        if key in ("internet", "virtualnetwork"):
            if self.network is None:
                return Resolved(NOWHERE, EVERYTHING, f"{name} is not known: the virtual network was not read")
            return _internet(self.network) if key == "internet" else _virtual_network(self.network)
        found = self.tags.lookup(name)
        if isinstance(found, Unknown):
            return Resolved(NOWHERE, EVERYTHING, found.reason)
        return Resolved(found.addresses)


def _virtual_network(network: VirtualNetwork) -> Resolved:
    certain = network.addresses | network.user_routes | HOST_ADDRESS
    if network.gateway_routes_unknown:
        return Resolved(certain, EVERYTHING, "the routes that the gateway adds to VirtualNetwork were not read")
    return Resolved(certain)


def _internet(network: VirtualNetwork) -> Resolved:
    """Everything public outside the virtual network, Azure's own public addresses included.

    Whether Azure takes public prefixes of user-defined routes out of Internet is documented nowhere.
    """
    public = EVERYTHING - NOT_PUBLIC - network.addresses
    doubtful = public & network.user_routes
    if doubtful:
        reason = (
            f"whether Internet still holds the user-defined routes {network.user_routes.summary(2)} is not documented"
        )
        return Resolved(public - doubtful, doubtful, reason)
    return Resolved(public)
