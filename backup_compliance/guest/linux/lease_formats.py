"""The formats in which DHCP clients keep their leases: text of one file in, leases out; pure.

Every line must be one that the client writes, or the file is unreadable: what is dropped without a word could be the
lease that counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from backup_compliance.guest.addressing import Lease
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

FOREVER: Final = 0xFFFFFFFF
"""A lease time without end (RFC 2131, 3.3)."""
WICKED_LIMIT: Final = 65536
"""Characters of a wicked lease that are looked at; the probe sends 16,384 bytes."""
RENEW: Final = "look at the file on the guest, and renew the lease"
_OPTION = re.compile(r'option\s{1,8}(?:unknown|private|azure)[-_]245\s{1,8}("(?:[^"\\\n]|\\.){0,80}"|[^;"\n]{1,80});')
_DATE = re.compile(r"expire\s+(?:(never)|epoch\s+(\d+)|\d\s+(?:(never)|(\d{4})/(\d\d)/(\d\d)\s+(\d\d):(\d\d):(\d\d)))")
_OPENING = re.compile(r"[a-z][\w-]*(?:[ \t][^{};]*)?\{")
_STATEMENT = re.compile(r"[A-Za-z][\w.-]*(?:[ \t].*)?;[ \t]*(?:#.*)?")
"""dhclient.leases.5: declarations in braces and statements that end with a semicolon."""
_STRICT: Final = {
    "interface": re.compile(r'interface[ \t]+"([^"]*)";'),
    "fixed-address": re.compile(r"fixed-address[ \t]+([0-9.]{7,15});"),
}
_NMCLI = re.compile(r"DHCP4\.OPTION\[[0-9]{1,4}\]:(?:[ \t]*(\w+) = (.*)|[ \t]*)")
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
    """Every `lease {}` block of one dhclient file, oldest first; what stands before the first was cut.

    Raises:
        Unreadable: a line that dhclient does not write, or a block without its end or without an address.
    """
    leases = []
    block: list[str] | None = None
    for line in (x.strip() for x in lines):
        if re.fullmatch(r"lease[ \t]*\{", line):
            _require_closed(source, block)
            block = []
        elif line == "}" and block is not None:
            leases.append(_dhclient_lease(source, block))
            block = None
        else:
            _require_statement(source, line)
            if block is not None:
                block.append(line)
    _require_closed(source, block)
    return leases


def _require_closed(source: str, block: list[str] | None) -> None:
    if block is not None:
        raise Unreadable(f"a lease in {printable(source)} has no end", RENEW)


def _require_statement(source: str, line: str) -> None:
    strict = _STRICT.get(re.split(r"[ \t;]", line, maxsplit=1)[0])
    known = strict or _STATEMENT
    if line and line != "}" and not line.startswith("#") and not known.fullmatch(line) and not _OPENING.fullmatch(line):
        raise _damaged(source, line)


def _damaged(source: str, line: str) -> Unreadable:
    return Unreadable(
        f"{printable(source)} holds a line that its client does not write: {printable(line, 80)!r}", RENEW
    )


def _dhclient_lease(source: str, lines: list[str]) -> Lease:
    text = "\n".join(lines)
    interface, address = (pattern.search(text) for pattern in _STRICT.values())
    option = _OPTION.search(text)
    return Lease(
        source=source,
        client="dhclient",
        interface=interface and printable(interface.group(1), 40),
        address=_address(source, address and address.group(1)),
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


def parse_networkd(source: str, lines: list[str], interfaces: Mapping[str, str]) -> list[Lease]:
    """A lease of systemd-networkd, in its own format or as JSON; `interfaces` maps index to name."""
    values = {}
    document: dict[str, object] = {}
    if "".join(lines).lstrip().startswith("{"):
        document = _json_lease(source, "\n".join(lines))
    for line in [] if document else lines:
        key, equals, value = line.partition("=")
        if not equals or not re.fullmatch("[A-Z0-9_]{1,40}", key):
            raise _damaged(source, line)
        values[key] = value
    option = values.get("OPTION_245") or document.get("245")
    return [
        Lease(
            source=source,
            client="systemd-networkd",
            interface=interfaces.get(source.rsplit("/", 1)[-1]),
            address=_address(source, str(document.get("Address") or values.get("ADDRESS") or "")),
            option_245=printable(str(option), 60) if option else None,
            expires_at=None,
        )
    ]


def _json_lease(source: str, text: str) -> dict[str, object]:
    """Address and option 245 of a lease as JSON; addresses are text or a list of their bytes."""
    try:
        document = json.loads(text)
        options = {o["Option"]: o["Data"] for o in document.get("Private_Options", [])}
        address = document["Address"]
        return {
            "Address": ".".join(map(str, address)) if isinstance(address, list) else address,
            "245": options.get(245),
        }
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable(f"{printable(source)} is no lease that can be read", RENEW) from error


def parse_networkmanager(source: str, lines: list[str], interfaces: Mapping[str, str]) -> list[Lease]:
    """NetworkManager's runtime state of a device; no lease where the device has no DHCP options."""
    # Keys are written `dhcp4.NAME`; those of the section count without it as well.
    dhcp: dict[str, str] = {}
    section = ""
    for key, equals, value in (line.strip().partition("=") for line in lines):
        section = section if equals else key
        if equals and (section == "[dhcp4]" or key.startswith("dhcp4.")):
            dhcp[key.removeprefix("dhcp4.")] = value
    return [_networkmanager_lease(source, interfaces.get(source.rsplit("/", 1)[-1]), dhcp)] if dhcp else []


def _networkmanager_lease(source: str, interface: str | None, options: Mapping[str, str]) -> Lease:
    option = options.get("private_245") or options.get("unknown_245")
    return Lease(
        source,
        "NetworkManager",
        interface,
        _address(source, options.get("ip_address")),
        option and printable(option, 60),
        _epoch(options.get("expiry")),
    )


def parse_nmcli(text: str, interface: str) -> list[Lease]:
    """`nmcli -t -f GENERAL.CONNECTION,DHCP4 device show`; no lease where it shows none."""
    source = "nmcli device show"
    options: dict[str, str] = {}
    for line in filter(None, (x.strip() for x in text.replace("\\:", ":").split("\n"))):
        found = _NMCLI.fullmatch(line)
        if found is None and not line.startswith(("GENERAL.CONNECTION:", "Error: ")):
            raise _damaged(source, line)
        if found and found.group(1):
            options[found.group(1)] = found.group(2)
    return [_networkmanager_lease(source, interface, options)] if options else []


def _epoch(text: str | None) -> datetime | None:
    """Seconds since 1970 as NetworkManager and wicked write them; None where there are none."""
    try:
        return datetime.fromtimestamp(int(text), UTC) if text else None
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"a lease ends on no date that exists: {printable(text or '', 60)}") from error


def _address(source: str, text: str | None) -> str:
    """`text`, an IPv4 address; a lease without one is no lease."""
    try:
        return str(IPv4Address(text or ""))
    except AddressValueError as error:
        told = f"the address {printable(text, 40)!r}" if text else "no address"
        raise Unreadable(f"a lease in {printable(source)} names {told}", RENEW) from error


def parse_wicked(source: str, lines: list[str]) -> list[Lease]:
    """A wicked lease: XML whose prefix is not declared, so it is searched instead of parsed."""
    text = " ".join(lines)[:WICKED_LIMIT]
    if "</lease>" not in text:
        raise Unreadable(f"{printable(source)} has no end", RENEW)
    told = text.partition("<unknown-245>")[2].partition("</unknown-245>")[0]
    option = re.search(r"<data>\s*([^<\s]+)\s*</data>", told)
    address = re.search(r"<(?:ip-address|address|ipv4:address)>\s*([0-9.]+)", text)
    times = [re.search(rf"<{name}>\s*([0-9]{{1,12}})\s*<", text) for name in ("acquired", "lease-time")]
    acquired, lasts = (int(found.group(1)) if found else None for found in times)
    endless = acquired is None or lasts is None or lasts == FOREVER
    interface = re.search(r"lease-(.+)-dhcp-ipv4\.xml$", source)
    return [
        Lease(
            source,
            "wicked",
            interface and printable(interface.group(1), 40),
            _address(source, address and address.group(1)),
            option and printable(option.group(1), 60),
            None if endless else _epoch(str((acquired or 0) + (lasts or 0))),
        )
    ]


def parse_dhcpcd(source: str, octets: str) -> list[Lease]:
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
    address = str(IPv4Address(packet[16:20]))
    return [Lease(source, "dhcpcd", interface, address, option.hex() if option else None, None)]


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
