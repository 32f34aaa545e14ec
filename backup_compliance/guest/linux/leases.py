"""DHCP leases of every client that has a record, and how the primary interface is addressed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from backup_compliance.guest.addressing import Addressing, Lease
from backup_compliance.guest.linux.dhcp_clients import BY_NAME, Reading, client_of, proves_dhcp
from backup_compliance.guest.linux.files import parse_configuration, parse_lines
from backup_compliance.guest.linux.grammar import LEASE_TAIL
from backup_compliance.guest.linux.lease_formats import parse_nmcli
from backup_compliance.guest.linux.static import static_or_dhcp
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable

ENDPOINT_FILE: Final = "/var/lib/waagent/WireServerEndpoint"
_ADDRESS_LINE = re.compile(r"[0-9]{1,6}: (\S{1,40}) +inet ([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:/[0-9]{1,2})? .*")


def parse_leases(output: ProbeOutput, interface: str, index: str) -> list[Lease]:
    """Every lease the guest keeps, of every client, in the order in which they were written.

    Raises:
        Unreadable: a file of no client that is known, or a line that its client does not write.
    """
    interfaces = {index: interface}
    leases: list[Lease] = []
    part = output.one("leases")
    if len(part.text.encode("utf-8", "replace")) >= LEASE_TAIL:
        part = replace(part, text=part.text.partition("\n")[2])  # its first line may have lost its beginning
    for path, lines in parse_lines(part.text).items():
        client = client_of(path, Reading.TEXT, Reading.XML)
        if client is None:
            raise Unreadable(f"{printable(path, 120)} is no lease file of a client that is known", RECOLLECT)
        leases += client.parse(path, lines, interfaces)
    for path, lines in parse_configuration(output).items():
        if runtime := client_of(path, Reading.RUNTIME):
            leases += runtime.parse(path, lines, interfaces)
    for client in (c for c in BY_NAME.values() if c.reading is Reading.RAW):
        for part in output.all(client.name):
            path = part.words[1] if len(part.words) > 1 else client.name
            leases += client.parse(path, part.lines(), interfaces)
    for part in output.all("nmcli"):
        leases += parse_nmcli(part.text, interface)
    return leases


def choose_lease(
    leases: Iterable[Lease], interface: str, addresses: tuple[str, ...], now: datetime
) -> tuple[Lease | None, Lease | None]:
    """(current, expired): the last unexpired lease of the interface, else the newest expired one.

    A lease is the interface's only if its address is, and its file names no other interface. One of a client that is at
    work goes before one that may be left over, and one that tells option 245 before one that need not tell it.
    """
    own = [x for x in leases if x.interface in (interface, None) and x.address in addresses]
    current = [x for x in own if x.expires_at is None or x.expires_at > now]
    live = [x for x in current if proves_dhcp(x)] or current
    best = [x for x in live if x.option_245 is not None or not _need_not_tell(x)] or live
    newest = max((x for x in own if x not in current), key=lambda x: x.expires_at or now, default=None)
    return (best[-1] if best else None), newest


def _need_not_tell(lease: Lease) -> bool:
    client = BY_NAME.get(lease.client)
    return client is not None and client.may_leave_out_option_245


def _foreign(leases: Iterable[Lease], interface: str, addresses: tuple[str, ...], now: datetime) -> Lease | None:
    """The last lease that holds, names the interface and is for an address that the interface does not have."""
    found = [x for x in leases if x.interface == interface and x.address not in addresses]
    return next((x for x in reversed(found) if x.expires_at is None or x.expires_at > now), None)


def parse_interface(output: ProbeOutput) -> tuple[str, str, tuple[str, ...]]:
    """Name, index and IPv4 addresses of the primary interface, the one with the default route."""
    part = output.one("interface")
    pairs = part.pairs()
    interface = pairs.get("name") or ""
    if not interface:
        raise Unreadable("the guest has no default route, so no primary interface", "look at `ip route` on the guest")
    addresses = []
    for line in (x for x in part.lines() if x.strip() and not x.startswith(("name=", "index="))):
        found = _ADDRESS_LINE.fullmatch(line)
        if found is None or found.group(1) != interface:
            raise part.damaged(line)
        addresses.append(found.group(2))
    if not addresses:
        raise Unreadable(
            f"the addresses of {printable(interface, 40)} were not read",
            "install iproute2 on the guest, and look at `ip -4 addr`",
        )
    return interface, pairs.get("index", ""), tuple(dict.fromkeys(addresses))


def parse_addressing(output: ProbeOutput, now: datetime) -> Addressing:
    """How the primary interface comes by its address."""
    interface, index, addresses = parse_interface(output)
    files = parse_configuration(output)
    leases = parse_leases(output, interface, index)
    lease, expired = choose_lease(leases, interface, addresses, now)
    foreign = None if lease else _foreign(leases, interface, addresses, now)
    configured, evidence = static_or_dhcp(files, interface, index)
    if configured is False and lease is not None and not proves_dhcp(lease):
        lease = expired = None
    if lease is not None:
        configured, evidence = True, f"lease of {lease.client} in {lease.source}"
    elif configured is None and foreign is not None:
        told = f"{', '.join(addresses)} is not the address of the lease in {foreign.source} ({foreign.address})"
        configured, evidence = False, told
    endpoint = "".join(files.get(ENDPOINT_FILE, [])).strip()
    return Addressing(
        interface=printable(interface, 40),
        addresses=addresses,
        uses_dhcp=configured,
        evidence=printable(evidence, 200),
        lease=lease,
        expired=None if lease else expired,
        foreign=foreign,
        agent_endpoint=printable(endpoint, 60) or None,
    )
