"""Whether a machine's private addresses are set where Azure looks for them: on the network interface, not in the guest.

Source: Microsoft Azure VM agent and backup documentation: a static address belongs on the platform, DHCP stays on in
the guest; an interface with several addresses may be static in the guest, for DHCP gives only the primary one.
"""

from __future__ import annotations

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import NotApplicable, Undetermined
from backup_compliance.platform.estate.interfaces import (
    DYNAMIC,
    STATIC,
    Interface,
    IpConfiguration,
    address_of,
    primary_configuration,
)


def static_address_failure(
    interface: Interface,
    guest_addresses: tuple[str, ...] | None,
    guest_uses_dhcp: bool | None,  # noqa: FBT001 - a fact, not a switch
) -> str | None:
    """What is wrong with how the interface gets its IPv4 addresses, or None.

    `guest_addresses`: those of the guest's primary interface, with or without a prefix length; None where no guest
    facts are known, as with `guest_uses_dhcp`. Raises `NotApplicable` for a single dynamic address, `Undetermined`
    where a method, a version or an address is missing or unknown.
    """
    configurations = _ipv4(interface)
    if len(configurations) == 1 and configurations[0].method == DYNAMIC:
        return _single_dynamic(interface, configurations[0], guest_uses_dhcp)
    dynamic = [_named(c) for c in configurations if c.method == DYNAMIC]
    if dynamic:
        return f"{interface} has {len(configurations)} IPv4 addresses, of which these are dynamic: {', '.join(dynamic)}"
    return _disagreement(interface, configurations, guest_addresses) or _without_dhcp(configurations, guest_uses_dhcp)


def _ipv4(interface: Interface) -> tuple[IpConfiguration, ...]:
    for each in interface.configurations:
        if each.version is None:
            raise Undetermined(f"configuration {each.name} of {interface} has an unknown privateIPAddressVersion")
    found = tuple(c for c in interface.configurations if c.version == 4)
    if not found:
        raise Undetermined(f"{interface} has no IPv4 configuration")
    for each in found:
        if each.method not in (STATIC, DYNAMIC):
            told = f"allocation method {each.method}, which is unknown" if each.method else "no allocation method"
            raise Undetermined(f"configuration {each.name} of {interface} has {told}")
    return found


def _single_dynamic(interface: Interface, only: IpConfiguration, guest_uses_dhcp: bool | None) -> str:  # noqa: FBT001
    if guest_uses_dhcp is False:
        return (
            f"the guest has DHCP switched off while {interface} has the dynamic address {only.address or 'unknown'}: "
            "the address must be set on the interface, and the guest must use DHCP"
        )
    raise NotApplicable(f"{interface} has a single dynamic address")


def _disagreement(
    interface: Interface, configurations: tuple[IpConfiguration, ...], guest_addresses: tuple[str, ...] | None
) -> str | None:
    if guest_addresses is None:
        return None
    ours = [_address(c, interface) for c in configurations]
    theirs = _guest_ipv4(guest_addresses)
    primary = primary_configuration(interface)
    strange = [a for a in theirs if a not in ours]
    if strange:
        return (
            f"the guest holds {', '.join(strange[:4])}, which {interface} does not have: it has {', '.join(ours[:8])}"
        )
    if primary.version == 4 and primary.address not in theirs:
        return f"the guest holds {', '.join(theirs[:4])}, without the primary address {primary.address} of {interface}"
    return None


def _address(configuration: IpConfiguration, interface: Interface) -> str:
    if configuration.address is None:
        raise Undetermined(f"configuration {configuration.name} of {interface} has no readable address")
    return configuration.address


def _guest_ipv4(addresses: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for text in addresses:
        address = address_of(text.strip().partition("/")[0])
        if address is None:
            raise Undetermined(f"the guest gives {printable(text, 60)} for an address")
        if ":" not in address:
            found.append(address)
    if not found:
        raise Undetermined("the guest gives no IPv4 address for its primary interface")
    return tuple(found)


def _without_dhcp(configurations: tuple[IpConfiguration, ...], guest_uses_dhcp: bool | None) -> str | None:  # noqa: FBT001
    if guest_uses_dhcp is False and len(configurations) == 1:
        return (
            f"the guest has DHCP switched off: with the single address {configurations[0].address}, static on the "
            "interface, the guest must use DHCP"
        )
    return None


def _named(configuration: IpConfiguration) -> str:
    return f"{configuration.name} ({configuration.address or 'no address'})"
