"""Network interfaces of virtual machines, joined by resource id; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from backup_compliance.model.arm_json import as_record, name_of, text_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Undetermined, Unreadable
from backup_compliance.platform.estate.facts import Profile, VmIdentity
from backup_compliance.platform.estate.lookup import Estate, Resource, normalize_id
from backup_compliance.platform.estate.references import follow, reference_at, references_at

STATIC: Final = "Static"
DYNAMIC: Final = "Dynamic"
_METHODS: Final = {"static": STATIC, "dynamic": DYNAMIC}
_VERSIONS: Final = {"": 4, "ipv4": 4, "ipv6": 6}
_ADDRESS: Final = re.compile(r"[0-9a-fA-F:.]{2,45}")


@dataclass(frozen=True, slots=True)
class IpConfiguration:
    """One private address of a network interface; references as in `platform.references`."""

    name: str
    address: str | None
    """None: ARM gives none, or none that is an address."""
    version: int | None
    """4 or 6; None for an unknown one."""
    method: str
    """`Static`, `Dynamic`, or what else ARM says."""
    is_primary: bool
    subnet_id: str | None
    public_ip_id: str | None
    backend_pool_ids: tuple[str, ...]
    application_group_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface."""

    id: str
    name: str
    is_primary: bool
    """Its own `properties.primary`."""
    security_group_id: str | None
    configurations: tuple[IpConfiguration, ...]

    def __str__(self) -> str:
        return f"network interface {self.name}"


def parse_interface(record: Resource) -> Interface:
    """A `Microsoft.Network/networkInterfaces` resource; `Unreadable` when it has no list of configurations."""
    name = name_of(record, "without a name")
    properties = as_record(record.get("properties"))
    entries = properties.get("ipConfigurations") if properties is not None else None
    if properties is None or not isinstance(entries, list):
        raise Unreadable(f"network interface {name} has no list ipConfigurations", RECOLLECT_OR_LOOK)
    return Interface(
        id=printable(text_at(record, "id"), 400),
        name=name,
        is_primary=properties.get("primary") is True,
        security_group_id=reference_at(properties, "networkSecurityGroup"),
        configurations=tuple(_configuration(e, name, i) for i, e in enumerate(entries)),
    )


def _configuration(entry: Any, interface: str, index: int) -> IpConfiguration:
    record = as_record(entry)
    properties = as_record(record.get("properties")) if record is not None else None
    if record is None or properties is None:
        raise Unreadable(
            f"ipConfigurations[{index}] of network interface {interface} has no properties", RECOLLECT_OR_LOOK
        )
    method = text_at(properties, "privateIPAllocationMethod")
    version = properties.get("privateIPAddressVersion", "")
    return IpConfiguration(
        name=name_of(record, f"ipConfigurations[{index}]"),
        address=address_of(text_at(properties, "privateIPAddress")),
        version=_VERSIONS.get(version.strip().lower()) if isinstance(version, str) else None,
        method=_METHODS.get(method.lower(), printable(method, 40)),
        is_primary=properties.get("primary") is True,
        subnet_id=reference_at(properties, "subnet"),
        public_ip_id=reference_at(properties, "publicIPAddress"),
        backend_pool_ids=references_at(properties, "loadBalancerBackendAddressPools"),
        application_group_ids=references_at(properties, "applicationSecurityGroups"),
    )


def address_of(text: str) -> str | None:
    """The one spelling of an IP address; None for whatever else."""
    try:
        return str(ip_address(text)) if _ADDRESS.fullmatch(text) else None
    except ValueError:
        return None


def find_interface(estate: Estate, reference: str, named_by: str) -> Interface:
    """The network interface with that resource id, parsed once."""
    record = follow(estate, "networkInterfaces", reference, named_by)
    return estate.cached(("interface", normalize_id(reference)), lambda: parse_interface(record))


def find_interfaces(estate: Estate, profile: Profile, vm: VmIdentity) -> tuple[Interface, ...]:
    """Every network interface of a virtual machine, in its order.

    Raises `Unreadable` where its model or one of them was not read, `Undetermined` where the model names none.
    """
    named_by = f"virtual machine {vm.name}"
    return tuple(find_interface(estate, reference, named_by) for reference in _references(profile, vm).values())


def _references(profile: Profile, vm: VmIdentity) -> dict[str, str]:
    if profile.interface_ids is None:
        raise Unreadable(f"the model of virtual machine {vm.name} has no list networkInterfaces", RECOLLECT_OR_LOOK)
    if not profile.interface_ids:
        raise Undetermined(f"virtual machine {vm.name} has no network interface")
    return {normalize_id(reference): reference for reference in profile.interface_ids}


def primary_interface(estate: Estate, profile: Profile, vm: VmIdentity) -> Interface:
    """Where a virtual machine's traffic leaves: what the model calls primary, else what calls itself so, else the only one.

    Raises as `find_interfaces`, and `Undetermined` when nobody says which of several it is.
    """
    if profile.primary_interface_id:
        return find_interface(estate, profile.primary_interface_id, f"virtual machine {vm.name}")
    found = find_interfaces(estate, profile, vm)
    primary = found if len(found) == 1 else [i for i in found if i.is_primary]
    if len(primary) != 1:
        names = ", ".join(i.name for i in found[:4])
        raise Undetermined(
            f"virtual machine {vm.name} has {len(found)} network interfaces ({names}) of which "
            f"{'none' if not primary else 'several'} is primary: where its traffic leaves is not known"
        )
    return primary[0]


def primary_configuration(interface: Interface) -> IpConfiguration:
    """The configuration whose address outgoing traffic has: the primary one, else the only one; else `Undetermined`."""
    found = interface.configurations
    primary = found if len(found) == 1 else [c for c in found if c.is_primary]
    if len(primary) != 1:
        raise Undetermined(
            f"{interface} has {len(found)} IP configurations, {len(primary)} of them primary: "
            "the address of outgoing traffic is not known"
        )
    return primary[0]


def attachment_of(interface: Interface) -> str:
    """The id of the subnet that the primary configuration is in; `Unreadable` when it names none."""
    configuration = primary_configuration(interface)
    if not configuration.subnet_id:
        raise Unreadable(f"configuration {configuration.name} of {interface} names no subnet", RECOLLECT_OR_LOOK)
    return configuration.subnet_id
