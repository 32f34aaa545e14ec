"""Whether a configuration file makes the interface static or leaves it to DHCP."""

from __future__ import annotations

import pytest

from backup_compliance.guest.linux.static import static_or_dhcp

Files = dict[str, list[str]]
LINK = "/run/systemd/netif/links/2"
UNIT = "/run/systemd/network/10-netplan-eth0.network"
DEVICE = "/run/NetworkManager/devices/2"
PROFILES = "/etc/NetworkManager/system-connections"
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-eth0"
SUSE = "/etc/sysconfig/network/ifcfg-eth0"
INTERFACES = "/etc/network/interfaces"


def unit(*lines: str, link: tuple[str, ...] = ("ADMIN_STATE=configured", f"NETWORK_FILE={UNIT}")) -> Files:
    """A guest that networkd rules."""
    return {LINK: list(link), UNIT: ["[Match]", "Name=eth0", "[Network]", *lines]}


def profile(name: str, uuid: str, method: str, *more: str) -> Files:
    """A connection profile of NetworkManager."""
    return {f"{PROFILES}/{name}.nmconnection": ["[connection]", f"uuid={uuid}", *more, "[ipv4]", f"method={method}", "[ipv6]", "method=auto"]}  # fmt: skip


DHCP: dict[str, Files] = {
    "networkd, ipv4": unit("DHCP=ipv4"),
    "networkd, yes": unit("DHCP=yes"),
    "networkd, on again": unit("DHCP=no", "DHCP=true"),
    "networkd, a second address": unit("Address=10.0.0.9/24", "DHCP=yes"),
    "networkd before ifupdown": {**unit("DHCP=yes"), INTERFACES: ["iface eth0 inet static"]},
    "NetworkManager, by uuid": {DEVICE: ["[device]", "connection-uuid=u1"], **profile("a", "u1", "auto")},
    "NetworkManager, by name": profile("a", "u1", "auto", "interface-name=eth0"),
    "NetworkManager, the static one unused": {
        DEVICE: ["connection-uuid=u2"],
        **profile("a", "u1", "manual", "interface-name=eth0"),
        **profile("b", "u2", "auto", "interface-name=eth0"),
    },
    "ifcfg": {IFCFG: ["DEVICE=eth0", "BOOTPROTO=dhcp", "ONBOOT=yes"]},
    "ifcfg, quoted": {IFCFG: ['BOOTPROTO="dhcp"']},
    "ifcfg, commented": {IFCFG: ["BOOTPROTO=dhcp # by cloud-init"]},
    "ifcfg of SUSE": {SUSE: ["BOOTPROTO='dhcp4'", "STARTMODE='auto'"]},
    "ifcfg of SUSE, with a fallback": {SUSE: ["BOOTPROTO='dhcp+autoip'"]},
    "ifcfg, the last counts": {IFCFG: ["BOOTPROTO=static", "BOOTPROTO=dhcp"]},
    "ifupdown": {INTERFACES: ["auto eth0", "iface eth0 inet dhcp"]},
    "ifupdown, indented": {INTERFACES: ["  iface  eth0  inet  dhcp "]},
    "ifupdown, a folder": {f"{INTERFACES}.d/50-cloud-init": ["iface eth0 inet dhcp"]},
}
STATIC: dict[str, Files] = {
    "networkd": unit("DHCP=no", "Address=10.0.0.4/24"),
    "networkd, no DHCP line": unit("Address=10.0.0.4/24"),
    "networkd, IPv6 by DHCP": unit("DHCP=ipv6", "Address=10.0.0.4/24"),
    "networkd, off again": unit("DHCP=yes", "DHCP=no", "Address=10.0.0.4/24"),
    "networkd, a unit somebody left": {
        **unit("Address=10.0.0.4/24"),
        "/etc/systemd/network/05-old.network": ["[Match]", "Name=*", "[Network]", "DHCP=yes"],
    },
    "NetworkManager": {DEVICE: ["connection-uuid=u1"], **profile("a", "u1", "manual")},
    "NetworkManager, the other one unused": {
        DEVICE: ["connection-uuid=u2"],
        **profile("a", "u1", "auto", "interface-name=eth0"),
        **profile("b", "u2", "manual", "interface-name=eth0"),
    },
    "ifcfg, static": {IFCFG: ["BOOTPROTO=static", "IPADDR=10.0.0.4"]},
    "ifcfg, none": {IFCFG: ["BOOTPROTO=none", "IPADDR=10.0.0.4"]},
    "ifcfg, IPv6 by DHCP": {SUSE: ["BOOTPROTO='dhcp6'", "IPADDR=10.0.0.4/24"]},
    "ifcfg, unset": {IFCFG: ["IPADDR=10.0.0.4"]},
    "ifupdown": {INTERFACES: ["auto eth0", "iface eth0 inet static", " address 10.0.0.4/24"]},
    "ifupdown, a unit of networkd that is not in use": {
        "/etc/systemd/network/10.network": ["[Match]", "Name=eth0", "[Network]", "DHCP=yes"],
        INTERFACES: ["iface eth0 inet static"],
    },
    "ifupdown, networkd does not manage it": {
        **unit("DHCP=yes", link=("ADMIN_STATE=unmanaged", f"NETWORK_FILE={UNIT}")),
        INTERFACES: ["iface eth0 inet static"],
    },
}
UNKNOWN: dict[str, Files] = {
    "nothing": {},
    "another interface": {INTERFACES: ["iface eth1 inet static", "iface eth01 inet dhcp", "iface eth0 inet6 static"]},
    "another index": {"/run/systemd/netif/links/3": [f"NETWORK_FILE={UNIT}"], UNIT: ["[Network]", "DHCP=yes"]},
    "a unit that was not read": {LINK: ["NETWORK_FILE=/usr/lib/systemd/network/zz.network"]},
    "a unit that tells neither": unit("LinkLocalAddressing=ipv6"),
    "IPv6 only": unit("Address=2603::1/64"),
    "a profile that tells neither": profile("a", "u1", "disabled", "interface-name=eth0"),
    "the profile in use was not read": {DEVICE: ["connection-uuid=u9"], **profile("a", "u1", "auto", "interface-name=eth0")},
    "ifcfg tells neither": {IFCFG: ["BOOTPROTO=none"]},
    "ifcfg, IPv6 only": {IFCFG: ["BOOTPROTO=dhcp6"]},
    "ifupdown, manual": {INTERFACES: ["iface eth0 inet manual"]},
    "ifupdown, a longer word": {INTERFACES: ["iface eth0 inet dhcpx"]},
    "junk": {INTERFACES: ["\x00", "=" * 5000, "[" * 5000], IFCFG: ["=", "BOOTPROTO=", "\x00=\x00"], LINK: ["NETWORK_FILE"]},
}  # fmt: skip


@pytest.mark.parametrize("files", DHCP.values(), ids=DHCP.keys())
def test_interface_is_left_to_dhcp(files: Files) -> None:
    """By the file of the tool that rules it."""
    assert static_or_dhcp(files, "eth0", "2")[0] is True


@pytest.mark.parametrize("files", STATIC.values(), ids=STATIC.keys())
def test_interface_is_static(files: Files) -> None:
    """Leftovers of other tools do not count."""
    assert static_or_dhcp(files, "eth0", "2")[0] is False


@pytest.mark.parametrize("files", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_interface_is_unknown(files: Files) -> None:
    """No file that is in use tells; nothing is guessed."""
    assert static_or_dhcp(files, "eth0", "2")[0] is None


def test_evidence_names_file_and_line() -> None:
    """An auditor looks there."""
    files = {INTERFACES: [" iface eth0 inet static "]}
    assert static_or_dhcp(files, "eth0", "2")[1] == "/etc/network/interfaces: iface eth0 inet static"


@pytest.mark.parametrize("interface", ["", ".*", "eth0(", "[", "\\", "x" * 5000])
def test_interface_of_any_name_is_no_pattern(interface: str) -> None:
    """The name comes from the guest."""
    assert static_or_dhcp({INTERFACES: ["iface eth0 inet dhcp"]}, interface, "2")[0] is None
