"""DHCP leases of every client Azure's Linux images use, and how the primary interface is addressed.

Shapes: dhclient writes a log of `lease {}` blocks, the last unexpired one counts; systemd-networkd
keeps a lease only while it holds; NetworkManager's internal client tells option 245 in its runtime
state and through nmcli; wicked writes XML with an undeclared prefix; dhcpcd keeps the raw reply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from backup_compliance.guest.facts import Addressing, Lease
from backup_compliance.guest.linux.files import parse_configuration, parse_lines
from backup_compliance.guest.linux.static import static_or_dhcp
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

KEPT_ON_DISK: Final = frozenset({"dhclient", "wicked", "dhcpcd"})
"""Clients whose leases stay after the address was made static; Azure's leases do not run out by themselves."""
FOREVER: Final = 0xFFFFFFFF
"""A lease time without end (RFC 2131, 3.3)."""
WICKED_LIMIT: Final = 65536
"""Characters of a wicked lease that are looked at; the probe sends 16,384 bytes."""
ENDPOINT_FILE: Final = "/var/lib/waagent/WireServerEndpoint"
_OPTION = re.compile(r'option\s{1,8}(?:unknown|private|azure)[-_]245\s{1,8}("(?:[^"\\\n]|\\.){0,80}"|[^;"\n]{1,80});')
_DATE = re.compile(r"expire\s+(?:(never)|epoch\s+(\d+)|\d\s+(?:(never)|(\d{4})/(\d\d)/(\d\d)\s+(\d\d):(\d\d):(\d\d)))")
_ESCAPE = re.compile(r"\\(?:([0-7]{3})|(.))")


def decode_option_245(text: str) -> IPv4Address | None:
    """The address in option 245: `a8:3f:81:10`, `a83f8110`, `a:4d:0:63`, or a quoted string of 4 bytes."""
    text = text.strip().rstrip(";").strip()
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        plain = _ESCAPE.sub(lambda m: chr(int(m.group(1), 8)) if m.group(1) else m.group(2), text[1:-1])
        raw = plain.encode("latin-1", "ignore") if max(plain, default="") <= "\xff" else b""
    elif re.fullmatch(r"[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){3}", text):
        raw = bytes(int(part, 16) for part in text.split(":"))
    elif re.fullmatch(r"[0-9A-Fa-f]{8}", text):
        raw = bytes.fromhex(text)
    else:
        return None
    return IPv4Address(raw) if len(raw) == 4 else None


def parse_dhclient(source: str, lines: Iterable[str]) -> list[Lease]:
    """Every complete `lease {}` block of one dhclient file, oldest first."""
    leases = []
    block: list[str] | None = None
    for line in lines:
        if re.match(r"\s*lease\s*\{", line):
            block = []
        elif line.strip() == "}" and block is not None:
            leases.append(_dhclient_lease(source, "\n".join(block)))
            block = None
        elif block is not None:
            block.append(line)
    return leases


def _dhclient_lease(source: str, text: str) -> Lease:
    interface = re.search(r'interface\s+"([^"]*)"', text)
    address = re.search(r"fixed-address\s+([\d.]+)", text)
    option = _OPTION.search(text)
    return Lease(
        source=source,
        client="dhclient",
        interface=interface and printable(interface.group(1), 40),
        address=address and address.group(1),
        option_245=option and printable(option.group(1), 60),
        expires_at=_expiry(text),
    )


def _expiry(text: str) -> datetime | None:
    """UTC; None for `never`. A block that names no end was cut or made up, and counts as long run out."""
    found = _DATE.search(text)
    if found is None and (unknown := re.search(r"^\s*expire\b.*", text, re.MULTILINE)):
        raise Unreadable(f"a lease's end is in no known form: {printable(unknown.group(), 60)}")
    if found is None:
        return datetime.fromtimestamp(0, UTC)
    if found.group(1) or found.group(3):
        return None
    try:
        if found.group(2):
            return datetime.fromtimestamp(int(found.group(2)), UTC)
        year, month, day, hour, minute, second = (int(g) for g in found.groups()[3:])
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"a lease ends on no date that exists: {printable(found.group(), 60)}") from error


def parse_networkd(source: str, lines: list[str], interfaces: dict[str, str]) -> Lease:
    """A lease of systemd-networkd, in its own format or as JSON; `interfaces` maps index to name."""
    index = source.rsplit("/", 1)[-1]
    values = dict(x.split("=", 1) for x in lines if "=" in x)
    option = values.get("OPTION_245")
    if option is None and (private := _json_option("\n".join(lines))):
        option = private
    return Lease(
        source=source,
        client="systemd-networkd",
        interface=interfaces.get(index),
        address=_address(values.get("ADDRESS")),
        option_245=option and printable(option, 60),
        expires_at=None,
    )


def _json_option(text: str) -> str | None:
    try:
        document = json.loads(text)
        options = document.get("Private_Options", [])
        return next((str(o["Data"]) for o in options if o.get("Option") == 245), None)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None


def parse_networkmanager(source: str, lines: list[str], interfaces: dict[str, str]) -> Lease | None:
    """NetworkManager's runtime state of a device; None where the device has no DHCP lease."""
    # Keys are written `dhcp4.NAME`; those of the section count without it as well.
    dhcp: dict[str, str] = {}
    section = ""
    for key, equals, value in (line.strip().partition("=") for line in lines):
        section = section if equals else key
        if equals and (section == "[dhcp4]" or key.startswith("dhcp4.")):
            dhcp[key.removeprefix("dhcp4.")] = value
    if not dhcp:
        return None
    option = dhcp.get("private_245") or dhcp.get("unknown_245")
    return Lease(
        source,
        "NetworkManager",
        interfaces.get(source.rsplit("/", 1)[-1]),
        _address(dhcp.get("ip_address")),
        option and printable(option, 60),
        _epoch(dhcp.get("expiry")),
    )


def parse_nmcli(text: str, interface: str) -> Lease | None:
    """`nmcli -t -f DHCP4 device show`; None where it shows no lease."""
    values = dict(re.findall(r"^DHCP4\.OPTION\[\d+\]:[ \t]*(\w+) = (.*)$", text.replace("\\:", ":"), re.MULTILINE))
    if not values:
        return None
    option = values.get("private_245") or values.get("unknown_245")
    return Lease(
        "nmcli device show",
        "NetworkManager",
        interface,
        _address(values.get("ip_address")),
        option and printable(option, 60),
        _epoch(values.get("expiry")),
    )


def _epoch(text: str | None) -> datetime | None:
    """Seconds since 1970 as NetworkManager and wicked write them; None where there are none."""
    try:
        return datetime.fromtimestamp(int(text), UTC) if text else None
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"a lease ends on no date that exists: {printable(text or '', 60)}") from error


def _address(text: str | None) -> str | None:
    """`text` where it is an IPv4 address."""
    try:
        return str(IPv4Address(text)) if text else None
    except AddressValueError:
        return None


def parse_wicked(source: str, lines: list[str]) -> Lease:
    """A wicked lease: XML whose prefix is not declared, so it is searched instead of parsed."""
    text = " ".join(lines)[:WICKED_LIMIT]
    told = text.partition("<unknown-245>")[2].partition("</unknown-245>")[0]
    option = re.search(r"<data>\s*([^<\s]+)\s*</data>", told)
    address = re.search(r"<(?:ip-address|address|ipv4:address)>\s*([0-9.]+)", text)
    times = [re.search(rf"<{name}>\s*([0-9]{{1,12}})\s*<", text) for name in ("acquired", "lease-time")]
    acquired, lasts = (int(found.group(1)) if found else None for found in times)
    endless = acquired is None or lasts is None or lasts == FOREVER
    interface = re.search(r"lease-(.+)-dhcp-ipv4\.xml$", source)
    return Lease(
        source,
        "wicked",
        interface and printable(interface.group(1), 40),
        _address(address and address.group(1)),
        option and printable(option.group(1), 60),
        None if endless else _epoch(str((acquired or 0) + (lasts or 0))),
    )


def parse_dhcpcd(source: str, octets: str) -> Lease:
    """The raw reply that dhcpcd keeps, as `od -tx1` prints it (RFC 2131, options from byte 240)."""
    try:
        packet = bytes.fromhex("".join(octets.split()))
    except ValueError as error:
        raise Unreadable(f"{source} was not read as bytes") from error
    if len(packet) < 244 or packet[236:240] != b"\x63\x82\x53\x63":
        raise Unreadable(f"{source} holds no DHCP reply")
    option = _dhcp_option(packet[240:], 245)
    # dhcpcd up to version 6 writes dhcpcd-eth0.lease; a wireless network's name follows the interface's.
    interface = source.rsplit("/", 1)[-1].removeprefix("dhcpcd-").removesuffix(".lease").split("-")[0]
    return Lease(source, "dhcpcd", interface, str(IPv4Address(packet[16:20])), option.hex() if option else None, None)


def _dhcp_option(options: bytes, wanted: int) -> bytes | None:
    position = 0
    while position + 1 < len(options) and options[position] != 255:
        code, length = options[position], options[position + 1]
        if code == 0:
            position += 1
            continue
        if code == wanted:
            return options[position + 2 : position + 2 + length]
        position += 2 + length
    return None


def parse_leases(output: ProbeOutput, interface: str, index: str) -> list[Lease]:
    """Every lease the guest keeps, of every client, in the order in which they were written."""
    interfaces = {index: interface}
    leases: list[Lease] = []
    for path, lines in parse_lines(output.one("leases").text).items():
        leases += [parse_wicked(path, lines)] if path.endswith(".xml") else parse_dhclient(path, lines)
    for path, lines in parse_configuration(output).items():
        if path.startswith("/run/systemd/netif/leases/"):
            leases.append(parse_networkd(path, lines, interfaces))
        elif path.startswith("/run/NetworkManager/devices/") and (
            lease := parse_networkmanager(path, lines, interfaces)
        ):
            leases.append(lease)
    for part in output.all("dhcpcd"):
        leases.append(parse_dhcpcd(part.words[1] if len(part.words) > 1 else "dhcpcd", part.text))
    for part in output.all("nmcli"):
        if lease := parse_nmcli(part.text, interface):
            leases.append(lease)
    return leases


def choose_lease(
    leases: Iterable[Lease], interface: str, addresses: tuple[str, ...], now: datetime
) -> tuple[Lease | None, Lease | None]:
    """(current, expired): the last unexpired lease of the interface, else the newest expired one.

    A lease counts for the interface by its name, or by its address where it names none. One that
    tells option 245 goes before one of the same client that cannot (NetworkManager keeps two files).
    """
    own = [x for x in leases if x.interface == interface or (x.interface is None and x.address in addresses)]
    current = [x for x in own if x.expires_at is None or x.expires_at > now]
    expired = [x for x in own if x not in current]
    if any(x.address in addresses for x in current):
        current = [x for x in current if x.address in addresses or x.address is None]
    telling = [x for x in current if x.option_245 is not None and x.client != "dhclient"]
    newest = max(expired, key=lambda x: x.expires_at or now, default=None)
    best = telling or current
    return (best[-1] if best else None), newest


def parse_addressing(output: ProbeOutput, now: datetime) -> Addressing:
    """How the primary interface, the one with the default route, comes by its address."""
    part = output.one("interface")
    pairs = part.pairs()
    interface = pairs.get("name") or ""
    if not interface:
        raise Unreadable("the guest has no default route, so no primary interface", "look at `ip route` on the guest")
    addresses = tuple(dict.fromkeys(re.findall(r"\binet (\d+(?:\.\d+){3})", part.text)))
    if not addresses:
        raise Unreadable(
            f"the addresses of {printable(interface, 40)} were not read",
            "install iproute2 on the guest, and look at `ip -4 addr`",
        )
    leases = parse_leases(output, interface, pairs.get("index", ""))
    lease, expired = choose_lease(leases, interface, addresses, now)
    configured, evidence = static_or_dhcp(parse_configuration(output), interface, pairs.get("index", ""))
    if configured is False and lease is not None and lease.client in KEPT_ON_DISK:
        lease = expired = None
    if lease is not None and (lease.address in addresses or not addresses or lease.address is None):
        configured, evidence = True, f"lease of {lease.client} in {lease.source}"
    elif configured is None and lease is not None:
        configured, evidence = (
            False,
            f"{', '.join(addresses)} is not the address of the lease in {lease.source} ({lease.address})",
        )
    endpoint = "".join(parse_configuration(output).get(ENDPOINT_FILE, [])).strip()
    return Addressing(
        interface=printable(interface, 40),
        addresses=addresses,
        uses_dhcp=configured,
        evidence=printable(evidence, 200),
        lease=lease,
        expired=None if lease else expired,
        agent_endpoint=printable(endpoint, 60) or None,
    )
