"""AVB-414 by its facts: allocation methods, versions, what the guest holds, and whether it uses DHCP."""

from __future__ import annotations

from typing import Any

import pytest

from backup_compliance.model.verdicts import NotApplicable, Undetermined
from backup_compliance.platform.decisions.static_address import static_address_failure
from backup_compliance.platform.estate.interfaces import Interface, parse_interface
from selftests.builders.arm import network_id


def configuration(
    name: str, address: str | None, method: Any = "Static", version: Any = "IPv4", *, primary: bool = False
) -> dict[str, Any]:
    """One configuration as ARM gives it."""
    properties = {"privateIPAllocationMethod": method, "privateIPAddressVersion": version, "primary": primary}
    return {"name": name, "properties": properties | ({} if address is None else {"privateIPAddress": address})}


def interface(*configurations: dict[str, Any]) -> Interface:
    """An interface with these configurations."""
    return parse_interface(
        {
            "id": network_id("networkInterfaces", "nic"),
            "name": "nic",
            "properties": {"ipConfigurations": list(configurations)},
        }
    )


ONE = interface(configuration("a", "10.0.0.4", primary=True))
TWO = interface(configuration("a", "10.0.0.4", primary=True), configuration("b", "10.0.0.5"))
DYNAMIC = interface(configuration("a", "10.0.0.4", "Dynamic", primary=True))
DUAL = interface(configuration("a", "10.0.0.4", primary=True), configuration("b", "fd00::4", "Dynamic", "IPv6"))


@pytest.mark.parametrize("addresses", [None, ("10.0.0.4",), ("10.0.0.4/24",), (" 10.0.0.4/24 ", "fe80::1/64")])
@pytest.mark.parametrize("dhcp", [None, True])
def test_single_static_address_holds(addresses: tuple[str, ...] | None, dhcp: bool | None) -> None:  # noqa: FBT001  # a table
    """Where the guest holds it and uses DHCP, or nobody read the guest."""
    assert static_address_failure(ONE, addresses, dhcp) is None


def test_single_static_address_needs_dhcp_in_the_guest() -> None:
    """With several addresses a guest may set them itself."""
    failure = static_address_failure(ONE, ("10.0.0.4",), False)
    assert failure is not None
    assert "DHCP switched off: with the single address 10.0.0.4" in failure
    assert static_address_failure(TWO, ("10.0.0.4", "10.0.0.5"), False) is None


@pytest.mark.parametrize("dhcp", [None, True])
def test_single_dynamic_address_is_nobodys_business(dhcp: bool | None) -> None:  # noqa: FBT001  # a table
    """Whatever the guest holds."""
    for addresses in (None, ("10.0.0.99",)):
        with pytest.raises(NotApplicable, match="single dynamic address"):
            static_address_failure(DYNAMIC, addresses, dhcp)


@pytest.mark.parametrize(("address", "told"), [("10.0.0.4", "10.0.0.4"), (None, "unknown")])
def test_dynamic_address_and_no_dhcp_contradict(address: str | None, told: str) -> None:
    """The address may be anybody's tomorrow."""
    failure = static_address_failure(interface(configuration("a", address, "Dynamic")), None, False)
    assert failure is not None
    assert f"has the dynamic address {told}:" in failure


def test_dynamic_address_among_several_fails_and_is_named() -> None:
    """Each of them; IPv6 is another matter."""
    mixed = interface(
        configuration("a", "10.0.0.4", primary=True),
        configuration("b", "10.0.0.5", "dynamic"),
        configuration("c", None, "DYNAMIC"),
    )
    failure = static_address_failure(mixed, None, None)
    assert (
        failure
        == "network interface nic has 3 IPv4 addresses, of which these are dynamic: b (10.0.0.5), c (no address)"
    )
    assert static_address_failure(DUAL, ("10.0.0.4",), True) is None
    two_dynamic = interface(configuration("a", "10.0.0.4", "Dynamic"), configuration("b", "10.0.0.5", "Dynamic"))
    assert "2 IPv4 addresses" in str(static_address_failure(two_dynamic, None, None))


@pytest.mark.parametrize(
    ("given", "addresses", "said"),
    [
        (ONE, ("10.0.0.9",), "holds 10.0.0.9, which network interface nic does not have: it has 10.0.0.4"),
        (ONE, ("10.0.0.4", "10.0.0.9"), "holds 10.0.0.9, which"),
        (TWO, ("10.0.0.5",), "holds 10.0.0.5, without the primary address 10.0.0.4"),
        (TWO, ("10.0.0.4",), None),
        (TWO, ("10.0.0.5", "10.0.0.4"), None),
        (DUAL, ("10.0.0.4", "fd00::99"), None),
    ],
)
def test_guest_holds_what_the_platform_gave(given: Interface, addresses: tuple[str, ...], said: str | None) -> None:
    """Nothing else, and the primary address at least."""
    failure = static_address_failure(given, addresses, True)
    assert said in str(failure) if said else failure is None


def test_primary_address_of_ipv6_is_none_that_a_guest_must_hold() -> None:
    """Its IPv4 addresses are compared all the same."""
    v6 = interface(configuration("a", "fd00::4", "Static", "IPv6", primary=True), configuration("b", "10.0.0.5"))
    assert static_address_failure(v6, ("10.0.0.5",), True) is None
    assert "10.0.0.6" in str(static_address_failure(v6, ("10.0.0.6",), True))


def test_long_lists_of_addresses_are_cut() -> None:
    """Four of the guest's, eight of the interface's."""
    many = interface(*(configuration(f"c{n}", f"10.0.0.{n}", primary=n == 1) for n in range(1, 11)))
    failure = str(static_address_failure(many, tuple(f"10.9.0.{n}" for n in range(1, 7)), True))
    assert "10.9.0.4" in failure
    assert "10.9.0.5" not in failure
    assert failure.endswith("10.0.0.8")
    missing = str(static_address_failure(many, tuple(f"10.0.0.{n}" for n in range(2, 8)), True))
    assert "holds 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, without the primary address 10.0.0.1" in missing


@pytest.mark.parametrize(
    ("given", "addresses", "said"),
    [
        (interface(configuration("a", "10.0.0.4", version="IPv5")), None, "unknown privateIPAddressVersion"),
        (interface(configuration("a", "10.0.0.4", version=7)), None, "unknown privateIPAddressVersion"),
        (interface(configuration("a", "fd00::4", version="IPv6")), None, "no IPv4 configuration"),
        (interface(), None, "no IPv4 configuration"),
        (interface(configuration("a", "10.0.0.4", "Magic")), None, "allocation method Magic, which is unknown"),
        (interface(configuration("a", "10.0.0.4", None)), None, "no allocation method"),
        (interface(configuration("a", None)), ("10.0.0.4",), "has no readable address"),
        (interface(configuration("a", "nonsense")), ("10.0.0.4",), "has no readable address"),
        (ONE, ("nonsense",), "the guest gives nonsense for an address"),
        (ONE, ("10.0.0.4", ""), "for an address"),
        (ONE, (), "no IPv4 address for its primary interface"),
        (ONE, ("fe80::1",), "no IPv4 address for its primary interface"),
        (interface(configuration("a", "10.0.0.4"), configuration("b", "10.0.0.5")), ("10.0.0.4",), "0 of them primary"),
    ],
)
def test_what_is_not_known_is_undetermined(given: Interface, addresses: tuple[str, ...] | None, said: str) -> None:
    """With the configuration or the address in question."""
    with pytest.raises(Undetermined, match=said):
        static_address_failure(given, addresses, None)


def test_version_may_be_missing() -> None:
    """ARM's older replies have none: it is IPv4."""
    made = configuration("a", "10.0.0.4", primary=True)
    del made["properties"]["privateIPAddressVersion"]
    assert static_address_failure(interface(made), ("10.0.0.4",), True) is None
