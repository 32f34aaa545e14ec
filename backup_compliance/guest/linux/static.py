"""Whether an interface is configured for DHCP or statically, by the file of whichever tool rules it.

netplan needs no parser of its own: it writes its result as networkd units or NetworkManager
keyfiles under /run, and those are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_DHCP_ON: Final = frozenset({"yes", "ipv4", "true", "both", "1", "on", "y", "t", "v4"})


def static_or_dhcp(files: Mapping[str, list[str]], interface: str, index: str) -> tuple[bool | None, str]:
    """(True for DHCP, False for static, None where no file tells; the file and line that tell).

    Args:
        files: lines of configuration files by path, comments left out.
        interface: the primary interface's name.
        index: its kernel index.
    """
    by_index = _networkd(files, index) or _networkmanager(files, interface, index)
    for found in (by_index, _sysconfig(files, interface), _ifupdown(files, interface)):
        if found is not None:
            return found
    return None, f"no configuration file names {interface}"


def _networkd(files: Mapping[str, list[str]], index: str) -> tuple[bool, str] | None:
    """By the unit that networkd says it applies; units it does not apply are somebody's leftovers."""
    link = _settings(files.get(f"/run/systemd/netif/links/{index}", []))
    path = link.get("NETWORK_FILE", [""])[-1]
    if path not in files or link.get("ADMIN_STATE", [""])[-1] == "unmanaged":
        return None
    settings = _settings(files[path])
    value = settings.get("DHCP", [""])[-1]
    if value.lower() in _DHCP_ON:
        return True, f"{path}: DHCP={value}"
    address = next((v for v in settings.get("Address", []) if "." in v), None)
    return None if address is None else (False, f"{path}: Address={address}")


def _networkmanager(files: Mapping[str, list[str]], interface: str, index: str) -> tuple[bool, str] | None:
    device = _settings(files.get(f"/run/NetworkManager/devices/{index}", []))
    uuid = device.get("connection-uuid", [""])[0]
    for path, lines in sorted(files.items()):
        if "/NetworkManager/system-connections/" not in path:
            continue
        names = [
            *_section(lines, "connection").get("interface-name", []),
            *_section(lines, "connection").get("uuid", []),
        ]
        # Several profiles may name an interface; the device's state says which one is in use.
        if (uuid or interface) not in names:
            continue
        method = _section(lines, "ipv4").get("method", [""])[0]
        if method in ("auto", "manual"):
            return method == "auto", f"{path}: [ipv4] method={method}"
    return None


def _sysconfig(files: Mapping[str, list[str]], interface: str) -> tuple[bool, str] | None:
    for path in (f"/etc/sysconfig/network-scripts/ifcfg-{interface}", f"/etc/sysconfig/network/ifcfg-{interface}"):
        settings = _settings(files.get(path, []))
        protocol = (settings.get("BOOTPROTO", [""])[-1].lower().split() or [""])[0].strip("\"'")
        if protocol.startswith("dhcp") and protocol != "dhcp6":
            return True, f"{path}: BOOTPROTO={protocol}"
        if protocol == "static" or "IPADDR" in settings:
            return False, f"{path}: BOOTPROTO={protocol or 'unset'}, IPADDR={settings.get('IPADDR', ['none'])[0]}"
    return None


def _ifupdown(files: Mapping[str, list[str]], interface: str) -> tuple[bool, str] | None:
    for path, lines in sorted(files.items()):
        if "/network/interfaces" not in path:
            continue
        for line in lines:
            if match := re.match(rf"\s*iface\s+{re.escape(interface)}\s+inet\s+(dhcp|static)\b", line):
                return match.group(1) == "dhcp", f"{path}: {line.strip()}"
    return None


def _settings(lines: list[str]) -> dict[str, list[str]]:
    """`key=value` lines whatever section they are in; quotes off."""
    found: dict[str, list[str]] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals:
            found.setdefault(key.strip(), []).append(value.strip().strip("\"'"))
    return found


def _section(lines: list[str], name: str) -> dict[str, list[str]]:
    """`key=value` lines of one `[section]`."""
    inside = False
    chosen = []
    for line in lines:
        if line.strip().startswith("["):
            inside = line.strip() == f"[{name}]"
        elif inside:
            chosen.append(line)
    return _settings(chosen)
