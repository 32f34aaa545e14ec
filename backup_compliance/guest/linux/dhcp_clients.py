"""Every DHCP client of Azure's Linux images: one record each; what the probe reads, parsers and messages follow from it.

A client that has no record here makes its lease file unreadable, and can make no static guest a DHCP guest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

from backup_compliance.guest.addressing import Lease
from backup_compliance.guest.linux.lease_formats import (
    parse_dhclient,
    parse_dhcpcd,
    parse_networkd,
    parse_networkmanager,
    parse_wicked,
)

FileParser: TypeAlias = Callable[[str, list[str], Mapping[str, str]], list[Lease]]
"""Path, lines, and names of interfaces by index."""


class Reading(Enum):
    """How the probe reads a client's files; the value is the shell function that holds their globs."""

    TEXT = "text_leases"
    """The lines that `lines` matches, for the part `leases`."""
    XML = "xml_leases"
    """All of it, for the part `leases`."""
    RAW = "raw_leases"
    """Its bytes, each file in a part named after the client."""
    RUNTIME = "runtime_leases"
    """The settings that `lines` matches, for the part `config`."""


@dataclass(frozen=True, slots=True)
class DhcpClient:
    """Where one client keeps its leases, and what they prove."""

    name: str
    globs: tuple[str, ...]
    reading: Reading
    parse: FileParser
    lines: tuple[str, ...] = ()
    """Extended regular expressions of what the probe sends; for RUNTIME of the keys before `=`."""
    folders: tuple[str, ...] = ()
    """Whether they exist is told as well."""
    proves_dhcp: bool = False
    """A lease of it is there only while DHCP rules the address. Else it may be left from before the address was made
    static, and proves nothing against a configuration that says so: Azure's leases do not run out by themselves."""
    may_leave_out_option_245: bool = False
    """Not every record that it keeps of a lease tells option 245: one that does goes first."""


def _text(parse: Callable[[str, list[str]], list[Lease]]) -> FileParser:
    return lambda path, lines, interfaces: parse(path, lines)


CLIENTS: Final = (
    DhcpClient(
        name="dhclient",
        globs=(
            "/var/lib/dhcp/dhclient*.lease*",
            "/var/lib/dhclient/*.lease*",
            "/var/lib/NetworkManager/dhclient-*.lease",
        ),
        reading=Reading.TEXT,
        parse=_text(parse_dhclient),
        lines=(r"lease \{", "^ *interface", "fixed-address", "245", "^ *expire", r"^\}", "^ *renew"),
        folders=("/var/lib/dhcp", "/var/lib/dhclient"),
    ),
    DhcpClient(
        name="systemd-networkd",
        globs=("/run/systemd/netif/leases/*",),
        reading=Reading.RUNTIME,
        parse=parse_networkd,
        lines=("ADDRESS", "SERVER_ADDRESS", "LIFETIME", "OPTION_245"),
        folders=("/run/systemd/netif",),
        proves_dhcp=True,
    ),
    DhcpClient(
        name="NetworkManager",
        globs=("/run/NetworkManager/devices/*",),
        reading=Reading.RUNTIME,
        parse=parse_networkmanager,
        lines=("ip_address", "private_245", "unknown_245", "expiry", r"dhcp4\.[a-z0-9_]*"),
        folders=("/var/lib/NetworkManager", "/run/NetworkManager"),
        proves_dhcp=True,
        may_leave_out_option_245=True,
    ),
    DhcpClient(
        name="wicked",
        globs=("/var/lib/wicked/lease-*-dhcp-ipv4.xml", "/run/wicked/lease-*-dhcp-ipv4.xml"),
        reading=Reading.XML,
        parse=_text(parse_wicked),
        folders=("/var/lib/wicked",),
    ),
    DhcpClient(
        name="dhcpcd",
        globs=("/var/lib/dhcpcd/*.lease", "/var/lib/dhcpcd5/*.lease"),
        reading=Reading.RAW,
        parse=_text(lambda path, lines: parse_dhcpcd(path, "\n".join(lines))),
        folders=("/var/lib/dhcpcd",),
    ),
)
BY_NAME: Final = {client.name: client for client in CLIENTS}


def client_of(path: str, *readings: Reading) -> DhcpClient | None:
    """The client that keeps its leases in such a file, and is read in one of these ways."""
    return next((c for c in CLIENTS if c.reading in readings and any(fnmatchcase(path, g) for g in c.globs)), None)


def proves_dhcp(lease: Lease) -> bool:
    """Whether this lease outweighs a configuration file that says static; not for a client without a record."""
    client = BY_NAME.get(lease.client)
    return client is not None and client.proves_dhcp


def table_for_probe() -> str:
    """The table as probe.sh holds it: functions that add a client's files to a command, and what to look for in them."""
    rows = [_function(reading.value, [c for c in CLIENTS if c.reading is reading]) for reading in Reading]
    folders = " ".join(f'"$R{folder}"' for c in CLIENTS for folder in c.folders)
    text, runtime = (
        "|".join(x for c in CLIENTS if c.reading is r for x in c.lines) for r in (Reading.TEXT, Reading.RUNTIME)
    )
    assert not re.search("['\"]", text + runtime), "they stand in quotes of the shell"
    return "\n".join(
        [
            *rows,
            f'lease_folders() {{ "$@" {folders}; }}',
            f"LEASE_LINES='{text}'",
            f"LEASE_SETTINGS='({runtime})[[:space:]]*=|.*\"?Private_Options'",
        ]
    )


def _function(name: str, clients: list[DhcpClient]) -> str:
    named = [(c.name if c.reading is Reading.RAW else "", c) for c in clients]
    calls = [" ".join(['"$@"', *filter(None, [own]), *(f'"$R"{g}' for g in c.globs)]) for own, c in named]
    together = calls if name == Reading.RAW.value else ['"$@" ' + " ".join(x.removeprefix('"$@" ') for x in calls)]
    return f"{name}() {{ {'; '.join(together)}; }} # {', '.join(c.name for c in clients)}"
